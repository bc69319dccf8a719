/** A clock that stands still until it is turned. Timers fire in order, with all promises settled in between. */
import type { Clock } from '../../src/clock.ts'

interface Sleeper {
  readonly due: number
  readonly order: number
  readonly wake: () => void
}

export class FakeClock implements Clock {
  #monotonic = 0
  #offset: number
  #order = 0
  readonly #sleepers = new Set<Sleeper>()
  readonly #settled: () => Promise<void>

  /**
   * @param start wall clock at monotonic 0, ms since 1970
   * @param settle waits for what is under way; more than promises, where real files are read
   */
  constructor(start = Date.UTC(2026, 0, 1), settle = settled) {
    this.#offset = start
    this.#settled = settle
  }

  now(): number {
    return this.#offset + this.#monotonic
  }

  monotonic(): number {
    return this.#monotonic
  }

  /** Steps the wall clock alone, as NTP does. */
  step(ms: number): void {
    this.#offset += ms
  }

  /** Time passes, and nobody gets to do anything: the event loop is stuck. What was due meanwhile is late. */
  jump(ms: number): void {
    this.#monotonic += ms
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason)
        return
      }
      const abort = (): void => {
        callOff()
        reject(signal?.reason)
      }
      const callOff = this.after(ms, () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      })
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  after(ms: number, work: () => void): () => void {
    const sleeper = { due: this.#monotonic + Math.max(0, ms), order: this.#order++, wake: work }
    this.#sleepers.add(sleeper)
    return () => this.#sleepers.delete(sleeper)
  }

  /** When the next sleeper wakes, on the monotonic clock; undefined when nobody sleeps. */
  get next(): number | undefined {
    return this.#first()?.due
  }

  get sleeping(): number {
    return this.#sleepers.size
  }

  /** Turns the clock by `ms`; everything due on the way happens, in order. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms
    await this.#settled()
    for (let first = this.#first(); first !== undefined && first.due <= end; first = this.#first()) {
      this.#monotonic = Math.max(this.#monotonic, first.due)
      this.#sleepers.delete(first)
      first.wake()
      await this.#settled()
    }
    this.#monotonic = end
    await this.#settled()
  }

  #first(): Sleeper | undefined {
    return [...this.#sleepers].sort((a, b) => a.due - b.due || a.order - b.order)[0]
  }
}

/** Lets every promise that can settle without time or input do so. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
