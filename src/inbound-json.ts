/**
 * What every JSON message to this node has in common: its length, that it is text, and beside the thing itself an `id`
 * that the sender knows it by, and `ts` with `ttl`, how long it is good for. Pure. Used by `command.ts` and `request.ts`.
 */
import { z } from 'zod'
import { parseDuration } from './duration.ts'
import { messageOf } from './errors.ts'
import { late } from './late.ts'

/** Throws at what is no text. */
const TEXT = new TextDecoder('utf-8', { fatal: true })

/** Longer than any sensible one; nothing longer is even decoded. Bytes. */
const LONGEST = 1024

/** How long a message is good for: `ttlMs` from `at`, which is on the sender's wall clock, ms since 1970. */
export interface Validity {
  readonly at: number
  readonly ttlMs: number
}

export type MessageId = string | number

/** A duration above 0, in a message. */
export const durationOf = (key: string) => {
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
const id = late(() => z.union([z.string().min(1, ID).max(LONGEST_ID, ID), z.int()], { error: ID }))

const TS = '"ts" must be a time with its zone, such as "2026-01-31T12:00:00Z"'
const ts = () => z.iso.datetime({ offset: true, error: TS }).transform((text) => Date.parse(text))

/** The keys that any message may have. */
export const commonKeys = late(() => ({
  id: id().optional(),
  ts: ts().optional(),
  ttl: durationOf('ttl').optional(),
}))

/** For a schema with `commonKeys`. */
export function hasTimeForLife({ ttl, ts: at }: { readonly ttl?: unknown; readonly ts?: unknown }): boolean {
  return ttl === undefined || at !== undefined
}
export const NEEDS_TIME = '"ttl" needs "ts" beside it, the time at which the message was given'

/** `validity`, where the message has one. */
export function validityOf({ ts: at, ttl }: { readonly ts?: number | undefined; readonly ttl?: number | undefined }): {
  readonly validity?: Validity
} {
  return at === undefined || ttl === undefined ? {} : { validity: { at, ttlMs: ttl } }
}

/** The text of a message, trimmed, or why it is none. `noun`: what the message is, such as `command`. */
export function textOf(payload: Uint8Array, noun: string): { readonly text: string } | { readonly refusal: string } {
  if (payload.length > LONGEST) return { refusal: `a ${noun} has at most ${LONGEST} bytes; this one is longer` }
  try {
    return { text: TEXT.decode(payload).trim() }
  } catch {
    return { refusal: `the ${noun} is not text` }
  }
}

/**
 * What `parse` makes of a message. The library that checks JSON is loaded with the first message that needs it: where its
 * file is gone by then, in the middle of an upgrade or on a card that fails, that costs the message, and not the agent.
 */
export function orRefusal<T>(parse: () => T): T | { readonly refusal: string } {
  try {
    return parse()
  } catch (error) {
    const [reason] = messageOf(error).split('\n')
    return { refusal: `internal error: ${reason}` }
  }
}

/** The id, where it is one, of whatever else is wrong. */
export function toldId(json: unknown): { readonly id?: MessageId } {
  const holder = z.looseObject({ id: id() }).safeParse(json)
  return holder.success ? { id: holder.data.id } : {}
}

/** Words as a person lists them: `"a", "b"`. A sender's own are cut. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => JSON.stringify(word.slice(0, 32))).join(', ')
}
