/**
 * A BME280 or BMP280 that sleeps, measures, forgets with its power and ignores what is written to read-only registers.
 */
import type { Calibration } from 'bme280-sensor'
import type { Clock } from '../../src/clock.ts'
import type { FakeRegisters } from './fake-i2c.ts'

/** Of the datasheet's example for temperature and pressure (BST-BMP280-DS001, section 3.12), and a usual part's humidity. */
export const EXAMPLE: Calibration = {
  ...{ dig_T1: 27504, dig_T2: 26435, dig_T3: -1000 },
  ...{ dig_P1: 36477, dig_P2: -10685, dig_P3: 3024, dig_P4: 2855, dig_P5: 140 },
  ...{ dig_P6: -7, dig_P7: 15500, dig_P8: -14600, dig_P9: 6000 },
  ...{ dig_H1: 75, dig_H2: 370, dig_H3: 0, dig_H4: 313, dig_H5: 50, dig_H6: 30 },
}

export interface Raw {
  readonly temperature: number
  readonly pressure: number
  readonly humidity: number
}

const NOTHING: Raw = { temperature: 0x80000, pressure: 0x80000, humidity: 0x8000 }

export class FakeBme280 implements FakeRegisters {
  /** What it will measure next: the ADC's values. The datasheet's example, and about 46 %. */
  raw: Raw = { temperature: 519888, pressure: 415148, humidity: 29000 }
  /** Every register reads as this: a bus that is stuck. */
  stuck: number | undefined
  /** How long one measurement takes, ms. */
  conversionMs = 70
  /** True for a chip that hangs in a measurement, until it is reset. */
  hangs = false
  /** The power fails for a moment just before this register is read, once: in the middle of a block. */
  powerFailsAt: number | undefined
  readonly #clock: Clock
  readonly #id: number
  readonly #memory: Uint8Array
  #latched = NOTHING
  #humiditySetting = 0
  #effectiveHumiditySetting = 0
  #config = 0
  #control = 0
  #updatingUntil = 0
  #measuredAt: number | undefined

  constructor(clock: Clock, { id = 0x60, calibration = EXAMPLE }: { id?: number; calibration?: Calibration } = {}) {
    this.#clock = clock
    this.#id = id
    this.#memory = encode(calibration)
    this.powerCycle()
  }

  /** Forgets settings and data, as a brown-out does and as the soft reset does. */
  powerCycle(): void {
    this.#humiditySetting = this.#effectiveHumiditySetting = this.#config = this.#control = 0
    this.#latched = NOTHING
    this.#measuredAt = undefined
    this.hangs = false
    this.#updatingUntil = this.#clock.monotonic() + 4
  }

  /** Changes the memory behind the bus's back: calibration that is worn or blank. */
  fillCalibration(first: number, last: number, value: number): void {
    this.#memory.fill(value, first, last + 1)
  }

  read(register: number): number {
    if (this.stuck !== undefined) return this.stuck
    if (register === this.powerFailsAt) {
      this.powerFailsAt = undefined
      this.powerCycle()
    }
    this.#measure()
    if (register === 0xd0) return this.#id
    if (register === 0xf2) return this.#humiditySetting
    if (register === 0xf3) return this.#status()
    if (register === 0xf4) return this.#control
    if (register === 0xf5) return this.#config
    if (register >= 0xf7 && register <= 0xfe) return dataOf(this.#latched)[register - 0xf7] ?? 0
    return this.#updating ? 0 : (this.#memory[register] ?? 0)
  }

  write(register: number, value: number): void {
    this.#measure()
    if (register === 0xe0 && value === 0xb6) this.powerCycle()
    if (register === 0xf2) this.#humiditySetting = value & 0x07
    if (register === 0xf5) this.#config = value
    if (register !== 0xf4) return
    this.#control = value
    this.#effectiveHumiditySetting = this.#humiditySetting
    if ((value & 0x03) !== 0) this.#measuredAt = this.#clock.monotonic() + this.conversionMs
  }

  get #updating(): boolean {
    return this.#clock.monotonic() < this.#updatingUntil
  }

  #status(): number {
    return (this.hangs || this.#measuredAt !== undefined ? 0x08 : 0) | (this.#updating ? 0x01 : 0)
  }

  #measure(): void {
    if (this.#measuredAt === undefined || this.#clock.monotonic() < this.#measuredAt) return
    this.#measuredAt = undefined
    this.#latched = {
      temperature: this.#control >> 5 === 0 ? NOTHING.temperature : this.raw.temperature,
      pressure: ((this.#control >> 2) & 7) === 0 ? NOTHING.pressure : this.raw.pressure,
      humidity: this.#effectiveHumiditySetting === 0 ? NOTHING.humidity : this.raw.humidity,
    }
    this.#control &= ~0x03
  }
}

function dataOf({ temperature, pressure, humidity }: Raw): Buffer {
  const data = Buffer.alloc(8)
  data.writeUIntBE(pressure << 4, 0, 3)
  data.writeUIntBE(temperature << 4, 3, 3)
  data.writeUInt16BE(humidity, 6)
  return data
}

/** The memory map of BST-BME280-DS002, table 16. */
function encode(cal: Calibration): Uint8Array {
  const memory = Buffer.alloc(256)
  const words = [cal.dig_T1, cal.dig_T2, cal.dig_T3, cal.dig_P1, cal.dig_P2, cal.dig_P3, cal.dig_P4, cal.dig_P5]
  words.push(cal.dig_P6, cal.dig_P7, cal.dig_P8, cal.dig_P9)
  for (const [index, word] of words.entries()) memory.writeUInt16LE(word & 0xffff, 0x88 + 2 * index)
  memory.writeUInt8(cal.dig_H1, 0xa1)
  memory.writeUInt16LE(cal.dig_H2 & 0xffff, 0xe1)
  memory.writeUInt8(cal.dig_H3, 0xe3)
  memory.writeUInt8((cal.dig_H4 >> 4) & 0xff, 0xe4)
  memory.writeUInt8((cal.dig_H4 & 0x0f) | ((cal.dig_H5 & 0x0f) << 4), 0xe5)
  memory.writeUInt8((cal.dig_H5 >> 4) & 0xff, 0xe6)
  memory.writeUInt8(cal.dig_H6 & 0xff, 0xe7)
  return memory
}
