/**
 * What Home Assistant accepts of a device discovery message, written down from its source, so that a message of ours
 * that it would refuse, correct or complain about fails here. Stricter than Home Assistant where it drops in silence
 * what it does not know. From home-assistant/core, below homeassistant/components: mqtt/schemas.py with
 * DEVICE_DISCOVERY_SCHEMA and MQTT_ENTITY_COMMON_SCHEMA as in 2026.9, mqtt/sensor.py
 * (validate_sensor_state_and_device_class_config), mqtt/binary_sensor.py at 00ffd2c4, mqtt/switch.py at 00d15863,
 * sensor/const.py at 00eb6680, binary_sensor/__init__.py at 027590d9, mqtt/discovery.py at 00b08a43; entity ids by
 * homeassistant/core.py (VALID_ENTITY_ID).
 */
import { z } from 'zod'

const text = z.string().min(1)

/** mqtt/util.py, valid_publish_topic: no wildcards, no NUL, at most 65535 bytes. */
const topic = text.refine((value) => !/[+#\0]/.test(value) && Buffer.byteLength(value) < 65_536, 'is no topic')

/** One expression, at most with a sum: what can be read at a glance, and fails on nothing that is in our JSON. */
const template = z.string().regex(/^\{\{ value_json(\.\w+(\(\))?)+( \| sum)? \}\}$/)

const availability = z.strictObject({
  availability: z
    .array(
      z.strictObject({ topic, payload_available: z.literal('online'), payload_not_available: z.literal('offline') }),
    )
    .min(1),
  availability_mode: z.enum(['all', 'any', 'latest']),
})

/** Platform and slug; slugs have no upper case, no double underscore, none at an end. */
const entityId = z
  .string()
  .max(255)
  .regex(/^[a-z_]+\.[a-z0-9]+(_[a-z0-9]+)*$/)

const common = {
  unique_id: text,
  default_entity_id: entityId,
  name: text,
  qos: z.union([z.literal(0), z.literal(1), z.literal(2)]),
  entity_category: z.literal('diagnostic').optional(), // `config` is refused for what can't be set
  availability: availability.shape.availability.optional(),
  availability_mode: availability.shape.availability_mode.optional(),
}

const BINARY = new Set(
  `battery battery_charging carbon_monoxide cold connectivity door garage_door gas heat light lock moisture motion moving
  occupancy opening plug power presence problem running safety smoke sound tamper update vibration window`.split(/\s+/),
)

type StateClass = 'measurement' | 'total' | 'total_increasing'

/** Of each device class: the units, and the state classes. `''` is no unit. */
const NUMBERS: Readonly<Record<string, { readonly units: readonly string[]; readonly states: readonly StateClass[] }>> =
  {
    atmospheric_pressure: { units: ['Pa', 'hPa', 'kPa', 'bar', 'mbar'], states: ['measurement'] },
    carbon_dioxide: { units: ['ppm'], states: ['measurement'] },
    current: { units: ['A', 'mA'], states: ['measurement'] },
    distance: { units: ['mm', 'cm', 'm', 'km'], states: ['measurement', 'total', 'total_increasing'] },
    duration: { units: ['d', 'h', 'min', 's', 'ms'], states: ['measurement', 'total', 'total_increasing'] },
    energy: { units: ['Wh', 'kWh', 'MWh', 'J', 'kJ', 'MJ', 'GJ'], states: ['total', 'total_increasing'] },
    frequency: { units: ['Hz', 'kHz', 'MHz', 'GHz'], states: ['measurement'] },
    gas: { units: ['m³', 'ft³', 'CCF'], states: ['total', 'total_increasing'] },
    humidity: { units: ['%'], states: ['measurement'] },
    illuminance: { units: ['lx'], states: ['measurement'] },
    power: { units: ['W', 'kW', 'MW', 'GW', 'TW'], states: ['measurement'] },
    precipitation: { units: ['mm', 'cm', 'in'], states: ['measurement', 'total', 'total_increasing'] },
    precipitation_intensity: { units: ['mm/d', 'mm/h', 'in/d', 'in/h'], states: ['measurement'] },
    signal_strength: { units: ['dB', 'dBm'], states: ['measurement'] },
    temperature: { units: ['°C', '°F', 'K'], states: ['measurement'] },
    voltage: { units: ['V', 'mV'], states: ['measurement'] },
    volume: { units: ['mL', 'L', 'm³', 'ft³', 'CCF', 'fl. oz.', 'gal'], states: ['total', 'total_increasing'] },
    volume_flow_rate: { units: ['m³/h', 'L/min', 'mL/s', 'ft³/min', 'gal/min'], states: ['measurement'] },
    water: { units: ['m³', 'L', 'ft³', 'CCF', 'gal'], states: ['total', 'total_increasing'] },
  }

const sensor = z
  .strictObject({
    platform: z.literal('sensor'),
    ...common,
    state_topic: topic,
    value_template: template.optional(),
    device_class: z.string().optional(),
    unit_of_measurement: text.optional(),
    state_class: z.enum(['measurement', 'total', 'total_increasing']).optional(),
    suggested_display_precision: z.int().min(0).optional(),
    expire_after: z.int().min(1).optional(),
  })
  .superRefine((value, context) => {
    const { device_class: kind, unit_of_measurement: unit = '', state_class: state } = value
    const rule = kind === undefined ? undefined : NUMBERS[kind]
    if (kind !== undefined && rule === undefined)
      context.addIssue(`${kind} is no device class of a sensor that we know`)
    if (rule !== undefined && !rule.units.includes(unit)) context.addIssue(`${kind} has no unit ${unit}`)
    if (rule !== undefined && (state === undefined || !rule.states.includes(state)))
      context.addIssue(`${kind} is never ${state}`)
    // Without any of these a state is text, and needs no decimals.
    if (value.suggested_display_precision !== undefined && state === undefined) context.addIssue('decimals of a text')
  })

const binarySensor = z.strictObject({
  platform: z.literal('binary_sensor'),
  ...common,
  state_topic: topic,
  payload_on: text,
  payload_off: text,
  device_class: z
    .string()
    .refine((kind) => BINARY.has(kind), 'is no device class of a binary sensor')
    .optional(),
  expire_after: z.int().min(1).optional(),
})

const switch_ = z.strictObject({
  platform: z.literal('switch'),
  ...common,
  state_topic: topic,
  command_topic: topic,
  payload_on: text,
  payload_off: text,
  state_on: text,
  state_off: text,
  optimistic: z.literal(false),
  retain: z.literal(false),
})

/** What is being removed has nothing but its platform. */
const gone = z.strictObject({ platform: z.enum(['sensor', 'binary_sensor', 'switch']) })

const message = z
  .strictObject({
    device: z.strictObject({
      identifiers: z.array(text).min(1),
      name: text,
      manufacturer: text.optional(),
      model: text.optional(),
      sw_version: text.optional(),
      suggested_area: text.optional(),
    }),
    origin: z.strictObject({ name: text, sw_version: text.optional(), support_url: z.url().optional() }),
    // A key is a part of the discovery id, whose parts are told apart by blanks (mqtt/discovery.py).
    components: z.record(
      z.string().regex(/^[\w.-]+$/),
      z.union([gone, z.discriminatedUnion('platform', [sensor, binarySensor, switch_])]),
    ),
  })
  .superRefine(({ device, components }, context) => {
    const whole = Object.values(components).filter((one) => 'unique_id' in one)
    for (const key of ['unique_id', 'default_entity_id'] as const) {
      const values = whole.map((one) => one[key])
      if (new Set(values).size < values.length) context.addIssue(`two components have the same ${key}`)
    }
    for (const { platform, default_entity_id: id, name } of whole) {
      if (!id.startsWith(`${platform}.`)) context.addIssue(`${id} is not of platform ${platform}`)
      const words = (text: string): string[] => text.toLowerCase().split(/[^\p{L}\p{N}]+/u)
      const first = words(device.name)
      if (words(name).slice(0, first.length).join() === first.join())
        context.addIssue(`the name ${name} begins with that of the device, which Home Assistant puts before it`)
    }
  })

export type Discovery = z.output<typeof message>

/** mqtt/discovery.py, TOPIC_MATCHER. */
const DISCOVERY_TOPIC = /^[^+#]+\/device\/[a-zA-Z0-9_-]+\/config$/

/** @throws with all that Home Assistant would object to */
export function accepted(published: {
  readonly topic: string
  readonly payload: string
  readonly retain: boolean
}): Discovery {
  if (!DISCOVERY_TOPIC.test(published.topic)) throw new Error(`${published.topic} is no topic of device discovery`)
  if (!published.retain) throw new Error('a restart of Home Assistant would not find it')
  return message.parse(JSON.parse(published.payload))
}
