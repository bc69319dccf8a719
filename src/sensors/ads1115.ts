/**
 * TI ADS1115: the voltage at one of its four inputs, or between two. Entries of the config share the chip, one for
 * each channel: every read sets the chip to its own channel, while nobody else uses the bus. Titles of sections are
 * those of the datasheet SBAS444.
 */
import { z } from 'zod'
import { type Load, loadOptional } from '../optional.ts'
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

const MODEL = 'ADS1115'
/** 'I2C address selection': the pin ADDR at GND, VDD, SDA, SCL. */
const ADDRESSES = [0x48, 0x49, 0x4a, 0x4b] as const

/** 'Register map'. */
const CONVERSION = 0x00
const CONFIG = 0x01

/** 'Config register', MUX. */
const MUX = { '0-1': 0, '0-3': 1, '1-3': 2, '2-3': 3, 0: 4, 1: 5, 2: 6, 3: 7 } as const
const CHANNELS = [0, 1, 2, 3, '0-1', '0-3', '1-3', '2-3'] as const
/** 'Config register', PGA: the code of a range is its place here. */
const RANGES = [6.144, 4.096, 2.048, 1.024, 0.512, 0.256] as const

/** OS: written, it starts a conversion; read, it says that none is under way. */
const IDLE = 0x8000
const SINGLE_SHOT = 0x0100
/** 64 in a second. Not the 128 of a chip after its reset, so that a reset shows whatever the channel and range. */
const RATE = 0x0060
const COMPARATOR_OFF = 0x0003
/** COMP_POL: of no effect while the comparator is off. Changed for each read, so that one that never began shows. */
const MARK = 0x0008
/** 'Data rate' may be 10 % slower: 1000 / 64 × 1.1 = 17.2 ms, and the chip wakes up in 0.03 ms. */
const CONVERSION_MS = 18

interface Input {
  readonly channel: (typeof CHANNELS)[number]
  /** V. */
  readonly gain: (typeof RANGES)[number]
}

/** @param load hands in the package `i2c-bus` */
export function createAds1115(load: Load = loadOptional) {
  return sensorType({
    summary: 'TI ADS1115 on the I2C bus: the voltage at one input, an entry for each',
    options: () =>
      z.strictObject({
        ...i2cOptions(ADDRESSES, 'its ADDR pin'),
        channel: z
          .literal(CHANNELS, { error: 'must be 0, 1, 2 or 3, or a pair: 0-1, 0-3, 1-3 or 2-3' })
          .describe('Input 0 to 3 against ground, or the first against the second of `0-1`, `0-3`, `1-3`, `2-3`.'),
        gain: z
          .literal(RANGES, { error: `must be the full scale in V: ${RANGES.join(', ')}` })
          .default(4.096)
          .describe(
            'Full scale in V: `6.144`, `4.096`, `2.048`, `1.024`, `0.512` or `0.256`. Whatever it is, an input stands no more than the chip’s supply.',
          ),
      }),
    // 'Full-scale range': the widest. Digits: 10 µV, about a step of the narrowest range.
    measures: { voltage: { min: -6.144, max: 6.144, digits: 5, typical: [0.5, 2.8] } },
    minIntervalMs: 100,
    defaultIntervalMs: 10_000,
    hardware: true,
    open: (options, env) =>
      openI2cSensor(load, options, env, { addresses: ADDRESSES, setUp: (chip) => setUp(chip, options) }),
  })
}

export const ads1115 = createAds1115()

/** The chip has no id: that it holds what it is given is what tells it. */
async function setUp(chip: Conversation, input: Input): Promise<ReadyChip> {
  let settings = settingsOf(input)
  await writeConfig(chip, settings)
  await settled(chip, settings)
  const measureNext = (now: Conversation): Promise<Sample> => {
    settings ^= MARK
    return measure(now, settings, input.gain)
  }
  return { quantities: ['voltage'], measure: measureNext }
}

async function measure(chip: Conversation, settings: number, gain: number): Promise<Sample> {
  await writeConfig(chip, settings | IDLE)
  await chip.clock.sleep(CONVERSION_MS, chip.signal)
  await settled(chip, settings)
  const frame = await chip.wire.readBlock(CONVERSION, 2)
  // Again: the settings are lost with the power, so a result between two good checks is ours.
  await settled(chip, settings)
  const counts = frame.readInt16BE(0)
  // 'Data format': the codes at both ends stand for all that lies beyond.
  if (counts === 0x7fff || counts === -0x8000) {
    throw unbelievable(chip, MODEL, frame, `the end of its scale: ${gain} V or beyond, which needs another gain`)
  }
  return { voltage: (counts * gain) / 0x8000 }
}

/** The config register without its highest bit. */
function settingsOf({ channel, gain }: Input): number {
  return (MUX[channel] << 12) | (RANGES.indexOf(gain) << 9) | SINGLE_SHOT | RATE | COMPARATOR_OFF
}

async function writeConfig({ wire }: Conversation, value: number): Promise<void> {
  await wire.write(CONFIG, value >> 8, value & 0xff)
}

/** Waits until no conversion is under way, and makes sure that our settings are still in the chip. */
async function settled(chip: Conversation, settings: number): Promise<void> {
  await untilDone(chip, MODEL, 'converting', async () => {
    const config = (await chip.wire.readBlock(CONFIG, 2)).readUInt16BE(0)
    if ((config & ~IDLE) !== settings) {
      throw wasReset(chip, MODEL, `its config register is ${config.toString(16)} and not ${settings.toString(16)}`)
    }
    return (config & IDLE) !== 0
  })
}
