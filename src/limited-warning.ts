/**
 * Warns of what strangers do wrong, with a limit: once in a while of each thing, and beyond so many different ones, once
 * of all others together. Used where messages are refused.
 */
import type { Clock } from './clock.ts'
import type { Logger } from './log.ts'

/** The same refusal on the same topic is logged once in this time, ms. */
const REPEAT_MS = 60_000
/** So many refusals are told apart for that. */
const MAX_REMEMBERED = 256

interface Told {
  since: number
  suppressed: number
}

interface Refusal {
  readonly topic: string
  readonly reason: string
  /** What was refused, as far as it is shown; not looked at. */
  readonly [field: string]: string
}

/** Makes the warning, a line with that message. */
export function createLimitedWarning(clock: Clock, log: Logger, message: string): (refusal: Refusal) => void {
  const seen = new Map<string, Told>()
  const others: Told = { since: Number.NEGATIVE_INFINITY, suppressed: 0 }

  const recall = (key: string, now: number): Told => {
    const known = seen.get(key)
    if (known !== undefined) return known
    if (seen.size >= MAX_REMEMBERED) {
      for (const [old, { since, suppressed }] of seen) {
        if (now - since < REPEAT_MS) continue
        others.suppressed += suppressed
        seen.delete(old)
      }
    }
    if (seen.size >= MAX_REMEMBERED) return others
    const fresh = { since: Number.NEGATIVE_INFINITY, suppressed: 0 }
    seen.set(key, fresh)
    return fresh
  }

  return (refusal) => {
    const now = clock.monotonic()
    const told = recall(`${refusal.topic} ${refusal.reason}`, now)
    if (now - told.since < REPEAT_MS) {
      told.suppressed += 1
      return
    }
    const more = told.suppressed === 0 ? {} : { suppressed: told.suppressed }
    Object.assign(told, { since: now, suppressed: 0 })
    log.warn({ ...refusal, ...more }, message)
  }
}
