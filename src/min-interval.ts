/**
 * `min_interval`: a relay is not switched faster than this. Commands that would are refused; what switches on by itself
 * waits, as does a level that a rule wants; what switches off for safety (the end of a `for`, `max_on`, `on_disconnect`, the end of the program) does not.
 */
import type { OutputConfig } from './config/schema.ts'
import { formatDuration } from './duration.ts'
import { Refused } from './errors.ts'

type Config = Pick<OutputConfig, 'pin' | 'min_interval'>

/** How long the pin must not be switched yet, ms. `switched`: when it was, undefined: never. */
export function restOfInterval({ min_interval: least }: Config, switched: number | undefined, now: number): number {
  return least === undefined || switched === undefined ? 0 : Math.max(0, switched + least - now)
}

/** @throws Refused where the pin must not be switched yet */
export function demandInterval(config: Config, switched: number | undefined, now: number): void {
  if (restOfInterval(config, switched, now) === 0) return
  // Without the time that is left: the same refusal is logged once.
  throw new Refused(
    `pin ${config.pin} is not switched twice within its min_interval, which is ${formatDuration(config.min_interval ?? 0)}`,
  )
}
