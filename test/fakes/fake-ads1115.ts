/** An ADS1115 with a voltage at each of its inputs: converts what its config register says, and forgets with its power. */
import type { Clock } from '../../src/clock.ts'
import type { FakeChip } from './fake-i2c.ts'

const PAIRS = [
  [0, 1],
  [0, 3],
  [1, 3],
  [2, 3],
] as const
const RANGES = [6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256]
const RATES = [8, 16, 32, 64, 128, 250, 475, 860]
const AFTER_RESET = 0x8583

export class FakeAds1115 implements FakeChip {
  /** At the inputs, V. */
  volts = [1, 2, 0.5, -0.25]
  /** True for a conversion that never ends. */
  hangs = false
  /** How much longer than its rate says a conversion takes: the datasheet allows 10 %. */
  slowness = 1.1
  readonly #clock: Clock
  #pointer = 0
  #config = AFTER_RESET
  #result = 0
  #pending: { readonly at: number; readonly counts: number } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  powerCycle(): void {
    this.#pointer = 0
    this.#config = AFTER_RESET
    this.#result = 0
    this.#pending = undefined
  }

  receive([pointer = 0, ...data]: readonly number[]): void {
    this.#convert()
    this.#pointer = pointer
    const [high, low] = data
    if (pointer !== 1 || high === undefined || low === undefined) return
    this.#config = (high << 8) | low
    if (high >> 7 === 0) return
    const rate = RATES[(low >> 5) & 7] ?? 128
    this.#pending = { at: this.#clock.monotonic() + (1000 / rate) * this.slowness, counts: this.#counts() }
  }

  send(): readonly number[] {
    this.#convert()
    const idle = this.#pending === undefined ? 0x8000 : 0
    const value = this.#pointer === 1 ? (this.#config & 0x7fff) | idle : this.#pointer === 0 ? this.#result & 0xffff : 0
    return [value >> 8, value & 0xff]
  }

  #counts(): number {
    const mux = (this.#config >> 12) & 7
    const [plus, minus] = PAIRS[mux] ?? [mux - 4]
    const volts = (this.volts[plus] ?? 0) - (minus === undefined ? 0 : (this.volts[minus] ?? 0))
    const counts = Math.round((volts / (RANGES[(this.#config >> 9) & 7] ?? 1)) * 0x8000)
    return Math.min(0x7fff, Math.max(-0x8000, counts))
  }

  #convert(): void {
    if (this.hangs || this.#pending === undefined || this.#clock.monotonic() < this.#pending.at) return
    this.#result = this.#pending.counts
    this.#pending = undefined
  }
}
