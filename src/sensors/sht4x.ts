/**
 * Sensirion SHT40, SHT41, SHT43 and SHT45: temperature and humidity, one measurement for each read. Titles of
 * sections are those of the datasheet SHT4x.
 */
import { z } from 'zod'
import { type Load, loadOptional } from '../optional.ts'
import { readChecked } from './crc8.ts'
import { type Conversation, i2cOptions, openI2cSensor, type ReadyChip } from './i2c-sensor.ts'
import { type Sample, type SensorEnv, sensorType } from './sensor.ts'

const MODEL = 'SHT4x'
/** 'Ordering information': the letter in the part's name (A, B, C). */
const ADDRESSES = [0x44, 0x45, 0x46] as const

/** 'Command overview', and 'Timings': 1 ms at most. */
const SOFT_RESET = 0x94
const SOFT_RESET_MS = 2
/** The datasheet gives no time; Sensirion's own driver waits for this long. */
const READ_SERIAL = 0x89
const READ_SERIAL_MS = 10
/** High precision; 'Timings': 8.3 ms at most. */
const MEASURE = 0xfd
const MEASURE_MS = 9

/** @param load hands in the package `i2c-bus` */
export function createSht4x(load: Load = loadOptional) {
  return sensorType({
    summary: 'Sensirion SHT40, SHT41, SHT43 or SHT45 on the I2C bus: temperature and humidity',
    options: () => z.strictObject(i2cOptions(ADDRESSES, 'the letter in its name')),
    // 'Humidity and temperature sensor specifications': specified ranges, and repeatability (0.04 °C, 0.08 %).
    measures: {
      temperature: { min: -40, max: 125, digits: 2, typical: [18, 24] },
      humidity: { min: 0, max: 100, digits: 1, typical: [35, 60] },
    },
    minIntervalMs: 1000,
    defaultIntervalMs: 10_000,
    hardware: true,
    open: (place, env) => openI2cSensor(load, place, env, { addresses: ADDRESSES, setUp: (chip) => setUp(chip, env) }),
  })
}

export const sht4x = createSht4x()

/** The chip has no id: a serial number with the right CRCs is what tells it. */
async function setUp(chip: Conversation, { log }: SensorEnv): Promise<ReadyChip> {
  const { place, wire, clock, signal } = chip
  await wire.write(SOFT_RESET)
  await clock.sleep(SOFT_RESET_MS, signal)
  await wire.write(READ_SERIAL)
  await clock.sleep(READ_SERIAL_MS, signal)
  const serial = (await readChecked(chip, MODEL, 2, 2)).toString('hex')
  log.debug({ sensor: place.name, model: MODEL, serial }, 'chip identified')
  return { quantities: ['temperature', 'humidity'], measure }
}

/** A chip that lost its power meanwhile has nothing to say, and does not acknowledge. */
async function measure(chip: Conversation): Promise<Sample> {
  await chip.wire.write(MEASURE)
  await chip.clock.sleep(MEASURE_MS, chip.signal)
  const words = await readChecked(chip, MODEL, 2, 2)
  // 'Conversion of signal output'. Humidity may come out as -6 to 119 %; the same section crops it to 0 to 100.
  const humidity = -6 + (125 * words.readUInt16BE(2)) / 65_535
  return {
    temperature: -45 + (175 * words.readUInt16BE(0)) / 65_535,
    humidity: Math.min(100, Math.max(0, humidity)),
  }
}
