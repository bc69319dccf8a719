/**
 * One configured sensor at work: its type from the registry, its filters, its loop, and what becomes of a reading:
 * the metrics go to the live view, the record to the outbox.
 */
import type { Clock } from './clock.ts'
import type { MetricConfig, SensorConfig } from './config/schema.ts'
import { Demand } from './demand.ts'
import { createFilters, type FilterOptions } from './filters.ts'
import type { Health } from './health.ts'
import type { Logger } from './log.ts'
import type { ReadTime } from './outbox/record-clock.ts'
import type { Part } from './parts.ts'
import type { Readers } from './readers.ts'
import type { Quantity, Sample, Span } from './reading.ts'
import { createRejectionLog } from './rejections.ts'
import { runSensor } from './scheduler.ts'
import { sensorTypes } from './sensors/index.ts'
import type { SensorType } from './sensors/sensor.ts'
import { standIn } from './sensors/simulated.ts'
import { silence } from './silence.ts'
import type { Message, Telemetry } from './telemetry.ts'

export interface SensingOptions {
  /** Whether hardware types are replaced by their stand-ins. */
  readonly simulate: boolean
  readonly clock: Clock
  readonly log: Logger
  readonly root: string
  readonly telemetry: Telemetry
  readonly health: Health
  /** Where it can be asked for a read, while it runs. */
  readonly readers: Readers
  readonly publish: (message: Message) => void
  readonly store: (record: Message, read: ReadTime) => void
  /** Number of the next record. */
  readonly sequence: () => number
  /** Whether the wall clock is known to be wrong. */
  readonly unsynchronised: () => boolean
  /** After each open: what this very chip has. */
  readonly onOpen: (quantities: readonly Quantity[]) => void
  /** What a read has given, for the rules. */
  readonly onReading: (sensor: string | undefined, values: Sample) => void
  readonly onStatus: (sensor: string | undefined, status: 'online' | 'offline') => void
  /** Something that health tells has changed. */
  readonly onChange: () => void
}

/** Where the config gives no deadline: the longer of the interval and this, ms. */
const SHORTEST_DEFAULT_TIMEOUT_MS = 2000

/** How a sensor is called in the log and in the status line. */
export function sensorName({ id, type }: SensorConfig): string {
  return id ?? type
}

/** What follows from a sensor's configuration: its type or the stand-in, its deadline and its filters, which are new. */
export function prepare(config: SensorConfig, simulate: boolean) {
  const registered = sensorTypes[config.type]
  const type: SensorType = simulate && registered.hardware ? standIn(registered) : registered
  return {
    type,
    name: sensorName(config),
    timeoutMs: config.timeout ?? type.timeoutMs ?? Math.max(config.interval, SHORTEST_DEFAULT_TIMEOUT_MS),
    filters: createFilters(filterOptions(type, config.metrics), config.interval),
  }
}

/** Runs one sensor until the signal aborts. It has started when the first open has succeeded or failed. */
export async function sense(options: SensingOptions, part: Part<SensorConfig>): Promise<void> {
  const { clock, log, root, telemetry, health, publish, store } = options
  const config = part.config()
  const { type, name, timeoutMs, filters } = prepare(config, options.simulate)
  const state = health.sensor(name, config.id, config.type)
  const loop = config.id === undefined ? `own sensor ${name}` : `sensor ${name}`
  const tellRejected = createRejectionLog(log, name)
  const demand = new Demand()
  const leave = options.readers.add({
    config,
    async read(wanted) {
      const { sample, at, monotonic } = await demand.ask(wanted)
      return prepare(config, options.simulate).filters.apply(sample, at, monotonic)
    },
  })

  await runSensor(
    {
      name,
      intervalMs: config.interval,
      timeoutMs,
      retryMs: type.minIntervalMs,
      clock,
      log,
      open: () => type.open(config, { clock, log, root, name }),
      onOpen(sensor) {
        options.onOpen(sensor.quantities)
        part.started()
      },
      onSample(sample, at, monotonic) {
        const reading = filters.apply(sample, at, monotonic)
        state.ok(reading.rejected)
        tellRejected(reading)
        options.onReading(config.id, reading.values)
        for (const message of telemetry.metrics(config.id, reading, (quantity) => silence(config, quantity)))
          publish(message)
        if (Object.keys(reading.values).length === 0) return
        const unsynchronised = options.unsynchronised()
        const record = telemetry.record(config.id, reading, options.sequence(), unsynchronised)
        store(record, { at, monotonic, unsynchronised })
        if (log.isLevelEnabled('debug')) log.debug({ sensor: name, ...reading.values }, 'reading')
      },
      onFailure(error) {
        state.failed(error)
        part.started()
      },
      onStatus(status) {
        state.status(status)
        options.onStatus(config.id, status)
        publish(telemetry.sensorStatus(config.id, status))
        log.info({ sensor: name, status }, 'sensor status')
        options.onChange()
      },
      beat: (withinMs) => health.beat(loop, withinMs),
      demand,
    },
    part.signal,
  ).finally(leave)
  health.ended(loop)
  state.gone()
}

/** The filters of each quantity: the config's, and the sensor type's range and rounding where the config is silent. */
function filterOptions(
  type: SensorType,
  metrics: Readonly<Partial<Record<string, MetricConfig>>>,
): Partial<Record<Quantity, FilterOptions>> {
  const { ownLimits = false } = type
  const one = ([quantity, span]: [string, Span]): [string, FilterOptions] => {
    const metric = metrics[quantity] ?? {}
    const range = ownLimits ? {} : metric
    const unbounded = type.unbounded?.(metric) === true
    return [
      quantity,
      {
        ...metric,
        min: unbounded ? undefined : (range.min ?? span.min),
        max: unbounded ? undefined : (range.max ?? span.max),
        digits: metric.digits ?? span.digits,
      },
    ]
  }
  return Object.fromEntries(Object.entries(type.measures).map(one))
}
