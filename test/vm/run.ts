/**
 * Runs the bundled tests that lie beside it, in this one process: vitest's own runner and `expect`, without its command,
 * its compiler and its worker, which load for seconds there. guest/run-tests.sh calls it.
 *
 *   run.js [NAME...] [-t PATTERN] [--exclude NAME]...
 *
 * NAME is a part of a file's name; to exclude, all of it without `.vm.js`. PATTERN is a regular expression for the names
 * of tests. One file after the other, as they share the pins, the bus and the broker of the machine.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type File, startTests, type VitestRunner } from '@vitest/runner'
import { expect } from 'vitest'
import { PATIENCE_MS } from './patience.ts'
import { fault, type Outcome, tell, told, total } from './report.ts'

const AFTER_REBOOT = 'after-reboot.vm.js'
/** In this order, after all others: what is installed stays, and would take the pins and the bus from them. */
const LAST = ['install.vm.js', 'sandbox.vm.js']

const NOTHING_EXPECTED = {
  assertionCalls: 0,
  isExpectingAssertions: false,
  isExpectingAssertionsError: null,
  expectedAssertionsNumber: null,
  expectedAssertionsNumberErrorGen: null,
}

// Whoever ends this process before it is done has not passed; nor has a test that waits for what can't come.
process.exitCode = 1
const tellOfEnd = (): void => void process.stdout.write('\n The process ended in the middle of a test\n')
process.once('exit', tellOfEnd)
const exit = process.exit.bind(process)
process.exit = (code) => {
  throw new Error(`a test called process.exit(${code ?? ''})`)
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { testNamePattern: { type: 'string', short: 't' }, exclude: { type: 'string', multiple: true } },
})
const inVain = misspelt()
if (inVain.length > 0) throw new Error(`no file of tests is called ${inVain.join(', nor ')}`)
const begun = performance.now()
const stray: unknown[] = []
process.on('uncaughtException', (error) => stray.push(error)) // an unhandled rejection is one, too
const outcome: Outcome = { files: [], stray }
for (const name of chosen()) outcome.files.push(...(await run(join(import.meta.dirname, name))))
// What nobody waits for may still fail.
await new Promise((resolve) => setTimeout(resolve))
process.off('exit', tellOfEnd)
exit(total(outcome, performance.now() - begun) ? 0 : 1)

/** Names that choose or leave out nothing: what somebody wanted to run would not, and all would look well. */
function misspelt(): string[] {
  const none = (fits: (file: string) => boolean): boolean => !testFiles().some(fits)
  return [
    ...positionals.filter((part) => none((file) => file.includes(part))),
    ...(values.exclude ?? []).filter((name) => none((file) => file === `${name}.vm.js`)),
  ]
}

function testFiles(): string[] {
  return readdirSync(import.meta.dirname).filter((name) => name.endsWith('.vm.js'))
}

function chosen(): string[] {
  const excluded = values.exclude?.map((name) => `${name}.vm.js`) ?? []
  return testFiles()
    .filter((name) => !excluded.includes(name))
    .filter((name) => (name === AFTER_REBOOT) === (process.env.VM_BOOT === '2'))
    .filter((name) => positionals.length === 0 || positionals.some((part) => name.includes(part)))
    .toSorted((a, b) => LAST.indexOf(a) - LAST.indexOf(b) || a.localeCompare(b))
}

async function run(path: string): Promise<File[]> {
  const files = await startTests([path], runner())
  for (const file of files) tell(file)
  return files
}

function runner(): VitestRunner {
  const pattern = values.testNamePattern
  return {
    config: {
      root: process.cwd(),
      name: undefined,
      setupFiles: [],
      passWithNoTests: false,
      testNamePattern: pattern === undefined ? undefined : new RegExp(pattern),
      allowOnly: false,
      sequence: { seed: 0, hooks: 'stack', setupFiles: 'list' },
      chaiConfig: undefined,
      maxConcurrency: 1,
      // More than the patience of a test for one thing, so that its own words come out.
      testTimeout: 2 * PATIENCE_MS,
      hookTimeout: 2 * PATIENCE_MS,
      retry: 0,
      includeTaskLocation: false,
      tags: [],
      tagsFilter: undefined,
      strictTags: true,
    },
    importFile: (file) => import(file),
    onAfterRunTask: told,
    onBeforeTryTask: () => expect.setState(NOTHING_EXPECTED),
    onAfterTryTask: () => heldToItsWord(),
    onTaskUpdate: async () => {},
  }
}

/** For `expect.assertions` and `expect.hasAssertions`. */
function heldToItsWord(): void {
  const state = expect.getState()
  const { assertionCalls: calls, expectedAssertionsNumber: wanted } = state
  if (typeof wanted === 'number' && calls !== wanted) throw fault(state.expectedAssertionsNumberErrorGen?.())
  if (state.isExpectingAssertions && calls === 0) throw fault(state.isExpectingAssertionsError)
}
