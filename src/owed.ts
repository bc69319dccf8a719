/** Work that is owed at a time and stays owed until it has been done: a pump must not stay on because one write failed. */
import { backoff } from './backoff.ts'
import { type Clock, calledOff } from './clock.ts'

export interface Owed {
  /** On the monotonic clock, ms; in the past: at once. */
  readonly at: number
  /** How long it has to wait still when its time has come, ms. */
  readonly rest: () => number
  /** Is given the controller that calls the whole off. */
  readonly work: (controller: AbortController) => Promise<void>
  readonly onFailure: (error: unknown) => void
  readonly clock: Clock
}

/** A switch that is owed is tried soon again, however long the pin has failed. */
const AGAIN = { firstMs: 1000, longestMs: 10_000 }

/** Sees to it that the work is done. Aborting what is returned calls it off. */
export function owe({ at, rest, work, onFailure, clock }: Owed): AbortController {
  const controller = new AbortController()
  const { signal } = controller
  const wait = async (): Promise<void> => {
    for (let failures = 0, delay = at - clock.monotonic(); ; ) {
      try {
        await clock.sleep(delay, signal)
        delay = rest()
        if (delay > 0) continue
        await work(controller)
        return
      } catch (error) {
        if (signal.aborted) {
          if (!calledOff(error, signal)) onFailure(error)
          return
        }
        onFailure(error)
        failures += 1
        delay = backoff(failures, AGAIN)
      }
    }
  }
  void wait()
  return controller
}
