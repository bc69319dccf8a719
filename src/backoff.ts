/** Waiting longer after each failure. Used for sensors, pins (no jitter: one machine) and the broker (full jitter). */

export interface BackoffOptions {
  readonly firstMs: number
  readonly longestMs: number
}

/** Doubles from `firstMs` to `longestMs`; `failures` counts from 1. Milliseconds. */
export function backoff(failures: number, { firstMs, longestMs }: BackoffOptions): number {
  return Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 30))
}

/** Anywhere between 0 and the back-off, so that a fleet does not come back in step. Milliseconds. */
export function fullJitter(failures: number, options: BackoffOptions, random: () => number): number {
  return random() * backoff(failures, options)
}
