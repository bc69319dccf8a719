/**
 * Presses of one button: single, double, long, told apart. A press is counted when it is certain what it is: at once
 * where nothing longer can come of it, else at its end, or when no further one has followed in time. So at most one of
 * the patterns of a button happens. The first level and one after a fault are no press: nobody saw them come.
 */
import type { Clock } from '../clock.ts'
import type { ConditionEvents } from './condition.ts'

export interface Pattern {
  readonly presses: number
  /** The last one is held for this long, ms; undefined: none is. */
  readonly heldMs: number | undefined
  readonly events: ConditionEvents
  /** It holds, until the button is released. */
  active: boolean
}

export interface PressesOptions {
  /** Not empty. */
  readonly patterns: readonly Pattern[]
  /** From the end of one press to the next, at most, ms. */
  readonly withinMs: number
  /** A press of this length, ms, is a long one, which somebody else counts; undefined: there is no such thing. */
  readonly longMs: number | undefined
  readonly clock: Clock
}

export interface Presses {
  /**
   * A level that was settled. `changed`: it is another one than before, and somebody watched. True: this is a press
   * that one of the patterns may want to be held, so that it is nobody else's long one.
   */
  level(pressed: boolean, changed: boolean): boolean
  lost(): void
  close(): void
}

export function createPresses({ patterns, withinMs, longMs, clock }: PressesOptions): Presses {
  const most = Math.max(...patterns.map(({ presses }) => presses))
  let count = 0
  /** Whatever becomes of this press, it counts for nothing any more. */
  let usedUp = true
  let timers: (() => void)[] = []
  const after = (ms: number, work: () => void): void => {
    timers.push(clock.after(ms, work))
  }
  const stop = (): void => {
    for (const cancel of timers) cancel()
    timers = []
  }
  const decide = (): void => {
    const happened = patterns.filter(({ presses, heldMs }) => presses === count && heldMs === undefined)
    count = 0
    usedUp = true
    for (const { events } of happened) events.happen()
  }

  const press = (): boolean => {
    count += 1
    usedUp = false
    const held = patterns.filter(({ presses, heldMs }) => presses === count && heldMs !== undefined)
    for (const pattern of held) {
      after(pattern.heldMs ?? 0, () => {
        usedUp = true
        pattern.active = true
        pattern.events.begin(1)
      })
    }
    const mayBeLong = held.length > 0 || longMs !== undefined
    if (held.length === 0 && longMs !== undefined) {
      after(longMs, () => {
        usedUp = true
      })
    }
    if (!mayBeLong && count >= most) decide()
    return held.length > 0
  }

  const release = (): void => {
    for (const pattern of patterns) {
      if (!pattern.active) continue
      pattern.active = false
      pattern.events.end(0)
    }
    if (usedUp) count = 0
    else if (count >= most) decide()
    else after(withinMs, decide)
  }

  return {
    level(pressed, changed) {
      stop()
      if (changed) {
        if (pressed) return press()
        release()
        return false
      }
      count = 0
      usedUp = true
      if (!pressed) release()
      return false
    },
    lost() {
      stop()
      count = 0
      usedUp = true
    },
    close: stop,
  }
}
