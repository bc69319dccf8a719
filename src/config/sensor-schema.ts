/**
 * The part of the schema that describes sensors: what each has, the filters of its metrics, and what its type adds.
 * Made from the registry, so a new type needs no line here.
 */
import { z } from 'zod'
import { QUANTITIES, type Quantity } from '../reading.ts'
import { type SensorTypeName, sensorTypes } from '../sensors/index.ts'
import type { SensorType } from '../sensors/sensor.ts'
import { clash, duration, formatDuration, id, label, number, positiveDuration, section, whole } from './values.ts'

/** The filters that stand below `metrics.<quantity>` of every sensor. */
const filters = {
  min: number.optional().describe('Raw values below are dropped and counted. Default: the sensor’s own range.'),
  max: number.optional().describe('Raw values above are dropped and counted.'),
  median: whole(1, 99)
    .optional()
    .describe('Median of the last N values; an even N gives the mean of the two in the middle.'),
  scale: number.optional().describe('Multiplies, before the offset.'),
  offset: number.optional().describe('Added, for calibration.'),
  digits: whole(0, 10).optional().describe('Decimals. Default: what the sensor resolves.'),
  change: number
    .min(0, 'must not be negative')
    .optional()
    .describe('Publish the metric’s own topic only when the value moved by at least this; 0: when it differs at all.'),
  heartbeat: positiveDuration.optional().describe('With `change`: publish at least this often.'),
}

function metricSchema(type: SensorType, quantity: Quantity) {
  const unit = QUANTITIES[quantity].unit
  return section({ ...filters, ...(type.metric?.shape ?? {}) })
    .check(...checksOf(type.metric))
    .superRefine((metric: Record<string, unknown>, context) => {
      const { min, max, change, heartbeat } = metric
      if (typeof min === 'number' && typeof max === 'number' && min > max) {
        clash(context, 'min', 'max', 'must not be above max')
      }
      if (heartbeat !== undefined && change === undefined) {
        clash(context, 'heartbeat', 'change', 'needs change beside it')
      }
    })
    .describe(`Filters for ${QUANTITIES[quantity].meaning}${unit === '' ? '' : `, in ${unit}`}.`)
}

/** Made when they are asked for, all of them: most are of types, or for metrics, that a configuration does not mention. */
function metricSchemas(type: SensorType, quantities: readonly Quantity[]) {
  const schemas: Record<string, z.ZodOptional<ReturnType<typeof metricSchema>>> = {}
  for (const quantity of quantities) {
    const get = () => metricSchema(type, quantity).optional()
    Object.defineProperty(schemas, quantity, { enumerable: true, get })
  }
  return schemas
}

/** What a type's schema checks beyond single keys; a shape alone would lose it. */
function checksOf(schema: z.ZodObject | undefined): z.core.$ZodCheck<unknown>[] {
  return (schema?.def.checks ?? []) as z.core.$ZodCheck<unknown>[] // they get the very keys that they were written for
}

/** What every sensor has, whatever its type. */
const everySensor = {
  id: id.optional().describe('A level of its topics. At most one sensor has none: that is the node’s own.'),
  name: label,
  timeout: positiveDuration.optional(),
}

/** What can be checked of a sensor whose type is unknown. */
export const untypedSensor = z.looseObject({ ...everySensor, interval: positiveDuration.optional() })

/** The schema of one registered sensor type. */
export function sensorSchema(name: SensorTypeName) {
  return schemaOfType(name, sensorTypes[name])
}

/** What every sensor has, and what the type adds. */
export function schemaOfType<N extends string>(name: N, type: SensorType) {
  const quantities = Object.keys(type.measures) as Quantity[] // typed so in the contract
  const schema = section({
    type: z.literal(name),
    id: everySensor.id,
    name: everySensor.name,
    interval: duration
      .refine(
        (ms) => ms >= type.minIntervalMs,
        `must be at least ${formatDuration(type.minIntervalMs)} for type ${name}`,
      )
      .prefault(formatDuration(type.defaultIntervalMs))
      .describe(`Time from one read to the next, at least ${formatDuration(type.minIntervalMs)}.`),
    timeout: everySensor.timeout.describe(
      `Deadline of one read. Default: ${type.timeoutMs === undefined ? 'the longer of the interval and 2s' : formatDuration(type.timeoutMs)}.`,
    ),
    metrics: section(metricSchemas(type, quantities))
      .default({})
      .describe('Per quantity: filters, applied in the order min/max, median, scale, offset, digits, change.'),
    ...type.options.shape,
  })
  return schema.check(...checksOf(type.options))
}

const sensorNames = Object.keys(sensorTypes) as SensorTypeName[] // the keys of a const object are its keys
type SensorSchema = ReturnType<typeof sensorSchema>
const sensorSchemas = sensorNames.map(sensorSchema) as [SensorSchema, ...SensorSchema[]] // the registry is not empty

/** One sensor's section, by its type. */
export const sensor = z.discriminatedUnion('type', sensorSchemas)

/** One sensor as its type's schema yields it; the type's own options stand beside what every sensor has. */
export interface SensorConfig {
  readonly type: SensorTypeName
  readonly id?: string | undefined
  /** A label; of `iio` the chip's name. */
  readonly name?: string | undefined
  /** ms. */
  readonly interval: number
  /** ms; undefined: by type and interval. */
  readonly timeout?: number | undefined
  readonly metrics: Readonly<Partial<Record<Quantity, MetricConfig>>>
  readonly [typesOwn: string]: unknown
}

/** Filters of one metric, after parsing; what a type adds (`shape` of `simulated`) stands beside them. */
export interface MetricConfig {
  readonly min?: number | undefined
  readonly max?: number | undefined
  readonly median?: number | undefined
  readonly scale?: number | undefined
  readonly offset?: number | undefined
  readonly digits?: number | undefined
  readonly change?: number | undefined
  readonly heartbeat?: number | undefined
  readonly [typesOwn: string]: unknown
}
