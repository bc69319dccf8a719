/** Getting back what could not be opened, for as long as the agent lives: sensors and pins alike. */
import { type BackoffOptions, backoff } from './backoff.ts'
import { type Clock, pause } from './clock.ts'

/** From one try to the next, ms. */
export const REOPEN: BackoffOptions = { firstMs: 1000, longestMs: 300_000 }

/** Tries again, with back-off, until `attempt` says that it went well or the signal aborts. @throws what `attempt` throws */
export async function keepTrying(attempt: () => Promise<boolean>, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let failures = 1; ; failures += 1) {
    await pause(clock, backoff(failures, REOPEN), signal)
    if (signal.aborted || (await attempt())) return
  }
}
