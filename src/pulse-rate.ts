/**
 * How fast pulses come, by the times that the kernel gave them: from the newest pulse of one asking to the newest of the
 * next. So a meter that pulses every 40 s has a steady rate though it is asked every 10 s, and a busy event loop does not
 * show. Between two pulses the rate falls to what the silence still allows. Pure; one per counter.
 */
import type { Pulses } from './gpio/gpio.ts'

interface Mark {
  readonly count: number
  readonly ms: number
}

export class PulseRate {
  /** A silence of this length is no rate at all, ms. */
  idleMs: number
  /** The newest pulse. */
  #newest: Mark | undefined
  /** The pulse that the next rate is measured from. */
  #from: Mark | undefined
  #count = 0
  #outages = 0
  /** When the last news came: a pulse, the start, the line got back. On the monotonic clock, ms. */
  #newsAt: number
  /** Pulses per second; undefined while it can't be known. */
  #hz: number | undefined

  /** @param now on the monotonic clock, ms */
  constructor(idleMs: number, now: number) {
    this.idleMs = idleMs
    this.#newsAt = now
  }

  /** What a look at the counter showed; the more looks, the better is known how long it has been silent. */
  saw({ count, newestMs, outages }: Pulses, now: number): void {
    if (outages !== this.#outages) this.#startAnew(now)
    this.#outages = outages
    if (count === this.#count || newestMs === undefined) return
    // The time since the pulse before would be that of the silence.
    if (now - this.#newsAt > this.idleMs) this.#from = undefined
    this.#count = count
    this.#newest = { count, ms: newestMs }
    this.#from ??= this.#newest
    this.#newsAt = now
  }

  /** Pulses per second since it was asked before; undefined where two pulses have not been seen yet, nor a silence. */
  hz(now: number): number | undefined {
    const [from, newest] = [this.#from, this.#newest]
    if (from !== undefined && newest !== undefined && newest.ms > from.ms) {
      this.#hz = ((newest.count - from.count) / (newest.ms - from.ms)) * 1000
      this.#from = newest
    }
    const silentMs = now - this.#newsAt
    if (silentMs >= this.idleMs) this.#hz = 0
    // Had it gone on as before, there would have been one.
    else if (this.#hz !== undefined && silentMs > 0) this.#hz = Math.min(this.#hz, 1000 / silentMs)
    return this.#hz
  }

  /** Nobody knows what came while the line was lost. */
  #startAnew(now: number): void {
    this.#newest = undefined
    this.#from = undefined
    this.#hz = undefined
    this.#newsAt = now
  }
}
