/** An SHT3x that does not acknowledge while it measures, resets or has nothing to say, and forgets with its power. */
import type { Clock } from '../../src/clock.ts'
import { type FakeChip, notAcknowledged } from './fake-i2c.ts'
import { wordWithCrc } from './with-crc.ts'

export class FakeSht3x implements FakeChip {
  /** What it will measure next: 25 °C and 50 %. */
  raw = { temperature: 0x6666, humidity: 0x8000 }
  /** Bits that the next answer has wrong, by byte. */
  garbled: readonly number[] = []
  heater = false
  /** A heater that a reset does not switch off: no SHT3x. */
  heaterStuck = false
  /** True while another program has it measuring by itself: it then takes nothing but a break. */
  periodic = false
  measuringMs = 15.5
  readonly #clock: Clock
  #busyUntil: number
  #answer: number[] | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#busyUntil = clock.monotonic()
  }

  powerCycle(): void {
    this.heater = this.heaterStuck
    this.periodic = false
    this.#answer = undefined
    this.#busyUntil = this.#clock.monotonic() + 1
  }

  receive(bytes: readonly number[]): void {
    this.#acknowledge()
    const command = Buffer.from(bytes).toString('hex')
    if (this.periodic && command !== '3093') throw notAcknowledged()
    this.#answer = undefined
    switch (command) {
      case '3093':
        this.periodic = false
        this.#busyUntil = this.#clock.monotonic() + 1
        return
      case '30a2':
        this.powerCycle()
        this.#busyUntil = this.#clock.monotonic() + 1.5
        return
      case 'f32d':
        this.#answer = wordWithCrc(this.heater ? 0x2010 : 0x8010)
        return
      case '2400':
        this.#busyUntil = this.#clock.monotonic() + this.measuringMs
        this.#answer = [...wordWithCrc(this.raw.temperature), ...wordWithCrc(this.raw.humidity)]
        return
      default:
        throw notAcknowledged()
    }
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
