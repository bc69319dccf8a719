/**
 * A metric beyond a limit. While nothing measures, nothing changes: an alert does not end because its sensor died, and
 * nothing begins on a value that nobody renews. Time that the sensor was away counts where the value is beyond the
 * limit before and after.
 */
import type { Clock } from '../clock.ts'
import type { MetricWhen } from '../config/rule-schema.ts'
import type { Condition, ConditionEvents } from './condition.ts'

export interface MetricCondition extends Condition {
  reading(value: number): void
  /** The sensor is there, or not. */
  online(online: boolean): void
}

export function createMetricCondition(when: MetricWhen, clock: Clock, events: ConditionEvents): MetricCondition {
  let value: number | undefined
  /** Beyond the limit since then, monotonic ms; undefined: it is not, or nobody knows. */
  let since: number | undefined
  let active = false
  /** It was told that it does not hold. */
  let ended = false
  let cancel: (() => void) | undefined
  const callOff = (): void => {
    cancel?.()
    cancel = undefined
  }

  const begin = (): void => {
    callOff()
    active = true
    ended = false
    events.begin(value)
  }
  const wait = (from: number): void => {
    const rest = from + when.for - clock.monotonic()
    if (rest <= 0) begin()
    else cancel ??= clock.after(rest, begin)
  }

  return {
    get value() {
      return value
    },
    reading(now) {
      value = now
      if (beyond(when, now, since !== undefined)) {
        since ??= clock.monotonic()
        if (!active) wait(since)
        return
      }
      callOff()
      since = undefined
      active = false
      if (ended) return
      ended = true
      events.end(now)
    },
    online(online) {
      if (!online) callOff()
    },
    close: callOff,
  }
}

/**
 * Whether the value is where the condition holds. `within`: it held at the value before, so that it ends only beyond
 * the hysteresis.
 */
export function beyond({ above, below, hysteresis }: MetricWhen, value: number, within: boolean): boolean {
  const slack = within ? hysteresis : 0
  const high = above === undefined ? undefined : value > exactly(above - slack)
  const low = below === undefined ? undefined : value < exactly(below + slack)
  if (high === undefined || low === undefined) return high ?? low ?? false
  return (above ?? 0) < (below ?? 0) ? high && low : high || low
}

/** Digits of a number of a person; a sum of two has some more: 20.3 - 0.1 is 20.2 and a trifle. */
const DIGITS = 12

function exactly(sum: number): number {
  return Number(sum.toPrecision(DIGITS))
}
