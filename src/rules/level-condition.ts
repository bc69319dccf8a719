/**
 * A pin that has a level, perhaps for a time. A level that is found at the start, or after the line was lost, came
 * without anybody doing anything: the condition holds then all the same, and says so, because a door that is open is
 * open; a rule lets its alerts begin at it, and nothing else.
 */
import type { Clock } from '../clock.ts'
import type { PinWhen } from '../config/rule-schema.ts'
import type { Level } from '../gpio/gpio.ts'
import type { Condition, ConditionEvents } from './condition.ts'

export interface LevelEvents extends ConditionEvents {
  /** It holds, and nobody knows since when: nothing changed. */
  found(value: number): void
}

export interface LevelCondition extends Condition {
  /** A level that was settled. `changed`: it is another one than before, and somebody watched. */
  level(level: Level, changed: boolean): void
  /** The line is lost: nothing is known. What holds goes on, and nothing begins. */
  lost(): void
  /** It is there again, at the level that it had, unless one is told soon. */
  back(): void
}

export function createLevelCondition(when: PinWhen, clock: Clock, events: LevelEvents): LevelCondition {
  let value: Level | undefined
  let cancel = (): void => {}
  let active = false
  const condition: LevelCondition = {
    get value() {
      return value
    },
    level(level, changed) {
      value = level
      cancel()
      if (level !== when.level) {
        active = false
        events.end(level)
        return
      }
      if (active) return
      const begin = (): void => {
        active = true
        if (changed) events.begin(level)
        else events.found(level)
      }
      if (when.held === undefined) begin()
      else cancel = clock.after(when.held, begin)
    },
    lost: () => cancel(),
    back() {
      if (value === when.level && !active) condition.level(value, false)
    },
    close: () => cancel(),
  }
  return condition
}
