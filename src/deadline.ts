/** Waiting for a promise no longer than a time, on our clock. */
import type { Clock } from './clock.ts'

/** What a deadline gives instead of a value when the time has passed. */
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
  return new Deadlines(clock, signal).run(work, ms)
}

/**
 * The same for work that is done again and again, one after the other: all of it gets one signal for as long as nothing
 * was late, as a signal costs more than most reads do. So `work` must leave no listener on it when it is done.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #signal: AbortSignal | undefined
  #own = new AbortController()

  constructor(clock: Clock, signal?: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
  }

  /** As `withDeadline`; not while another `run` is under way. */
  run<T>(work: (signal: AbortSignal) => Promise<T>, ms: number): Promise<T | typeof LATE> {
    const signal = this.#signal
    if (this.#own.signal.aborted) this.#own = new AbortController()
    const own = this.#own
    // By hand, where a race of promises would do: this is around every read of every sensor.
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason)
      const over = (): void => {
        callOff()
        signal?.removeEventListener('abort', abort)
      }
      const abort = (): void => {
        over()
        reject(signal?.reason)
        own.abort(signal?.reason)
      }
      const callOff = this.#clock.after(ms, () => {
        over()
        resolve(LATE)
        own.abort(new Error(`no result within ${ms} ms`))
      })
      signal?.addEventListener('abort', abort, { once: true })
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
}
