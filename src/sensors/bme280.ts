/**
 * BME280 (temperature, humidity, pressure) and BMP280 (no humidity) over I2C. The chip says which it is. The
 * arithmetic is that of the package bme280-sensor; the conversation with the chip is ours (bme280-chip.ts), because
 * the package reads the humidity calibration without its signs, never closes its bus, and takes the numbers of a
 * sleeping chip for measurements. Where an overlay gave the chip to the kernel's driver, it is read through that.
 */
import type { Calibration, Compensation, Package, SensorData } from 'bme280-sensor'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { SensorError } from '../errors.ts'
import { type Load, loadOptional } from '../optional.ts'
import type { Quantity } from '../reading.ts'
import { type Conversation, identify, type Model, measure, setUp } from './bme280-chip.ts'
import { hex, type I2cPlace, loadDriver, locationOf, openI2c } from './i2c.ts'
import { isCalled } from './iio.ts'
import { driverOption, type KernelChip, openByKernel } from './kernel-driver.ts'
import { type Sample, type Sensor, type SensorEnv, sensorType } from './sensor.ts'

const ADDRESSES = [0x76, 0x77] as const

const options = z.strictObject({
  bus: z
    .int({ error: 'must be the number of an I2C bus: 1 for /dev/i2c-1' })
    .min(0, 'must be the number of an I2C bus: 1 for /dev/i2c-1')
    .default(1)
    .describe('Number of the I2C bus: N of `/dev/i2c-N`. The header has bus 1.'),
  address: z
    .literal(ADDRESSES, { error: 'must be 0x76 or 0x77, without quotes' })
    .default(0x76)
    .describe('The chip’s I2C address, `0x76` or `0x77` (by its SDO pin). Default: `0x76`.'),
  driver: driverOption('dtoverlay=i2c-sensor,bme280,addr=0x76'),
})

/** Resetting, waiting and reading the calibration takes about 10 ms; the rest is for waiting until the bus is free. */
const OPEN_DEADLINE_MS = 5000

/** What the kernel's driver calls them (drivers/iio/pressure/bmp280-i2c.c). */
const CHIPS = ['bme280', 'bmp280'] as const

const QUANTITIES_OF: Readonly<Record<Model, readonly Quantity[]>> = {
  BME280: ['temperature', 'humidity', 'pressure'],
  BMP280: ['temperature', 'pressure'],
}

/** @param load hands in the packages `i2c-bus` and `bme280-sensor` */
export function createBme280(load: Load = loadOptional) {
  return sensorType({
    summary: 'Bosch BME280 or BMP280 on the I2C bus: temperature, pressure and (BME280) humidity',
    options,
    // BST-BME280-DS002, tables 2 to 4: operating ranges. Digits: what ×16 resolves above its noise.
    measures: {
      temperature: { min: -40, max: 85, digits: 2, typical: [18, 24] },
      humidity: { min: 0, max: 100, digits: 1, typical: [35, 60] },
      pressure: { min: 300, max: 1100, digits: 2, typical: [990, 1030] },
    },
    minIntervalMs: 1000,
    defaultIntervalMs: 10_000,
    hardware: true,
    async open({ bus, address, driver }, env) {
      const place = { name: env.name, bus, address }
      return (await openByKernel(kernelChip(place), driver, env)) ?? (await open(load, place, env))
    },
  })
}

export const bme280 = createBme280()

function kernelChip(place: I2cPlace): KernelChip {
  return {
    place: locationOf(place),
    overlay: `dtoverlay=i2c-sensor,bme280,addr=${hex(place.address)}`,
    matches: (device) =>
      device.bus === place.bus && device.address === place.address && CHIPS.some((name) => isCalled(device, name)),
  }
}

async function open(load: Load, place: I2cPlace, { clock, log }: SensorEnv): Promise<Sensor> {
  const vendor = loadDriver(load, 'bme280-sensor', place.name) as Package // the package's one export
  const device = await openI2c(load, place, log)
  try {
    const { model, calibration } = await within(place, clock, (signal) =>
      device.exclusively(signal, async (registers) => {
        const chip: Conversation = { place, registers, clock, signal }
        const model = await identifyOrHint(chip)
        return { model, calibration: await setUp(chip, model) }
      }),
    )
    log.debug({ sensor: place.name, model, bus: place.bus, address: hex(place.address) }, 'chip identified')
    return {
      quantities: QUANTITIES_OF[model],
      read: async (signal) => {
        const frame = await device.exclusively(signal, (registers) =>
          measure({ place, registers, clock, signal }, model),
        )
        return toSample(await compensate(vendor, calibration, frame), model)
      },
      close: () => device.close(),
    }
  } catch (error) {
    await device.close()
    throw error
  }
}

/** Looks at the chip's other address where nothing answers at this one: the usual mistake. */
async function identifyOrHint(chip: Conversation): Promise<Model> {
  try {
    return await identify(chip)
  } catch (error) {
    if (!(error instanceof SensorError) || error.kind !== 'not-found') throw error
    const other = ADDRESSES.find((address) => address !== chip.place.address)
    if (other === undefined || !(await chip.registers.answers(other))) throw error
    const hint = `a chip answers at ${hex(other)}: if that is it, set address: ${hex(other)}`
    throw new SensorError('not-found', `${error.message}; ${hint}`, { cause: error })
  }
}

/**
 * The package's arithmetic on a frame that we read and checked. Its constructor would open a bus that nothing
 * closes, so that an object with its prototype stands in, whose bus is this one frame.
 */
function compensate(vendor: Package, cal: Calibration, frame: Buffer): Promise<SensorData> {
  const calculator = Object.create(vendor.prototype) as Compensation // the prototype's own type
  calculator.cal = cal
  calculator.i2cBus = { readI2cBlock: (_address, _register, _length, _buffer, done) => done(null, frame.length, frame) }
  return calculator.readSensorData()
}

function toSample(data: SensorData, model: Model): Sample {
  const sample = { temperature: data.temperature_C, pressure: data.pressure_hPa }
  return model === 'BME280' ? { ...sample, humidity: data.humidity } : sample
}

/** Does `work` under open's own deadline: nobody hands open a signal. */
async function within<T>(place: I2cPlace, clock: Clock, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController()
  const finished = new AbortController()
  const text = `${place.name}: ${locationOf(place)} was not ready within ${OPEN_DEADLINE_MS} ms; a transfer on the bus may hang`
  const deadline = clock.sleep(OPEN_DEADLINE_MS, finished.signal).then(
    () => limit.abort(new SensorError('timeout', text)),
    () => {}, // called off: the work has ended
  )
  try {
    return await work(limit.signal)
  } finally {
    finished.abort()
    await deadline
  }
}
