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
  return new Deadlines(clock, signal, 'once').run(work, ms)
}

/** What is done under a deadline, for whoever waits for it. */
interface Run {
  readonly resolve: (late: typeof LATE) => void
  readonly reject: (reason: unknown) => void
  readonly ms: number
}

/**
 * The same for work that is done again and again, one after the other, to be closed after the last: all of it gets one
 * signal for as long as nothing was late, and shares a timer, as these cost more than most reads do. So `work` must leave no
 * listener on its signal when it is done.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #signal: AbortSignal | undefined
  readonly #once: boolean
  #own = new AbortController()
  /** Undefined: nothing is under way. */
  #run: Run | undefined
  /** Of the run under way, on the monotonic clock, ms. */
  #end = 0
  /** The timer, which outlives what was done in time: it will look at what is under way then. */
  #timer: { readonly at: number; readonly callOff: () => void } | undefined

  constructor(clock: Clock, signal?: AbortSignal, once?: 'once') {
    this.#clock = clock
    this.#signal = signal
    this.#once = once !== undefined
    signal?.addEventListener('abort', this.#abort, { once: true })
  }

  /** As `withDeadline`; not while another `run` is under way. */
  run<T>(work: (signal: AbortSignal) => Promise<T>, ms: number): Promise<T | typeof LATE> {
    // By hand, where a race of promises would do: this is around every read of every sensor.
    return new Promise((resolve, reject) => {
      if (this.#signal?.aborted === true) return reject(this.#signal.reason)
      if (this.#own.signal.aborted) this.#own = new AbortController()
      const run: Run = { resolve, reject, ms }
      this.#begin(run)
      const failed = (error: unknown): void => {
        if (this.#over(run)) reject(error)
      }
      try {
        // What comes too late changes nothing.
        work(this.#own.signal).then((value) => {
          if (this.#over(run)) resolve(value)
        }, failed)
      } catch (error) {
        failed(error)
      }
    })
  }

  /** Leaves neither timer nor listener behind. */
  close(): void {
    this.#timer?.callOff()
    this.#timer = undefined
    this.#signal?.removeEventListener('abort', this.#abort)
  }

  #begin(run: Run): void {
    this.#run = run
    this.#end = this.#clock.monotonic() + run.ms
    if (this.#timer !== undefined && this.#timer.at <= this.#end) return
    this.#timer?.callOff()
    this.#wait(run.ms)
  }

  #wait(ms: number): void {
    this.#timer = { at: this.#clock.monotonic() + ms, callOff: this.#clock.after(ms, this.#look) }
  }

  /** Whether this is what was under way; now nothing is. */
  #over(run: Run): boolean {
    if (this.#run !== run) return false
    this.#run = undefined
    if (this.#once) this.close()
    return true
  }

  readonly #look = (): void => {
    this.#timer = undefined
    const run = this.#run
    if (run === undefined) return
    const leftMs = this.#end - this.#clock.monotonic()
    if (leftMs > 0) {
      this.#wait(leftMs)
      return
    }
    this.#over(run)
    run.resolve(LATE)
    this.#own.abort(new Error(`no result within ${run.ms} ms`))
  }

  readonly #abort = (): void => {
    const run = this.#run
    this.close()
    if (run === undefined) return
    this.#over(run)
    run.reject(this.#signal?.reason)
    this.#own.abort(this.#signal?.reason)
  }
}
