/** A quantity of a sensor: a `sensor` of Home Assistant, or a `binary_sensor` where it tells only whether something is wrong. Pure. */
import type { MetricConfig, SensorConfig } from '../config/schema.ts'
import { QUANTITIES, type Quantity, type QuantityInfo } from '../reading.ts'
import { sensorTypes } from '../sensors/index.ts'
import { silence } from '../silence.ts'
import {
  availability,
  type Component,
  capitalised,
  entityName,
  expireAfter,
  type Naming,
  QOS,
  slugOf,
} from './component.ts'

/** The entity of one quantity that the chip has. */
export function metricComponent(sensor: SensorConfig, quantity: Quantity, naming: Naming): Component {
  const { telemetry } = naming
  const { id } = sensor
  const info: QuantityInfo = QUANTITIES[quantity]
  const type = sensorTypes[sensor.type]
  const metric: MetricConfig = (sensor.metrics as Readonly<Partial<Record<string, MetricConfig>>>)[quantity] ?? {} // a union of types narrows no further
  const digits = metric.digits ?? type.measures[quantity]?.digits ?? info.digits
  const called = info.label ?? quantity.replaceAll('_', ' ')
  const label = labelOf(sensor)
  const key = metricKey(id, quantity)
  const common = {
    name: entityName(label === undefined ? capitalised(called) : `${label} ${called}`, naming, called),
    state_topic: telemetry.sensorTopic(id, quantity),
    ...availability(telemetry.nodeTopic('status'), telemetry.sensorTopic(id, 'status')),
    ...expiry(sensor, quantity),
    ...(type.diagnostic === true ? { entity_category: 'diagnostic' } : {}),
    qos: QOS,
  }
  const slug = id === undefined ? slugOf(quantity) : slugOf(id, quantity)
  // What a filter has moved is a number again.
  if (info.alarm === true && digits === 0 && metric.scale === undefined && metric.offset === undefined) {
    const config = { ...common, device_class: 'problem', payload_on: '1', payload_off: '0' }
    return { key: `${key}${ALARM}`, platform: 'binary_sensor', slug, config }
  }
  const config = {
    ...common,
    ...(info.deviceClass === undefined ? {} : { device_class: info.deviceClass }),
    ...(info.unit === '' ? {} : { unit_of_measurement: info.unit }),
    state_class: info.stateClass,
    suggested_display_precision: digits,
  }
  return { key, platform: 'sensor', slug, config }
}

/** Of an entity that tells only whether something is wrong. */
const ALARM = '.alarm'

function metricKey(id: string | undefined, quantity: Quantity): string {
  return id === undefined ? `own.${quantity}` : `sensor.${id}.${quantity}`
}

/** Whether one of these keys is that quantity's. */
export function isAmong(keys: Readonly<Record<string, unknown>>, id: string | undefined, quantity: Quantity): boolean {
  const key = metricKey(id, quantity)
  return Object.hasOwn(keys, key) || Object.hasOwn(keys, `${key}${ALARM}`)
}

/** The sensor's label, its id, or nothing for the node's own. A type with a `name` of its own means something else by it. */
function labelOf({ type, id, name }: SensorConfig): string | undefined {
  return sensorTypes[type].ownName === true ? id : (name ?? id)
}

/** A metric that may keep silent for ever never expires. */
function expiry(sensor: SensorConfig, quantity: Quantity): { readonly expire_after?: number } {
  const silenceMs = silence(sensor, quantity)
  return silenceMs === undefined ? {} : { expire_after: expireAfter(silenceMs) }
}
