/**
 * Reads sensors once, each by the agent's own loop, which ends at the first good answer or when the agent would call
 * the sensor offline: the same opening, deadlines, retries of what is ordinary for a DHT, and filters. Called by `read`.
 */
import type { Clock } from './clock.ts'
import type { SensorConfig } from './config/schema.ts'
import type { SensorError } from './errors.ts'
import type { Logger } from './log.ts'
import type { Outcome } from './read-outcome.ts'
import type { Reading } from './reading.ts'
import { runSensor } from './scheduler.ts'
import { prepare } from './sensing.ts'

export interface ReadOnceOptions {
  /** Whether hardware types are replaced by their stand-ins. */
  readonly simulate: boolean
  readonly clock: Clock
  readonly log: Logger
  /** Stands for `/`. */
  readonly root: string
}

/** Nobody waits at a terminal for the default deadline of a sensor that is read every hour. */
const LONGEST_DEFAULT_TIMEOUT_MS = 15_000

/**
 * All at the same time, in the order given. One that neither answered nor failed was called off by the signal.
 *
 * @throws only for a bug of ours: what fails is in the outcome
 */
export async function readOnce(
  sensors: readonly SensorConfig[],
  options: ReadOnceOptions,
  signal: AbortSignal,
): Promise<Outcome[]> {
  return await Promise.all(sensors.map((config) => readSensor(config, options, signal)))
}

async function readSensor(
  config: SensorConfig,
  { simulate, clock, log, root }: ReadOnceOptions,
  signal: AbortSignal,
): Promise<Outcome> {
  const { type, name, timeoutMs, filters } = prepare(config, simulate)
  const done = new AbortController()
  let reading: Reading | undefined
  let error: SensorError | undefined
  await runSensor(
    {
      name,
      intervalMs: config.interval,
      timeoutMs: config.timeout ?? Math.min(timeoutMs, LONGEST_DEFAULT_TIMEOUT_MS),
      retryMs: type.minIntervalMs,
      clock,
      log,
      open: () => type.open(config, { clock, log, root, name }),
      onOpen() {},
      onSample(sample, at, monotonic) {
        reading = filters.apply(sample, at, monotonic)
      },
      onFailure(failure) {
        error = failure
      },
      // Told with the first good read, and where the agent would give up.
      onStatus: () => done.abort(),
      beat() {},
    },
    AbortSignal.any([signal, done.signal]),
  )
  if (reading !== undefined) return { config, reading }
  return error === undefined ? { config } : { config, error }
}
