/** Every message that docs/troubleshooting.md quotes is one that the program or the installer really has. */
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { pathOf, textOf } from './documents.ts'

const PAGE = 'docs/troubleshooting.md'
/** Of what varies in a message, and stands as `…` in its quotation; characters. */
const LONGEST_GAP = 160

/** As a person sees the messages: without comments, literals over several lines as one, values as `…`. */
const sources = [
  ...readdirSync(pathOf('src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `src/${name}`),
  'deploy/install.sh',
].map((file) =>
  textOf(file)
    .replace(/^\s*(\/?\*|\/\/|#).*$|\s\/\/ .*$/gm, '')
    .replace(/['`] \+\s*['`]/g, '')
    .replace(/\$\{[^{}]*\}/g, '…')
    .replace(/\$\w+/g, (name) => (file.endsWith('.sh') ? '…' : name))
    .replace(/\\(['"`$])/g, '$1'),
)

/** Whether some source has it: its parts in order, with no more between them than a value. */
function isSaid(quotation: string): boolean {
  const parts = quotation.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const pattern = new RegExp(parts.join(`[^\\n]{0,${LONGEST_GAP}}?`))
  return sources.some((source) => pattern.test(source))
}

const [withMessage = ''] = textOf(PAGE).split('\n## Without a message')
const rows = withMessage.split('\n').flatMap((line, index) => {
  const [, first = '', second = ''] = line.split(' | ').length === 3 ? [line, ...line.slice(2).split(' | ')] : []
  return second === '' || first === 'message' ? [] : [{ place: `${PAGE}:${index + 1}`, first }]
})

describe('the messages of docs/troubleshooting.md', () => {
  it('are many', () => expect(rows.length).toBeGreaterThan(60))

  it('stand alone in the first column, as code', () => {
    expect(rows.filter(({ first }) => !/^`[^`]+`$/.test(first))).toEqual([])
  })

  it.each(rows)('$place: $first', ({ first }) => expect(isSaid(first.slice(1, -1))).toBe(true))

  it('would be missed if nobody said them', () => {
    expect(isSaid('nothing listens at that adress')).toBe(false)
    expect(isSaid('nothing listens at that address: …, and is the port right?')).toBe(true)
  })
})
