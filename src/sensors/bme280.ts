/**
 * BME280 (temperature, humidity, pressure) and BMP280 (no humidity) over I2C. The chip says which it is. The
 * arithmetic is that of the package bme280-sensor; the conversation with the chip is ours (bme280-chip.ts), because
 * the package reads the humidity calibration without its signs, never closes its bus, and takes the numbers of a
 * sleeping chip for measurements. Where an overlay gave the chip to the kernel's driver, it is read through that.
 */
import type { Calibration, Compensation, Package, SensorData } from 'bme280-sensor'
import { z } from 'zod'
import { type Load, loadOptional } from '../optional.ts'
import type { Quantity } from '../reading.ts'
import { identify, type Model, measure, setUp } from './bme280-chip.ts'
import { BME280_RANGES } from './bme280-ranges.ts'
import { hex, type I2cPlace, loadDriver, locationOf } from './i2c.ts'
import { type Conversation, i2cOptions, openI2cSensor, type ReadyChip } from './i2c-sensor.ts'
import { isCalled } from './iio.ts'
import { driverOption, type KernelChip, openByKernel } from './kernel-driver.ts'
import { type Sample, type SensorEnv, sensorType } from './sensor.ts'

const ADDRESSES = [0x76, 0x77] as const

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
    options: () =>
      z.strictObject({
        ...i2cOptions(ADDRESSES, 'its SDO pin'),
        driver: driverOption('dtoverlay=i2c-sensor,bme280,addr=0x76'),
      }),
    measures: BME280_RANGES,
    minIntervalMs: 1000,
    defaultIntervalMs: 10_000,
    hardware: true,
    open: async (place, env) => {
      const byKernel = await openByKernel(kernelChip({ ...place, name: env.name }), place.driver, env)
      if (byKernel !== undefined) return byKernel
      const vendor = loadDriver(load, 'bme280-sensor', env.name) as Package // the package's one export
      return openI2cSensor(load, place, env, { addresses: ADDRESSES, setUp: (chip) => ready(chip, vendor, env) })
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

async function ready(chip: Conversation, vendor: Package, { log }: SensorEnv): Promise<ReadyChip> {
  const { name, bus, address } = chip.place
  const model = await identify(chip)
  const calibration = await setUp(chip, model)
  log.debug({ sensor: name, model, bus, address: hex(address) }, 'chip identified')
  return {
    quantities: QUANTITIES_OF[model],
    measure: async (now) => toSample(await compensate(vendor, calibration, await measure(now, model)), model),
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
