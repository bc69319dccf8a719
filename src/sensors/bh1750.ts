/**
 * ROHM BH1750FVI: illuminance, one measurement for each read. The chip has no id, no status and no checksum, so that
 * a bus that is stuck low can't be told from darkness. Titles of sections are those of the datasheet BH1750FVI.
 */
import { z } from 'zod'
import { type Load, loadOptional } from '../optional.ts'
import { type Conversation, i2cOptions, openI2cSensor, type ReadyChip, unbelievable } from './i2c-sensor.ts'
import { type Sample, sensorType } from './sensor.ts'

const MODEL = 'BH1750'
/** 'Slave address': the pin ADDR low, or high. */
const ADDRESSES = [0x23, 0x5c] as const

/** 'Instruction set'. `RESET` clears the last result, so that it can't be taken for the next. */
const POWER_ON = 0x01
const RESET = 0x07
const MEASURE_ONCE = 0x20
/** 'Change measurement time': the usual 69, in two commands; another program may have left another sensitivity. */
const SENSITIVITY = [0x42, 0x65] as const
/** 'Electrical characteristics': high resolution mode, at most. */
const MEASURE_MS = 180

/** 'Measurement accuracy': counts in a lux. */
const COUNTS_PER_LUX = 1.2
/** The end of the scale. */
const FULL = 0xffff
/** 0 is darkness, or a chip that lost its power before it was asked: darkness is there the next time, too. */
const ATTEMPTS = 2

/** @param load hands in the package `i2c-bus` */
export function createBh1750(load: Load = loadOptional) {
  return sensorType({
    summary: 'ROHM BH1750 on the I2C bus: illuminance',
    options: () => z.strictObject(i2cOptions(ADDRESSES, 'its ADDR pin')),
    measures: { illuminance: { min: 0, max: FULL / COUNTS_PER_LUX, digits: 1, typical: [50, 800] } },
    minIntervalMs: 1000,
    defaultIntervalMs: 10_000,
    hardware: true,
    open: (place, env) => openI2cSensor(load, place, env, { addresses: ADDRESSES, setUp }),
  })
}

export const bh1750 = createBh1750()

async function setUp({ wire }: Conversation): Promise<ReadyChip> {
  for (const command of [POWER_ON, ...SENSITIVITY]) await wire.write(command)
  return { quantities: ['illuminance'], measure }
}

async function measure(chip: Conversation): Promise<Sample> {
  for (let attempt = 1; ; attempt += 1) {
    // The chip goes to sleep after each measurement, and resets only when awake. It takes one command at a time.
    for (const command of [POWER_ON, RESET, MEASURE_ONCE]) await chip.wire.write(command)
    await chip.clock.sleep(MEASURE_MS, chip.signal)
    const frame = await chip.wire.read(2)
    const counts = frame.readUInt16BE(0)
    if (counts === FULL) throw unbelievable(chip, MODEL, frame, 'the end of its scale: too bright, or a stuck bus')
    if (counts !== 0 || attempt >= ATTEMPTS) return { illuminance: counts / COUNTS_PER_LUX }
  }
}
