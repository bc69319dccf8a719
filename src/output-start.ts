/**
 * The level that an output begins at, after what an earlier process left. Pure. A `for` that was under way when that
 * process was killed goes on, and whatever would be over by now is over: then the pin begins off. Nothing here lets
 * a pin be on for longer than it was ordered to be.
 */
import type { OutputConfig } from './config/schema.ts'
import type { Level } from './gpio/gpio.ts'
import type { PinTimes } from './output-times.ts'

export interface Start {
  readonly level: Level | 'keep'
  /** A `for` that goes on. */
  readonly pulse?: PinTimes['pulse']
  /** The limit on being on counts from here; without it, from the start. */
  readonly onSince?: number | undefined
}

const OFF: Start = { level: 0 }

/** @param last what was ordered last  @param away since when the broker is away, as far as is known  @param now monotonic */
export function startOf(
  config: Pick<OutputConfig, 'initial' | 'max_on' | 'on_disconnect'>,
  left: PinTimes,
  last: Level | undefined,
  away: number | undefined,
  now: number,
): Start {
  const { initial, max_on: maxOn, on_disconnect: rule } = config
  const { pulse, onSince } = left
  if (initial === 'off' || left.expired === true) return OFF
  if (maxOn !== undefined && onSince !== undefined && onSince + maxOn <= now) return OFF
  if (rule?.state === 'off' && away !== undefined && away + rule.after <= now) return OFF
  if (pulse !== undefined) {
    const over = pulse.at <= now
    if (pulse.level === 0) return over ? OFF : { level: 'keep', pulse, onSince } // it may never have gone on
    return over ? { level: 1 } : { level: 0, pulse }
  }
  const level = initial === 'last' ? (last ?? 0) : initial === 'on' ? 1 : 'keep'
  // An "on" comes back only with its limit. Without it the line is left as it is: off after a boot.
  if (level === 1 && maxOn !== undefined && onSince === undefined) return { level: 'keep' }
  return { level, onSince }
}
