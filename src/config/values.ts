/**
 * The small value types of the configuration: text, ids, levels, topic prefixes. Each says what it wants, because its
 * message is what a person reads at midnight; what the file has instead is added where the file is known.
 */
import { z } from 'zod'
import * as durations from '../duration-schema.ts'
import { alternatives } from './suggest.ts'

export { formatDuration, parseDuration } from '../duration.ts'

export const duration = durations.duration()
export const positiveDuration = durations.positiveDuration()
export const number = z.number({ error: 'must be a number' })
export const flag = z.boolean({ error: 'must be true or false' })
export const text = z.string({ error: 'must be text' }).min(1, 'must not be empty')

/** Text that no message shows, wherever it came from. Recognised by its identity: don't derive from it. */
export const secret = z.string({ error: 'must be text' })

/** A number without a fraction. */
export function whole(min: number, max: number) {
  return z
    .int({ error: 'must be a whole number' })
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
}

/** A part of the file with keys of its own, and no others. */
export function section<S extends z.ZodRawShape>(shape: S) {
  return z.strictObject(shape, { error: 'must be a section with keys of its own' })
}

/** What people call a pin. */
export const label = text
  .max(64, 'must have at most 64 characters')
  .optional()
  .describe('A label for people, in `info`, the log and Home Assistant. Nothing depends on it: it can be changed.')

/** A thing that is on while its wire is low. */
export const activeLow = flag.default(false).describe('True where the wire is low while the thing is on.')

/** Entries of one kind. */
export function list<S extends z.ZodType>(schema: S, error = 'must be a list, each entry after "- "') {
  return z.array(schema, { error })
}

/** Node, sensor and rule ids: they become a level of a topic. */
export const id = z
  .string({ error: 'must be text' })
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -')

const onOff = z.union([z.boolean(), z.enum(['off', 'on'])], { error: 'must be on or off' })

/** `on` or `off`; `true` and `false` are taken for them. */
export const level = onOff.transform((value) => (value === true || value === 'on' ? 'on' : 'off'))

/** `on`, `off`, or one of the words given. */
export function levelOr<const W extends string>(...words: W[]) {
  return z
    .union([z.boolean(), z.literal(['off', 'on', ...words])], {
      error: `must be ${alternatives(['off', 'on', ...words])}`,
    })
    .transform((value): 'off' | 'on' | W => (value === true ? 'on' : value === false ? 'off' : value))
}

const PIN = 'must be the BCM number of a header pin, 0 to 27'

/** BCM number of a pin on the 40-pin header. */
export const pin = z.int({ error: PIN }).min(0, PIN).max(27, PIN)

/** MQTT 5.0, section 4.7.3: no U+0000; section 1.5.4 advises against the other control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/** Start of a topic. `{node}` stands for the node's id. The messages don't repeat the text: it can be a secret's. */
export const topicPrefix = text.max(200, 'must have at most 200 characters').superRefine((prefix, context) => {
  if (/[+#]/.test(prefix)) context.addIssue('must contain none of the wildcards + and #')
  if (CONTROL.test(prefix)) context.addIssue('must contain no control characters')
  if (prefix.startsWith('$')) context.addIssue('must not begin with $, which brokers keep for themselves')
  if (prefix !== '' && prefix.split('/').includes('')) {
    context.addIssue('must not begin or end with / or contain an empty level')
  }
  const placeholders = prefix.match(/\{[^}]*\}?/g) ?? []
  if (placeholders.some((name) => name !== '{node}')) context.addIssue('must contain no placeholder but {node}')
})

/** A topic to publish on. `{node}` stands for the node's id. The messages don't repeat it, as above. */
export const topicName = text.max(200, 'must have at most 200 characters').superRefine((topic, context) => {
  if (/[+#]/.test(topic)) context.addIssue('must contain none of the wildcards + and #: it is published on')
  if (CONTROL.test(topic)) context.addIssue('must contain no control characters')
  if (topic.startsWith('$')) context.addIssue('must not begin with $, which brokers keep for themselves')
})

/** The section lacks every one of these keys; where one of them is wrong itself, this is not told. */
export function needs(context: z.RefinementCtx, anyOf: readonly string[], message: string): void {
  context.addIssue({ code: 'custom', message, params: { anyOf } })
}

/** An issue that involves a second key of the same section; where that one is wrong itself, this one is not told. */
export function clash(context: z.RefinementCtx, key: string, other: string, message: string): void {
  context.addIssue({ code: 'custom', path: [key], message, params: { other } })
}
