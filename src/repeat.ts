/** Work of the agent's own that comes round: health, the status line, the watchdog. Each beats like every other loop. */
import { type Clock, pause } from './clock.ts'

export interface RepeatOptions {
  /** From one run of the work to the next. */
  readonly ms: number
  readonly work: () => void
  readonly clock: Clock
  /** The loop will beat again within this time, ms, if all is well. */
  readonly beat: (withinMs: number) => void
}

/** So late may it be before it counts as stuck: timers are, on a busy Pi. */
const SLACK_MS = 20_000

/** Does the work at once and then again and again, until the signal aborts. @throws what the work throws */
export async function repeat({ ms, work, clock, beat }: RepeatOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    work()
    beat(ms + SLACK_MS)
    await pause(clock, ms, signal)
  }
}
