/** An AHT20 that is busy while it measures, loses its calibration with its power, and keeps its last result. */
import type { Clock } from '../../src/clock.ts'
import { type FakeChip, notAcknowledged } from './fake-i2c.ts'
import { withCrc } from './with-crc.ts'

export class FakeAht20 implements FakeChip {
  /** What it will measure next, 20 bits each: 25 °C and 50 %. */
  raw = { temperature: 0x60000, humidity: 0x80000 }
  /** Bits that the next frame has wrong, by byte. */
  garbled: readonly number[] = []
  measuringMs = 80
  /** False for one that does not take its calibration: no AHT20, or a broken one. */
  calibrates = true
  /** True for one that has its calibration from the start, as newer parts have. */
  calibratedAtOnce = false
  #calibrated = false
  readonly #clock: Clock
  #silentUntil: number
  #busyUntil = 0
  #measured = { temperature: 0, humidity: 0 }

  constructor(clock: Clock) {
    this.#clock = clock
    this.#silentUntil = clock.monotonic()
  }

  powerCycle(): void {
    this.#calibrated = this.calibratedAtOnce
    this.#measured = { temperature: 0, humidity: 0 }
    this.#busyUntil = 0
    this.#silentUntil = this.#clock.monotonic() + 20
  }

  receive(bytes: readonly number[]): void {
    this.#acknowledge()
    const command = Buffer.from(bytes).toString('hex')
    if (command === 'ba') this.powerCycle()
    else if (command === 'be0800') {
      this.#calibrated = this.calibrates
      this.#busyUntil = this.#clock.monotonic() + 10
    } else if (command === 'ac3300') {
      this.#measured = this.raw
      this.#busyUntil = this.#clock.monotonic() + this.measuringMs
    } else throw notAcknowledged()
  }

  send(): readonly number[] {
    this.#acknowledge()
    const busy = this.#clock.monotonic() < this.#busyUntil
    const { temperature: t, humidity: h } = this.#measured
    const values = [h >> 12, (h >> 4) & 0xff, ((h & 0x0f) << 4) | (t >> 16), (t >> 8) & 0xff, t & 0xff]
    const frame = withCrc((busy ? 0x80 : 0) | (this.#calibrated ? 0x18 : 0x10), ...values)
    return frame.map((byte, index) => byte ^ (this.garbled[index] ?? 0))
  }

  #acknowledge(): void {
    if (this.#clock.monotonic() < this.#silentUntil) throw notAcknowledged()
  }
}
