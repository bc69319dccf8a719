/**
 * Time, as an argument: `monotonic` for durations, `now` for timestamps. Tests hand in a clock that they turn.
 */

export interface Clock {
  /** Wall clock, milliseconds since 1970 in UTC. May jump. */
  now(): number
  /**
   * Milliseconds since a start that all processes of one boot share (CLOCK_MONOTONIC); never goes back, not changed by
   * setting the clock. Comparable with what an earlier process wrote down, as long as the boot is the same.
   */
  monotonic(): number
  /** Resolves after `ms` on the monotonic clock (0 and below: in a later turn). Rejects with the signal's reason on abort. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Does `work`, which must not throw, after `ms` as `sleep` counts them. What it gives calls that off; later that does nothing. */
  after(ms: number, work: () => void): () => void
}

/** `setTimeout` fires at once beyond this (Node.js documentation, 'setTimeout': 2^31 - 1 ms). */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic,
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason)
      const abort = (): void => {
        callOff()
        reject(signal?.reason)
      }
      const callOff = systemClock.after(ms, () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      })
      signal?.addEventListener('abort', abort, { once: true })
    })
  },
  after(ms, work) {
    const end = monotonic() + ms
    // Node's timers may fire a fraction of a millisecond early; we never do.
    const step = (): void => {
      const leftMs = end - monotonic()
      if (leftMs > 0) timer = setTimeout(step, timeoutOf(leftMs))
      else work()
    }
    let timer = setTimeout(step, timeoutOf(ms))
    return () => clearTimeout(timer)
  },
}

/** Rounded up, as Node.js rounds down: what came too early would have to wait, and wake the process, once more. */
function timeoutOf(ms: number): number {
  return Math.min(Math.ceil(Math.max(0, ms)), LONGEST_TIMEOUT_MS)
}

/** Not `performance.now()`, which counts from the start of the process. */
function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

/** A reason to abort what is waited for again and again. Without one, each abort makes an error, stack and all. */
export const CALLED_OFF = new Error('called off')

/** True where `thrown` is the reason of an aborted `signal`: the wait was called off, nothing failed. */
export function calledOff(thrown: unknown, signal: AbortSignal): boolean {
  return signal.aborted && thrown === signal.reason
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Sleeps for `ms`, or until the signal aborts, which is no error: the caller looks at the signal. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const over = (): void => {
      callOff()
      signal.removeEventListener('abort', over)
      resolve()
    }
    const callOff = clock.after(ms, over)
    signal.addEventListener('abort', over, { once: true })
  })
}

/** The waits of one loop, one after the other: one that rests often would pay for a listener at each. */
export class Rests {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  #callOff = (): void => {}
  #over = (): void => {}
  #untilAsked = false

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
    signal.addEventListener('abort', this.#wake, { once: true })
  }

  /** Resolves after `ms`, on abort, or at the next `asked` where that is to end it. */
  for(ms: number, or?: 'or asked'): Promise<void> {
    this.#untilAsked = or !== undefined
    return new Promise((resolve) => {
      if (this.#signal.aborted) return resolve()
      this.#over = resolve
      this.#callOff = this.#clock.after(ms, resolve)
    })
  }

  /** There is something to do. */
  readonly asked = (): void => {
    if (this.#untilAsked) this.#wake()
  }

  readonly #wake = (): void => {
    this.#callOff()
    this.#over()
  }

  close(): void {
    this.#callOff()
    this.#signal.removeEventListener('abort', this.#wake)
  }
}
