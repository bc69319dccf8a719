/** Parses what comes on `gpio/<pin>/command`: bytes to a typed command, or why not. Pure; never throws. */
import { z } from 'zod'
import { parseDuration } from './config/values.ts'

export interface Command {
  readonly state: 'on' | 'off' | 'toggle'
  /** After this the pin takes the opposite of what the command gave, ms. */
  readonly forMs?: number
}

/** How long a command is good for: `ttlMs` from `at`, which is on the sender's wall clock, ms since 1970. */
export interface Validity {
  readonly at: number
  readonly ttlMs: number
}

export type Parsed = ({ readonly command: Command; readonly validity?: Validity } | { readonly refusal: string }) & {
  /** What the sender knows the command by; also of one that is refused. */
  readonly id?: CommandId
}

export type CommandId = string | number

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

const duration = (key: string) => {
  const message = `"${key}" must be a duration above 0 with its unit, such as "500ms", "5s" or "10m"`
  return z.string({ error: message }).transform((text, context) => {
    const ms = parseDuration(text)
    if (ms !== undefined && ms > 0) return ms
    context.addIssue(message)
    return z.NEVER
  })
}

const LONGEST_ID = 128
const ID = `"id" must be a text of 1 to ${LONGEST_ID} characters, or a whole number`
const id = z.union([z.string().min(1, ID).max(LONGEST_ID, ID), z.int()], { error: ID })

const TS = '"ts" must be a time with its zone, such as "2026-01-31T12:00:00Z"'
const ts = z.iso.datetime({ offset: true, error: TS }).transform((text) => Date.parse(text))

const KEYS = {
  state,
  for: duration('for').optional(),
  id: id.optional(),
  ts: ts.optional(),
  ttl: duration('ttl').optional(),
}
const KEY_LIST = Object.keys(KEYS)
  .map((key) => JSON.stringify(key))
  .join(', ')
const jsonCommand = z.strictObject(KEYS).refine(({ ttl, ts: at }) => ttl === undefined || at !== undefined, {
  error: '"ttl" needs "ts" beside it, the time at which the command was given',
})

/** Reads a word (in any case, blanks around it trimmed) or a JSON object with `state` and perhaps more. */
export function parseCommand(payload: Uint8Array): Parsed {
  if (payload.length > LONGEST_COMMAND) {
    return { refusal: `a command has at most ${LONGEST_COMMAND} bytes; this one is longer` }
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
  const told = toldId(json)
  const result = jsonCommand.safeParse(json)
  if (!result.success) return { refusal: result.error.issues.map(explain).join('; '), ...told }
  const { state: word, for: forMs, ts: at, ttl: ttlMs } = result.data
  return {
    command: { state: word, ...(forMs === undefined ? {} : { forMs }) },
    ...(at === undefined || ttlMs === undefined ? {} : { validity: { at, ttlMs } }),
    ...told,
  }
}

/** The id, where it is one, of whatever else is wrong. */
function toldId(json: unknown): { readonly id?: CommandId } {
  const holder = z.looseObject({ id }).safeParse(json)
  return holder.success ? { id: holder.data.id } : {}
}

function explain(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'unrecognized_keys') return issue.message
  return `unknown key ${issue.keys.map((key) => JSON.stringify(key.slice(0, 32))).join(', ')}; there are ${KEY_LIST}`
}

function wordOf(text: string): Command['state'] | undefined {
  return WORDS.get(text.trim().toLowerCase())
}
