/** Parses what comes on `gpio/<pin>/command`: bytes to a typed command, or why not. Pure; never throws. */
import { z } from 'zod'
import {
  commonKeys,
  durationOf,
  hasTimeForLife,
  type MessageId,
  NEEDS_TIME,
  orRefusal,
  quoted,
  textOf,
  toldId,
  type Validity,
  validityOf,
} from './inbound-json.ts'
import { late } from './late.ts'

export interface Command {
  readonly state: 'on' | 'off' | 'toggle'
  /** After this the pin takes the opposite of what the command gave, ms. */
  readonly forMs?: number
  /** Where `min_interval` forbids a level yet, it is taken as soon as it may be. A rule says so, for nobody asks it again. */
  readonly patient?: boolean
}

export type Parsed = ({ readonly command: Command; readonly validity?: Validity } | { readonly refusal: string }) & {
  /** What the sender knows the command by; also of one that is refused. */
  readonly id?: MessageId
}

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

const state = () =>
  z
    .union([z.string(), z.boolean(), z.number()], { error: `"state" must be one of ${WORD_LIST}` })
    .transform((value, context) => {
      const word = wordOf(String(value))
      if (word !== undefined) return word
      context.addIssue(`"state" must be one of ${WORD_LIST}`)
      return z.NEVER
    })

const keys = late(() => ({ state: state(), for: durationOf('for').optional(), ...commonKeys() }))
const jsonCommand = late(() => z.strictObject(keys()).refine(hasTimeForLife, { error: NEEDS_TIME }))

/**
 * Has all in memory that a command in JSON needs: so that the first one is no slower, and whatever becomes of the disk.
 * What can't be had now is asked for again by that command. Never throws.
 */
export function prepareCommands(): void {
  orRefusal(jsonCommand)
}

/** Reads a word (in any case, blanks around it trimmed) or a JSON object with `state` and perhaps more. */
export function parseCommand(payload: Uint8Array): Parsed {
  const decoded = textOf(payload, 'command')
  if ('refusal' in decoded) return decoded
  const { text } = decoded
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
  const result = jsonCommand().safeParse(json)
  if (!result.success) return { refusal: result.error.issues.map(explain).join('; '), ...told }
  const { state: word, for: forMs } = result.data
  return {
    command: { state: word, ...(forMs === undefined ? {} : { forMs }) },
    ...validityOf(result.data),
    ...told,
  }
}

function explain(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'unrecognized_keys') return issue.message
  return `unknown key ${quoted(issue.keys)}; there are ${quoted(Object.keys(keys()))}`
}

function wordOf(text: string): Command['state'] | undefined {
  return WORDS.get(text.trim().toLowerCase())
}
