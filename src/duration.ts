/** Durations as people write them, `500ms` or `2h`: read and written. As a type of the configuration: `duration-schema.ts`. */

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
