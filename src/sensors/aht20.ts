/**
 * Aosong AHT20 (also in modules with a BMP280): temperature and humidity, one measurement for each read. Titles of
 * sections are those of the datasheet AHT20.
 */
import { z } from 'zod'
import { type Load, loadOptional } from '../optional.ts'
import { readChecked } from './crc8.ts'
import { hex } from './i2c.ts'
import {
  type Conversation,
  i2cOptions,
  openI2cSensor,
  type ReadyChip,
  unbelievable,
  untilDone,
  wasReset,
} from './i2c-sensor.ts'
import { type Sample, sensorType } from './sensor.ts'

const MODEL = 'AHT20'
const ADDRESSES = [0x38] as const

/** 'Soft reset': 20 ms at most. */
const SOFT_RESET = 0xba
const SOFT_RESET_MS = 20
/** 'Sensor reading process', step 1: loads the calibration; 10 ms. */
const INITIALISE = [0xbe, 0x08, 0x00] as const
const INITIALISE_MS = 10
/** Steps 2 and 3: 80 ms, then until the busy bit is clear. */
const MEASURE = [0xac, 0x33, 0x00] as const
const MEASURE_MS = 80

/** 'Status bits': what the first byte of every answer is made of. */
const BUSY = 0x80
const CALIBRATED = 0x08

/** Both values have 20 bits. */
const FULL = 2 ** 20

/** @param load hands in the package `i2c-bus` */
export function createAht20(load: Load = loadOptional) {
  return sensorType({
    summary: 'Aosong AHT20 on the I2C bus: temperature and humidity',
    options: () => z.strictObject(i2cOptions(ADDRESSES)),
    // 'Relative humidity' and 'Temperature': ranges, and resolution (0.01 °C, 0.024 %).
    measures: {
      temperature: { min: -40, max: 85, digits: 2, typical: [18, 24] },
      humidity: { min: 0, max: 100, digits: 1, typical: [35, 60] },
    },
    // 'Self-heating': not more often than every 2 s.
    minIntervalMs: 2000,
    defaultIntervalMs: 10_000,
    hardware: true,
    open: (place, env) => openI2cSensor(load, place, env, { addresses: ADDRESSES, setUp }),
  })
}

export const aht20 = createAht20()

/** The chip has no id: that it takes its calibration is what tells it. */
async function setUp(chip: Conversation): Promise<ReadyChip> {
  const { wire, clock, signal } = chip
  await wire.write(SOFT_RESET)
  await clock.sleep(SOFT_RESET_MS, signal)
  if (((await idle(chip, 'starting')) & CALIBRATED) === 0) {
    await wire.write(...INITIALISE)
    await clock.sleep(INITIALISE_MS, signal)
    const status = await idle(chip, 'loading its calibration')
    if ((status & CALIBRATED) === 0) throw unbelievable(chip, MODEL, Buffer.of(status), 'no sign of its calibration')
  }
  return { quantities: ['temperature', 'humidity'], measure }
}

async function measure(chip: Conversation): Promise<Sample> {
  await chip.wire.write(...MEASURE)
  await chip.clock.sleep(MEASURE_MS, chip.signal)
  await idle(chip, 'measuring')
  const frame = await readChecked(chip, MODEL, 1, 6)
  const status = frame.readUInt8(0)
  // The calibration is lost with the power.
  if ((status & CALIBRATED) === 0) throw wasReset(chip, MODEL, `its status is ${hex(status)}, not calibrated`)
  const humidity = frame.readUIntBE(1, 3) >> 4
  const temperature = frame.readUIntBE(3, 3) & 0xfffff
  // -50 and 150 °C: what was never measured.
  if ((status & BUSY) !== 0 || temperature === 0 || temperature === FULL - 1)
    throw unbelievable(chip, MODEL, frame, 'no measurement')
  // 'Signal conversion'.
  return { temperature: (200 * temperature) / FULL - 50, humidity: (100 * humidity) / FULL }
}

/** Waits until the chip is not busy. Gives its status. */
async function idle(chip: Conversation, doing: string): Promise<number> {
  let status = BUSY
  await untilDone(chip, MODEL, doing, async () => {
    status = (await chip.wire.read(1)).readUInt8(0)
    return (status & BUSY) === 0
  })
  return status
}
