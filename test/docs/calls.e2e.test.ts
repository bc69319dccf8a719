/** Subcommands and options that the documents name, also in lines that no test runs, are those of the built command. */
import { expect, it } from 'vitest'
import { runToEnd } from '../fakes/agent-process.ts'
import { blocksOf, PAGES, textOf } from './documents.ts'

/** What follows the name of the program in code, as `gpio 17 on --for 5s`. */
function callsOf(file: string): string[] {
  const code = [
    ...[...textOf(file).matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span),
    ...blocksOf(file).flatMap(({ language, text }) => (language === 'sh' ? text.split('\n') : [])),
  ]
  // Elsewhere on a line it is the name of the service.
  return code.flatMap((line) => /(?:^|[|(] ?|sudo |npx )sensor-node ([a-z].*)$/.exec(line)?.[1] ?? [])
}

it('all subcommands and options that the documents name exist', async () => {
  const { output } = await runToEnd(['man'])
  const sections = output.replaceAll('\\-', '-').split(/^\.S[SH] /m)
  const calls = PAGES.flatMap((file) => callsOf(file).map((call) => `${file}: sensor-node ${call}`))
  expect(calls.length).toBeGreaterThan(40)
  const wrong = calls.filter((line) => {
    const [name = '', ...rest] = line.replace(/^.*?: sensor-node /, '').split(/[\s|;)]+/)
    const about = sections.find((section) => section.startsWith(`sensor-node ${name} `))
    const options = rest.filter((word) => /^--[a-z]/.test(word) && word !== '--help')
    return about === undefined || options.some((option) => !about.includes(option.replace(/[,.]$/, '')))
  })
  expect(wrong).toEqual([])
})
