/** What a configured sensor may publish, before its chip is known. */
import { isQuantity, type Quantity } from './reading.ts'
import { type SensorTypeName, sensorTypes } from './sensors/index.ts'

interface Configured {
  readonly type: SensorTypeName
  readonly metrics: object
}

/** What its type measures, or what is listed where the type measures anything. */
export function mayMeasure(sensor: Configured): Quantity[] {
  const type = sensorTypes[sensor.type]
  const listed = Object.keys(sensor.metrics)
  // By its key: the schema is made when it is asked for, and is not needed.
  const names = 'metric' in type && listed.length > 0 ? listed : Object.keys(type.measures)
  return names.filter(isQuantity)
}
