/** Links between the documents lead somewhere: files and headings that are there. What is named (scripts, pages) exists. */
import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { PAGES, pathOf, textOf } from './documents.ts'

const DOCUMENTS = [...PAGES, 'CONTRIBUTING.md', 'CHANGELOG.md']

/** Without what stands in fenced blocks. */
const proseOf = (file: string): string => textOf(file).replace(/^(```+)[\s\S]*?^\1$/gm, '')

/** As GitHub makes them of headings: a second one of a name gets a number. */
function anchorsOf(file: string): string[] {
  const counts = new Map<string, number>()
  return [...proseOf(file).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const anchor = plain
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-')
    const count = counts.get(anchor) ?? 0
    counts.set(anchor, count + 1)
    return count === 0 ? anchor : `${anchor}-${count}`
  })
}

const links = DOCUMENTS.flatMap((file) =>
  [...proseOf(file).matchAll(/\]\((?!https?:)([^)\s]+)\)|(?:src|href)="(?!https?:)([^"]+)"/g)].map(
    ([, one, other]) => ({
      file,
      link: one ?? other ?? '',
    }),
  ),
)

describe('the links of the documents', () => {
  it('are found', () => expect(links.length).toBeGreaterThan(20))

  it.each(links)('$file: $link', ({ file, link }) => {
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? file : normalize(join(dirname(file), decodeURIComponent(path)))
    expect(existsSync(pathOf(target)), `${target} is there`).toBe(true)
    if (anchor !== undefined) expect(anchorsOf(target)).toContain(anchor)
  })

  it('lead to every page below docs/, from the index or the README', () => {
    const linked = links.map(({ file, link }) => normalize(join(dirname(file), link.split('#')[0] ?? '')))
    expect(PAGES.filter((page) => page !== 'README.md' && !linked.includes(page))).toEqual([])
  })
})

it('npm scripts that the documents name are there', () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(textOf('package.json'))
  const named = DOCUMENTS.flatMap((file) =>
    [...textOf(file).matchAll(/npm (?:run )?(\w+)/g)].map(([, script = '']) => script),
  )
  const own = named.filter((script) => !['install', 'ci', 'rebuild', 'packages', 'audit'].includes(script))
  expect(own.filter((script) => scripts[script] === undefined)).toEqual([])
  expect(own.length).toBeGreaterThan(3)
})

it('the README is short', () => {
  expect(textOf('README.md').split('\n').length).toBeLessThanOrEqual(200)
})
