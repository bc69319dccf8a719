/**
 * The registry: the name in the config, and the type behind it. Adding a sensor type is its file and one line here.
 */
import { ads1115 } from './ads1115.ts'
import { aht20 } from './aht20.ts'
import { bh1750 } from './bh1750.ts'
import { bme280 } from './bme280.ts'
import { dht11 } from './dht11.ts'
import { dht22 } from './dht22.ts'
import { ds18b20 } from './ds18b20.ts'
import { iio } from './iio-sensor.ts'
import type { SensorType } from './sensor.ts'
import { sht3x } from './sht3x.ts'
import { sht4x } from './sht4x.ts'
import { simulated } from './simulated.ts'
import { system } from './system.ts'

const types = { ads1115, aht20, bh1750, bme280, dht11, dht22, ds18b20, iio, sht3x, sht4x, simulated, system }

export type SensorTypeName = keyof typeof types

/** All types, by the name that the config uses. Options are checked by each type's own schema before `open`. */
export const sensorTypes = types as unknown as Readonly<Record<SensorTypeName, SensorType>> // open's options are parsed by that very type
