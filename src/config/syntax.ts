/**
 * What is no YAML, in a person's words. The parser's own messages are not shown: they repeat pieces of the file,
 * and a piece of the file can be a password.
 */
import { type Document, type ErrorCode, isNode, type LineCounter, visit } from 'yaml'
import type { Problem } from '../errors.ts'

const QUOTES = "put the text in quotes: '…'"
const SAME_COLUMN = 'keys of one section begin in the same column; text that contains ": " needs quotes'

const TEXTS: Readonly<Partial<Record<ErrorCode, readonly [message: string, suggestion: string]>>> = {
  ALIAS_PROPS: ['an alias (*name) can have no anchor and no tag', 'remove what stands before the *'],
  BAD_ALIAS: ['text that begins with & or * is the name of an anchor, and this is none', QUOTES],
  BAD_DIRECTIVE: ['a line that begins with % is an instruction to the parser, and this one is unknown', 'remove it'],
  BAD_DQ_ESCAPE: ['a backslash between double quotes begins an escape, and this one is unknown', 'use single quotes'],
  BAD_INDENT: ['the indentation does not fit the lines above', SAME_COLUMN],
  BAD_SCALAR_START: ['text can not begin with this character', QUOTES],
  BLOCK_AS_IMPLICIT_KEY: ['a key begins where a value stands', SAME_COLUMN],
  BLOCK_IN_FLOW: ['lists and sections over several lines can not stand between [ ] or { }', 'close the bracket before'],
  MISSING_CHAR: [
    'something is missing: a closing quote, ] or }, or the ":" after a key',
    'look at the end of the line, and at the line above',
  ],
  MULTILINE_IMPLICIT_KEY: ['a key must stand on one line with its ":"', SAME_COLUMN],
  MULTIPLE_DOCS: ['a second document begins here, and the configuration is one', 'remove the line with --- or ...'],
  TAB_AS_INDENT: ['a tab can not indent', 'use blanks'],
  TAG_RESOLVE_FAILED: [
    'text that begins with ! is a tag, and this one is unknown',
    `put text in quotes; secrets come from \${NAME} or password_file`,
  ],
  UNEXPECTED_TOKEN: ['this does not belong here', 'check brackets, quotes and indentation around it'],
}

const NEVER_CLOSED = ['the quote or bracket that begins here is never closed', 'close it'] as const

/** `${NAME}` and `{node}`, which a YAML parser takes for a section where they begin a value or stand between brackets. */
const BRACES = /\$?\{\s*[A-Za-z_]\w*\s*\}/

const BRACES_ADVICE = `put quotes around text with { and }: '\${NAME}', 'gpio/{node}'; a number from \${NAME} needs a line of its own`

/** One problem a line, as a fault makes the parser stumble on. */
export function syntaxProblems(document: Document.Parsed, text: string, lines: LineCounter): Problem[] {
  const byLine = new Map<number, Problem>()
  const texts = text.split('\n')
  // Looked for once, whatever the number of faults: a file of rubbish has thousands.
  let innermost: { readonly at: number | undefined } | undefined
  const open = (): number | undefined => {
    innermost ??= { at: neverClosed(document, text) }
    return innermost.at
  }
  for (const { code, pos } of [...document.errors, ...document.warnings]) {
    const begun = code === 'MISSING_CHAR' || code === 'BAD_INDENT' ? open() : undefined
    const { line, col } = lines.linePos(begun ?? pos[0])
    if (byLine.has(line)) continue
    const [message, usual] = (begun === undefined ? TEXTS[code] : NEVER_CLOSED) ?? [
      'this is not YAML',
      'check brackets, quotes and indentation around it',
    ]
    const braces = BRACES.test(texts[line - 1] ?? '') && code !== 'TAG_RESOLVE_FAILED'
    const suggestion = braces ? BRACES_ADVICE : usual
    byLine.set(line, { line, column: col, path: '', message, suggestion })
  }
  return [...byLine.values()]
}

/** Where the innermost quote or bracket begins that has no end. The parser tells of the end of the file. */
function neverClosed(document: Document.Parsed, text: string): number | undefined {
  let found: number | undefined
  visit(document, (_, node) => {
    if (!isNode(node) || !node.range) return
    const [start, end] = node.range
    const closing = CLOSING[text[start] ?? '']
    if (closing !== undefined && (end - start < 2 || text[end - 1] !== closing)) found = start
  })
  return found
}

const CLOSING: Readonly<Record<string, string>> = { "'": "'", '"': '"', '[': ']', '{': '}' }

const DEEPEST = 64

/**
 * Whether brackets or indentation nest so deeply that the recursive parser could run out of stack, which ends the
 * process. A configuration has a depth of six.
 */
export function nestsTooDeeply(text: string): boolean {
  let depth = 0
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1
    if (depth > DEEPEST) return true
  }
  return new RegExp(`(?:[-?:][ \\t]+){${DEEPEST}}`).test(text) || new RegExp(`^[ ]{${8 * DEEPEST}}`, 'm').test(text)
}
