/** The documents that people read, and their fenced blocks with the marks before them. Read by the tests beside this. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

/**
 * A mark is an HTML comment on the lines right before the fence. `not run: REASON`: of a `sh` block, one of the reasons of
 * `shell.test.ts`. `exits N`: its status is not 0. `file: NAME`: the block becomes that file. `not ours: WHOSE`: YAML of another
 * program. `wrong`: a configuration that must be refused.
 */
export type Mark = 'not run' | 'exits' | 'file' | 'not ours' | 'wrong'

export interface Block {
  /** Below the repository's folder, with `/`. */
  readonly file: string
  /** Of the opening fence, from 1. */
  readonly line: number
  readonly language: string
  readonly text: string
  readonly marks: ReadonlyMap<Mark, string>
  /** Nothing but empty lines between the block before and this one. */
  readonly direct: boolean
}

const MARKS: readonly Mark[] = ['not run', 'exits', 'file', 'not ours', 'wrong']
/** Languages of blocks whose comments must be marks that there are: elsewhere a comment may say what it likes. */
const MARKED = ['sh', 'yaml', 'text', 'console']

export const pathOf = (file: string): string => fileURLToPath(new URL(`../../${file}`, import.meta.url))
export const textOf = (file: string): string => readFileSync(pathOf(file), 'utf8')

/** README.md and all below docs/. */
export const PAGES: readonly string[] = [
  'README.md',
  ...readdirSync(pathOf('docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    .sort(),
]

/** The blocks of a document, in its order. @throws where a fence is not closed, or a mark is none */
export function blocksOf(file: string, text = textOf(file)): Block[] {
  const lines = text.split('\n')
  const blocks: Block[] = []
  let lastEnd = -1
  for (let at = 0; at < lines.length; at += 1) {
    const [, fence, language = ''] = /^(```+)\s*(\S*)/.exec(lines[at] ?? '') ?? []
    if (fence === undefined) continue
    const end = lines.indexOf(fence, at + 1)
    if (end === -1) throw new Error(`${file}:${at + 1}: this block is not closed`)
    const { marks, first } = marksBefore(file, lines, at, language)
    const between = lines.slice(lastEnd + 1, first)
    const direct = lastEnd >= 0 && between.every((line) => line.trim() === '')
    blocks.push({ file, line: at + 1, language, text: `${lines.slice(at + 1, end).join('\n')}\n`, marks, direct })
    lastEnd = end
    at = end
  }
  return blocks
}

function marksBefore(file: string, lines: readonly string[], fence: number, language: string) {
  const marks = new Map<Mark, string>()
  let first = fence
  for (; first > 0; first -= 1) {
    const comment = /^<!-- (.*) -->$/.exec(lines[first - 1] ?? '')?.[1]
    if (comment === undefined) break
    const mark = MARKS.find((one) => comment === one || new RegExp(`^${one}:? `).test(comment))
    if (mark !== undefined) marks.set(mark, comment.slice(mark.length).replace(/^:? /, ''))
    else if (MARKED.includes(language)) throw new Error(`${file}:${first}: no such mark: ${comment}`)
  }
  return { marks, first }
}

/** Where a block stands, as editors jump to it. */
export const placeOf = ({ file, line }: Block): string => `${file}:${line}`

const MINIMAL: Readonly<Record<string, string>> = {
  sensors: 'sensors: [{ type: bme280 }]',
  gpio: 'gpio: { outputs: [{ pin: 17 }, { pin: 22 }], inputs: [{ pin: 27 }] }',
}

/** The YAML of a block, and below it what it lacks to be a configuration, so that its lines keep their numbers. */
export function whole(text: string): string {
  const value: unknown = parse(text, { schema: 'core' })
  if (Array.isArray(value)) {
    const key = value.every((entry) => 'type' in entry) ? 'sensors' : 'rules'
    return whole(`${key}:\n${text.replace(/^/gm, '  ')}`)
  }
  const there = typeof value === 'object' && value !== null ? Object.keys(value) : []
  // A file that has either is a whole one, unless it has rules for what it does not show.
  if (there.some((key) => key in MINIMAL) && !there.includes('rules')) return text
  const lacking = Object.keys(MINIMAL).filter((key) => !there.includes(key))
  return [text, ...lacking.map((key) => MINIMAL[key])].join('\n')
}
