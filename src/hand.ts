/**
 * A hand at the other side of a simulated input: with `--simulate` a message presses it, as nobody else can. What was
 * pressed goes the way of every edge, through debouncing to state and rules. Used by `pins.ts`.
 */
import { type Clock, calledOff } from './clock.ts'
import type { Command } from './command.ts'
import type { StateInputConfig } from './config/schema.ts'
import type { Level, Outside } from './gpio/gpio.ts'
import { across, opposite } from './gpio/wire.ts'

export interface HandOptions {
  readonly outside: Outside
  readonly clock: Clock
  /** A bug of ours. */
  readonly onBug: (error: unknown) => void
}

type Moved = Pick<StateInputConfig, 'pin' | 'active_low'>

/**
 * Makes the function that moves a wire, and gives the logical level that it now has. With `forMs` the wire takes the
 * opposite after that time, unless it was moved again. @throws GpioError
 */
export function createHand({ outside, clock, onBug }: HandOptions, signal: AbortSignal) {
  const holding = new Map<number, AbortController>()

  return ({ pin, active_low: activeLow }: Moved, { state, forMs }: Command): Level => {
    const move = (level: Level): void => outside.drive(pin, across(level, activeLow))
    const level = state === 'toggle' ? opposite(across(outside.physical(pin), activeLow)) : state === 'on' ? 1 : 0
    move(level)
    holding.get(pin)?.abort()
    holding.delete(pin)
    if (forMs !== undefined) {
      const hold = new AbortController()
      holding.set(pin, hold)
      const until = AbortSignal.any([hold.signal, signal])
      clock
        .sleep(forMs, until)
        .then(
          () => move(opposite(level)),
          (error) => {
            if (!calledOff(error, until)) onBug(error)
          },
        )
        .catch(onBug)
    }
    return level
  }
}
