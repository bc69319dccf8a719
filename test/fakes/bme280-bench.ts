/** One BME280 or BMP280 on a bus, a clock, and what tests of the type `bme280` do with them. */
import type { Calibration } from 'bme280-sensor'
import { silentLog } from '../../src/log.ts'
import type { Sample } from '../../src/reading.ts'
import { createBme280 } from '../../src/sensors/bme280.ts'
import type { Sensor } from '../../src/sensors/sensor.ts'
import { FakeBme280 } from './fake-bme280.ts'
import { FakeClock } from './fake-clock.ts'
import { FakeI2c } from './fake-i2c.ts'
import { NEVER, turned } from './turned.ts'

export type ChipOptions = { readonly id?: number; readonly calibration?: Calibration }

/** A clock, a bus, and one chip on it at 0x76. */
export function bench(options: ChipOptions = {}) {
  const clock = new FakeClock()
  const i2c = new FakeI2c()
  const chip = new FakeBme280(clock, options)
  i2c.attach(1, 0x76, chip)
  return { clock, i2c, chip }
}

export type Bench = ReturnType<typeof bench>
type Address = 0x76 | 0x77

export function opening({ clock, i2c }: Pick<Bench, 'clock' | 'i2c'>, address: Address = 0x76): Promise<Sensor> {
  const env = { clock, log: silentLog(), root: '/', name: 'attic' }
  return createBme280(i2c.load).open({ bus: 1, address, driver: 'user', metrics: {} }, env)
}

export async function openAndRead(setup: Bench): Promise<Sample> {
  const sensor = await opening(setup)
  try {
    return await sensor.read(NEVER)
  } finally {
    await sensor.close()
  }
}

/** How many transfers a good open and read take. */
export async function transfersOf(options: ChipOptions): Promise<number> {
  const setup = bench(options)
  await turned(setup.clock, openAndRead(setup))
  return setup.i2c.transfers.length
}
