/**
 * Sensirion SHT30, SHT31 and SHT35: temperature and humidity. Every read is a single shot, without clock stretching,
 * which the Pi's controller does badly. Titles of sections are those of the datasheet SHT3x-DIS.
 */
import { z } from 'zod'
import { SensorError } from '../errors.ts'
import { type Load, loadOptional } from '../optional.ts'
import { readChecked } from './crc8.ts'
import { subject } from './i2c.ts'
import { type Conversation, i2cOptions, openI2cSensor, type ReadyChip } from './i2c-sensor.ts'
import { type Sample, sensorType } from './sensor.ts'

const MODEL = 'SHT3x'
/** 'I2C address': the pin ADDR low, or high. */
const ADDRESSES = [0x44, 0x45] as const

/** 'Break command': ends measurements that another program has set going; 1 ms until the chip listens again. */
const BREAK = [0x30, 0x93] as const
const BREAK_MS = 1
/** 'Soft reset', and 'System timing': 1.5 ms at most. Switches the heater off, too. */
const SOFT_RESET = [0x30, 0xa2] as const
const SOFT_RESET_MS = 2
/** 'Status register': bit 13 while the heater is on. */
const READ_STATUS = [0xf3, 0x2d] as const
const HEATER = 0x2000

/** 'Single shot data acquisition mode', high repeatability, no clock stretching; 'System timing': 15.5 ms at most. */
const MEASURE = [0x24, 0x00] as const
const MEASURE_MS = 16

/** @param load hands in the package `i2c-bus` */
export function createSht3x(load: Load = loadOptional) {
  return sensorType({
    summary: 'Sensirion SHT30, SHT31 or SHT35 on the I2C bus: temperature and humidity',
    options: () => z.strictObject(i2cOptions(ADDRESSES, 'its ADDR pin')),
    // 'Sensor performance': specified ranges, and repeatability (0.04 °C, 0.08 %).
    measures: {
      temperature: { min: -40, max: 125, digits: 2, typical: [18, 24] },
      humidity: { min: 0, max: 100, digits: 1, typical: [35, 60] },
    },
    minIntervalMs: 1000,
    defaultIntervalMs: 10_000,
    hardware: true,
    open: (place, env) => openI2cSensor(load, place, env, { addresses: ADDRESSES, setUp }),
  })
}

export const sht3x = createSht3x()

/** The chip has no id: its answer to a command that is its own, with the right CRC, is what tells it. */
async function setUp(chip: Conversation): Promise<ReadyChip> {
  const { place, wire, clock, signal } = chip
  await wire.write(...BREAK)
  await clock.sleep(BREAK_MS, signal)
  await wire.write(...SOFT_RESET)
  await clock.sleep(SOFT_RESET_MS, signal)
  await wire.write(...READ_STATUS)
  const status = (await readChecked(chip, MODEL, 1, 2)).readUInt16BE(0)
  if ((status & HEATER) === 0) return { quantities: ['temperature', 'humidity'], measure }
  const text = `${subject(place, MODEL)} keeps its heater on (status ${status.toString(16)}); check address and type`
  throw new SensorError('wrong-device', text)
}

/** A chip that lost its power meanwhile has nothing to say, and does not acknowledge. */
async function measure(chip: Conversation): Promise<Sample> {
  await chip.wire.write(...MEASURE)
  await chip.clock.sleep(MEASURE_MS, chip.signal)
  const words = await readChecked(chip, MODEL, 2, 2)
  // 'Conversion of signal output'.
  return {
    temperature: -45 + (175 * words.readUInt16BE(0)) / 65_535,
    humidity: (100 * words.readUInt16BE(2)) / 65_535,
  }
}
