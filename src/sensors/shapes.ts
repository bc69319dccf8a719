/**
 * The signals that a simulated sensor draws: pure functions of the time since its start and of how many reads it
 * has answered. Called by `simulated.ts` alone.
 */
import { createHash } from 'node:crypto'

export const SHAPES = ['constant', 'ramp', 'sine', 'step', 'random', 'counter'] as const
export type Shape = (typeof SHAPES)[number]

/** `min`, `max` and `value` in the unit of what is drawn. */
export interface Signal {
  readonly shape: Shape
  readonly min: number
  readonly max: number
  readonly periodMs: number
  /** For `constant`; default: the middle of `min` and `max`. */
  readonly value?: number | undefined
}

export interface Moment {
  /** Since the start of the signal. */
  readonly elapsedMs: number
  /** Good reads before this one. */
  readonly answered: number
  /** Tells the random sequences apart. */
  readonly seed: string
}

/**
 * The value of a signal.
 *
 * - `constant`: `value`, always.
 * - `ramp`: rises evenly from `min` to `max` within a period, and starts again.
 * - `sine`: starts in the middle, at `max` after a quarter of the period, at `min` after three quarters.
 * - `step`: `min` for the first half of the period, `max` for the second.
 * - `random`: anywhere from `min` to below `max`; the same seed always gives the same sequence.
 * - `counter`: 0, 1, 2 … one more for each good read; knows neither `min` nor `max`.
 *
 * @returns a raw float in the signal's unit
 */
export function valueAt(signal: Signal, moment: Moment): number {
  const { shape, min, max, periodMs } = signal
  const phase = (moment.elapsedMs % periodMs) / periodMs
  switch (shape) {
    case 'constant':
      return signal.value ?? (min + max) / 2
    case 'ramp':
      return min + (max - min) * phase
    case 'sine':
      return (min + max) / 2 + ((max - min) / 2) * Math.sin(2 * Math.PI * phase)
    case 'step':
      return phase < 0.5 ? min : max
    case 'random':
      return min + (max - min) * fraction(`${moment.seed}/${moment.answered}`)
    case 'counter':
      return moment.answered
  }
}

/** Evenly spread over 0 to below 1, and fixed by the text: a sequence needs no state, and survives a reopen. */
function fraction(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32
}
