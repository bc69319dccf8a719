/** What a configured sensor may publish, before its chip is known. */
import type { SensorConfig } from './config/schema.ts'
import { isQuantity, type Quantity } from './reading.ts'
import { sensorTypes } from './sensors/index.ts'

/** What its type measures, or what is listed where the type measures anything. */
export function mayMeasure(sensor: SensorConfig): Quantity[] {
  const type = sensorTypes[sensor.type]
  const listed = Object.keys(sensor.metrics)
  const names = type.metric !== undefined && listed.length > 0 ? listed : Object.keys(type.measures)
  return names.filter(isQuantity)
}
