/** The one place where a logical level and the level of the wire are told apart. Used by every backend. */
import type { Level } from './gpio.ts'

/** The wire's level for a logical one, and the logical level for a wire's: the same flip both ways. */
export function across(level: Level, activeLow: boolean): Level {
  return activeLow ? opposite(level) : level
}

export function opposite(level: Level): Level {
  return level === 1 ? 0 : 1
}
