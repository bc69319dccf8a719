/**
 * Waits for the end of what the broker keeps: it comes after its answer to a subscription, all at once, and so long a
 * silence is its end. For tools that look once.
 */
import { type Clock, pause } from '../clock.ts'

const SILENCE_MS = 500
/** In case something never falls silent. */
const LONGEST_MS = 20_000

export function createQuiet(clock: Clock) {
  let started = clock.monotonic()
  let last = started
  return {
    /** Something came, or was asked for. */
    heard(): void {
      last = clock.monotonic()
    },

    /** From now on. @throws the signal's reason on abort */
    async wait(signal: AbortSignal): Promise<void> {
      started = clock.monotonic()
      last = started
      const leftMs = (): number => Math.min(last + SILENCE_MS, started + LONGEST_MS) - clock.monotonic()
      while (leftMs() > 0) {
        await pause(clock, leftMs(), signal)
        signal.throwIfAborted()
      }
    },
  }
}
