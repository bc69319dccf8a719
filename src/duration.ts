/**
 * Durations as people write them, `500ms` or `2h`: read, written, and as a type of the configuration. Apart from
 * the other value types because sensor types use it in their own options.
 */
import { z } from 'zod'

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/** Longest duration that anything accepts, ms: ten years. Keeps every sum below what a number holds exactly. */
const LONGEST_DURATION_MS = 3650 * UNIT_MS.d

/** Milliseconds of `500ms`, `10s`, `5m`, `2h`, `7d`; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = DURATION.exec(text.trim()) ?? []
  if (amount === undefined || unit === undefined) return undefined
  const ms = Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS] // the pattern lists the keys
  return ms <= LONGEST_DURATION_MS ? ms : undefined
}

/** The shortest exact way to write a duration: 90000 is `90s`, 3600000 is `1h`. */
export function formatDuration(ms: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find((name) => ms >= UNIT_MS[name] && ms % UNIT_MS[name] === 0) ?? 'ms'
  return `${ms / UNIT_MS[unit]}${unit}`
}

const MESSAGE = 'must be a duration with its unit, such as 500ms, 10s, 5m, 2h or 7d'

/** A duration in the file, milliseconds in the program. */
export const duration = z
  .string({ error: MESSAGE })
  .meta({ pattern: '^\\s*\\d+(\\.\\d+)?(ms|s|m|h|d)\\s*$', patternErrorMessage: MESSAGE }) // for editors
  .transform((text, context) => {
    const ms = parseDuration(text)
    if (ms !== undefined) return ms
    context.addIssue(`${MESSAGE}, and at most 3650d`)
    return z.NEVER
  })

/** A duration above 0. */
export const positiveDuration = duration.refine((ms) => ms > 0, 'must be longer than 0')
