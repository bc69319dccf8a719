/**
 * A BH1750 that sleeps after each measurement, resets only when awake, answers with its last result while it makes
 * the next one, and with 0 after its power was lost.
 */
import type { Clock } from '../../src/clock.ts'
import type { FakeChip } from './fake-i2c.ts'

const USUAL = 69

export class FakeBh1750 implements FakeChip {
  /** What it will count next, at the usual sensitivity. The datasheet's example. */
  raw = 0x8390
  measuringMs = 180
  /** How long one measurement takes and counts, 69 by default. */
  sensitivity = USUAL
  readonly #clock: Clock
  #awake = false
  #result = 0
  #pending: { readonly at: number; readonly counts: number } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  powerCycle(): void {
    this.#awake = false
    this.#result = 0
    this.#pending = undefined
    this.sensitivity = USUAL
  }

  receive([command = 0, ...rest]: readonly number[]): void {
    this.#measure()
    // 'Not able to accept plural command without stop condition.'
    if (rest.length > 0) return
    if (command === 0x00) this.#awake = false
    else if (command === 0x01) this.#awake = true
    else if (command === 0x07 && this.#awake) this.#result = 0
    else if (command >> 3 === 0b01000) this.sensitivity = ((command & 0x07) << 5) | (this.sensitivity & 0x1f)
    else if (command >> 5 === 0b011) this.sensitivity = (command & 0x1f) | (this.sensitivity & 0xe0)
    else if (command === 0x20) {
      const counts = Math.min(0xffff, Math.round((this.raw * this.sensitivity) / USUAL))
      this.#awake = true
      this.#pending = { at: this.#clock.monotonic() + this.measuringMs, counts }
    }
  }

  send(): readonly number[] {
    this.#measure()
    return [this.#result >> 8, this.#result & 0xff]
  }

  #measure(): void {
    if (this.#pending === undefined || this.#clock.monotonic() < this.#pending.at) return
    this.#result = this.#pending.counts
    this.#pending = undefined
    this.#awake = false
  }
}
