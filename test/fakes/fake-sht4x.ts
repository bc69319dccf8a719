/** An SHT4x that does not acknowledge while it measures, resets or has nothing to say, and forgets with its power. */
import type { Clock } from '../../src/clock.ts'
import { type FakeChip, notAcknowledged } from './fake-i2c.ts'
import { wordWithCrc } from './with-crc.ts'

export class FakeSht4x implements FakeChip {
  /** What it will measure next: 25 °C and 44 %. */
  raw = { temperature: 0x6666, humidity: 0x6666 }
  /** Bits that the next answer has wrong, by byte. */
  garbled: readonly number[] = []
  measuringMs = 8.3
  readonly #clock: Clock
  #busyUntil: number
  #answer: number[] | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#busyUntil = clock.monotonic()
  }

  powerCycle(): void {
    this.#answer = undefined
    this.#busyUntil = this.#clock.monotonic() + 1
  }

  receive([command, ...rest]: readonly number[]): void {
    this.#acknowledge()
    if (rest.length > 0) throw notAcknowledged()
    this.#answer = undefined
    if (command === 0x94) this.powerCycle()
    else if (command === 0x89) this.#answer = [...wordWithCrc(0x0f4b), ...wordWithCrc(0x1c2d)]
    else if (command === 0xfd) {
      this.#busyUntil = this.#clock.monotonic() + this.measuringMs
      this.#answer = [...wordWithCrc(this.raw.temperature), ...wordWithCrc(this.raw.humidity)]
    } else throw notAcknowledged()
  }

  send(): readonly number[] {
    this.#acknowledge()
    if (this.#answer === undefined) throw notAcknowledged()
    const answer = this.#answer.map((byte, index) => byte ^ (this.garbled[index] ?? 0))
    this.#answer = undefined
    return answer
  }

  #acknowledge(): void {
    if (this.#clock.monotonic() < this.#busyUntil) throw notAcknowledged()
  }
}
