/** One chip on a bus, a clock, and the sensor type for it: what tests of chips on I2C begin with. */
import { silentLog } from '../../src/log.ts'
import type { Load } from '../../src/optional.ts'
import type { Sample } from '../../src/reading.ts'
import type { Sensor, SensorEnv } from '../../src/sensors/sensor.ts'
import { FakeClock } from './fake-clock.ts'
import { type FakeChip, FakeI2c } from './fake-i2c.ts'
import { NEVER } from './turned.ts'

export interface PoweredChip extends FakeChip {
  /** The power fails for a moment. */
  powerCycle(): void
}

export interface ChipCase<C extends PoweredChip> {
  /** Opens the type under test at bus 1. */
  open(load: Load, env: SensorEnv): Promise<Sensor>
  /** Where it looks for the chip. */
  readonly address: number
  chip(clock: FakeClock): C
  /** What the chip measures. */
  readonly truth: Sample
}

/** A clock, a bus, and the chip of one case on it. */
export function chipBench<C extends PoweredChip>(one: ChipCase<C>) {
  const clock = new FakeClock()
  const i2c = new FakeI2c()
  const chip = one.chip(clock)
  i2c.attach(1, one.address, chip)
  const open = (load = i2c.load): Promise<Sensor> =>
    one.open(load, { clock, log: silentLog(), root: '/', name: 'attic' })
  const openAndRead = async (signal = NEVER): Promise<Sample> => {
    const sensor = await open()
    try {
      return await sensor.read(signal)
    } finally {
      await sensor.close()
    }
  }
  return { clock, i2c, chip, open, openAndRead }
}
