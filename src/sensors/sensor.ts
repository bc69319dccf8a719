/**
 * The contract of a sensor. A type is one file beside this one and one line in `index.ts`; its schema, limits,
 * documentation, simulation and discovery follow from the object that it exports.
 */
import type { z } from 'zod'
import type { Clock } from '../clock.ts'
import { late } from '../late.ts'
import type { Logger } from '../log.ts'
import type { Quantity, Sample, Span } from '../reading.ts'

export type { Sample } from '../reading.ts'

export interface Sensor {
  /** What this very chip has: a BMP280 opened as `bme280` has no humidity. */
  readonly quantities: readonly Quantity[]
  /**
   * One measurement, raw and complete, in the quantities' units. A quantity that could not be had is absent.
   * Never two at once. On abort the deadline has passed: give up, release what is held, reject.
   *
   * @throws SensorError
   */
  read(signal: AbortSignal): Promise<Sample>
  /** Gives everything back. Called once, also after a failed read; never throws. */
  close(): Promise<void>
}

export interface SensorEnv {
  readonly clock: Clock
  readonly log: Logger
  /** The folder that stands for `/`: everything of `/sys` and `/proc` is read below it. */
  readonly root: string
  /** Names the sensor in messages: `attic`, or `bme280` where it has no id. */
  readonly name: string
}

/** `O` is the schema of the type's own options; `M` that of what it adds to each quantity below `metrics`. */
export interface SensorType<O extends z.ZodObject = z.ZodObject, M extends z.ZodObject = z.ZodObject> {
  /** One line for docs/configuration.md. */
  readonly summary: string
  /** The type's own options, described: error text, JSON Schema and rows of docs/configuration.md are made from it. */
  readonly options: O
  /** Whether `name` is one of them: then it is no label for people. */
  readonly ownName?: boolean
  readonly measures: Readonly<Partial<Record<Quantity, Span>>>
  readonly minIntervalMs: number
  readonly defaultIntervalMs: number
  /** Deadline of a read where the config gives none; default: the longer of the interval and 2 s. */
  readonly timeoutMs?: number
  /** Whether `--simulate` stands in for it. */
  readonly hardware: boolean
  /** Whether it tells of the node itself, not of its surroundings. */
  readonly diagnostic?: boolean
  /** BCM numbers of header pins that this sensor drives or reads itself. */
  readonly pins?: (options: z.output<O>) => readonly number[]
  /** Keys below `metrics.<quantity>` that this type adds to the filters, or takes from them. */
  readonly metric?: M
  /** Whether `min` and `max` below `metrics` are among them, and filter nothing. */
  readonly ownLimits?: boolean
  /** True for a quantity that has no range, by what stands below its `metrics`. */
  readonly unbounded?: (metric: z.output<M>) => boolean
  /**
   * Finds the device, identifies it, sets it up. Gives back all it holds before it rejects.
   * `options` is the same object at every reopen of one configured sensor.
   *
   * @throws SensorError
   */
  readonly open: (
    options: z.output<O> & { readonly metrics: Readonly<Partial<Record<Quantity, z.output<M>>>> },
    env: SensorEnv,
  ) => Promise<Sensor>
}

/** A sensor type as its file has it: schemas are made when they are asked for, once, which a start may never do. */
export interface SensorDescription<O extends z.ZodObject, M extends z.ZodObject>
  extends Omit<SensorType<O, M>, 'options' | 'metric'> {
  readonly options: () => O
  readonly metric?: () => M
}

/** Gives a sensor type its inferred types. */
export function sensorType<O extends z.ZodObject, M extends z.ZodObject>(
  description: SensorDescription<O, M>,
): SensorType<O, M> {
  const { options, metric, ...type } = description
  const schemas = { options: late(options), metric: metric && late(metric) }
  // Spread, a getter would be asked for what it has at once.
  const made = Object.defineProperty({ ...type }, 'options', { enumerable: true, get: schemas.options })
  if (schemas.metric !== undefined) Object.defineProperty(made, 'metric', { enumerable: true, get: schemas.metric })
  return made as SensorType<O, M> // with what was defined just now
}
