/** Parses what comes on `gpio/<pin>/command`: bytes to a typed command, or why not. Pure; never throws. */
import { z } from 'zod'
import { parseDuration } from './config/values.ts'

export interface Command {
  readonly state: 'on' | 'off' | 'toggle'
  /** After this the pin takes the opposite of what the command gave, ms. */
  readonly forMs?: number
}

export type Parsed = { readonly command: Command } | { readonly refusal: string }

/** Longer than any sensible command; nothing longer is even decoded. Bytes. */
const LONGEST_COMMAND = 1024

/** A Map: an object would put the numbers first in what people read, and knows words such as `constructor`. */
const WORDS: ReadonlyMap<string, Command['state']> = new Map([
  ['on', 'on'],
  ['off', 'off'],
  ['toggle', 'toggle'],
  ['1', 'on'],
  ['0', 'off'],
  ['true', 'on'],
  ['false', 'off'],
  ['high', 'on'],
  ['low', 'off'],
])
const WORD_LIST = [...WORDS.keys()].join(', ')

const state = z
  .union([z.string(), z.boolean(), z.number()], { error: `"state" must be one of ${WORD_LIST}` })
  .transform((value, context) => {
    const word = wordOf(String(value))
    if (word !== undefined) return word
    context.addIssue(`"state" must be one of ${WORD_LIST}`)
    return z.NEVER
  })

const FOR = '"for" must be a duration above 0 with its unit, such as "500ms", "5s" or "10m"'
const forMs = z.string({ error: FOR }).transform((text, context) => {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0) return ms
  context.addIssue(FOR)
  return z.NEVER
})

const jsonCommand = z.strictObject({ state, for: forMs.optional() })

/** Reads a word (in any case, blanks around it trimmed) or a JSON object with `state` and perhaps `for`. */
export function parseCommand(payload: Uint8Array): Parsed {
  if (payload.length > LONGEST_COMMAND) {
    return { refusal: `a command has at most ${LONGEST_COMMAND} bytes, this one has ${payload.length}` }
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(payload).trim()
  } catch {
    return { refusal: 'the command is not text' }
  }
  if (text === '') return { refusal: `the command is empty; send one of ${WORD_LIST}` }
  const word = wordOf(text)
  if (word !== undefined) return { command: { state: word } }
  if (!text.startsWith('{'))
    return { refusal: `the command must be one of ${WORD_LIST}, or JSON such as {"state":"on","for":"5s"}` }
  return parseJson(text)
}

function parseJson(text: string): Parsed {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return { refusal: 'the command is not valid JSON; it may look like {"state":"on","for":"5s"}' }
  }
  const result = jsonCommand.safeParse(json)
  if (!result.success) return { refusal: result.error.issues.map(explain).join('; ') }
  const { state: parsedState, for: parsedFor } = result.data
  return { command: parsedFor === undefined ? { state: parsedState } : { state: parsedState, forMs: parsedFor } }
}

function explain(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'unrecognized_keys') return issue.message
  return `unknown key ${issue.keys.map((key) => JSON.stringify(key.slice(0, 32))).join(', ')}; there are "state" and "for"`
}

function wordOf(text: string): Command['state'] | undefined {
  return WORDS.get(text.trim().toLowerCase())
}
