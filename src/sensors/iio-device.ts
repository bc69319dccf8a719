/**
 * One IIO device as a sensor: the quantities that its channels give, and all of them in one read. Called by
 * `iio-sensor.ts` and, for chips that a driver of our own could read too, by `kernel-driver.ts`.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SensorError } from '../errors.ts'
import { QUANTITIES, type Quantity, type Sample, type Span } from '../reading.ts'
import { BME280_RANGES } from './bme280-ranges.ts'
import { type IioDevice, isCalled } from './iio.ts'
import { type Channel, channelNames, channelsOf, numberIn } from './iio-channels.ts'
import { iioError } from './iio-error.ts'
import type { Sensor, SensorEnv } from './sensor.ts'
import { inTurn } from './turns.ts'

/**
 * The DHT driver gives the last values again for 2 s (dht11.c, DHT11_DATA_VALID_TIME), and the chip itself wants as long
 * between two answers (AM2302 datasheet, sampling period).
 */
const DHT_REST_MS = 2100

/** Chips that answer without a checksum, and what they can measure. */
const RANGES: readonly {
  readonly chips: readonly string[]
  readonly spans: Readonly<Partial<Record<Quantity, Span>>>
}[] = [{ chips: ['bme280', 'bmp280'], spans: BME280_RANGES }]

/**
 * Opens a device that `findIioDevices` found. Measures nothing yet.
 *
 * @throws SensorError `unsupported` where none of its channels is one of ours, `not-found` where it has gone
 */
export async function openIio(device: IioDevice, { clock, log, name }: SensorEnv): Promise<Sensor> {
  const dht = isCalled(device, 'dht11')
  const what = `${name}: IIO device ${device.name}`
  const files = await filesOf(device, what, dht)
  const channels = channelsOf(files)
  if (channels.length === 0) throw nothingOurs(what, files)
  const spans = RANGES.find(({ chips }) => chips.some((chip) => isCalled(device, chip)))?.spans ?? {}
  log.debug({ sensor: name, device: device.name, folder: device.folder }, 'IIO device found')
  /** Monotonic, ms: from then on a read is a new measurement. */
  let freshFrom = Number.NEGATIVE_INFINITY
  return {
    quantities: channels.map(({ quantity }) => quantity),
    async read(signal) {
      const early = freshFrom - clock.monotonic()
      if (early > 0) await clock.sleep(early, signal)
      // A read inside the driver can't be called off: the next one waits for its end instead of holding a thread.
      const sample = inTurn(device.folder, signal, () => measure(device, channels, { what, dht, signal }))
      const measured = await sample.finally(() => {
        if (dht) freshFrom = clock.monotonic() + DHT_REST_MS
      })
      refuseImpossible(what, measured, spans)
      return measured
    },
    async close() {},
  }
}

interface Reading {
  readonly what: string
  readonly dht: boolean
  readonly signal: AbortSignal
}

/** All channels, one straight after the other: a DHT's humidity then comes from the same answer as its temperature. */
async function measure(device: IioDevice, channels: readonly Channel[], reading: Reading): Promise<Sample> {
  const values: Partial<Record<Quantity, number>> = {}
  for (const { quantity, toUnit, source } of channels) {
    const number = (file: string): Promise<number> => readNumber(join(device.folder, file), reading)
    if ('input' in source) values[quantity] = toUnit(await number(source.input))
    else {
      const raw = await number(source.raw)
      const offset = source.offset === undefined ? 0 : await number(source.offset)
      values[quantity] = toUnit((raw + offset) * (await number(source.scale)))
    }
  }
  return values
}

/**
 * A value that such a chip can't measure is no outlier but the sign of a bus that is stuck, whose zeros or ones the
 * driver reckons with. The others of that moment are as wrong, also where they look right: 0 % and 100 % of humidity.
 */
function refuseImpossible(what: string, sample: Sample, spans: Readonly<Partial<Record<Quantity, Span>>>): void {
  for (const [quantity, value] of Object.entries(sample) as [Quantity, number][] /* a Sample's own keys */) {
    const span = spans[quantity]
    if (span === undefined || (value >= span.min && value <= span.max)) continue
    const { unit } = QUANTITIES[quantity]
    const text = `${what} gave a ${quantity} of ${value} ${unit}, and measures ${span.min} to ${span.max}`
    throw new SensorError('invalid-data', `${text}: nothing of that is taken; check wiring and power`)
  }
}

async function readNumber(file: string, { what, dht, signal }: Reading): Promise<number> {
  signal.throwIfAborted()
  const text = await readFile(file, 'latin1').catch((error: unknown) => {
    throw iioError(what, file, dht, error)
  })
  const number = numberIn(text)
  if (number !== undefined) return number
  if (text === '') throw new SensorError('silent', `${what}: ${file} is empty: the driver has no measurement`)
  throw new SensorError('invalid-data', `${what}: ${file} holds no number but '${text.trim().slice(0, 40)}'`)
}

async function filesOf(device: IioDevice, what: string, dht: boolean): Promise<string[]> {
  try {
    return await readdir(device.folder)
  } catch (error) {
    throw iioError(what, device.folder, dht, error)
  }
}

function nothingOurs(what: string, files: readonly string[]): SensorError {
  const channels = channelNames(files)
  const found = channels.length === 0 ? 'it has no channels' : `it has ${channels.join(', ')}`
  return new SensorError('unsupported', `${what} gives no quantity that is known here for certain: ${found}`)
}
