/** Waiting for a promise no longer than a time, on our clock. */
import { CALLED_OFF, type Clock } from './clock.ts'

/** What `withDeadline` gives instead of a value when the time has passed. */
export const LATE = Symbol('late')

/**
 * Runs `work` with a signal that aborts after `ms`, or with `signal`. Settles at that moment at the latest, even
 * where `work` ignores its signal: what it does later is nobody's business any more.
 *
 * @returns the value, or `LATE`
 * @throws what `work` throws before the deadline; `signal`'s reason on abort
 */
export function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  ms: number,
  clock: Clock,
  signal?: AbortSignal,
): Promise<T | typeof LATE> {
  // By hand, where a race of promises would do: this is around every read of every sensor.
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason)
    const own = new AbortController()
    const timer = new AbortController()
    const over = (): void => {
      signal?.removeEventListener('abort', abort)
      timer.abort(CALLED_OFF)
    }
    const abort = (): void => {
      over()
      reject(signal?.reason)
      own.abort(signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
    clock.sleep(ms, timer.signal).then(
      () => {
        over()
        resolve(LATE)
        own.abort(new Error(`no result within ${ms} ms`))
      },
      () => {}, // called off: it is over
    )
    // Inside a promise: what `work` throws at once must not leave the timer behind. What comes too late changes nothing.
    const working = (async () => work(own.signal))()
    working.then(
      (value) => {
        over()
        resolve(value)
      },
      (error: unknown) => {
        over()
        reject(error)
      },
    )
  })
}
