/**
 * One virtual node: the agent's own connection, topics, payloads and health around simulated sensors, without pins, rules
 * and disk. Many share a process, and its memory is what each of them tells as its own; see `fleet.ts`.
 */
import { createBirth } from '../birth.ts'
import { type Clock, pause } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import { SensorError } from '../errors.ts'
import { createHealth } from '../health.ts'
import type { Host } from '../host.ts'
import type { Logger } from '../log.ts'
import { Mqtt } from '../mqtt.ts'
import { Outbox } from '../outbox.ts'
import { QUANTITIES, QUANTITY_NAMES, type Sample } from '../reading.ts'
import { repeat } from '../repeat.ts'
import { simulated } from '../sensors/simulated.ts'
import { createTelemetry } from '../telemetry.ts'

export interface NodeOptions {
  /** With the id, the topics and the client id of this very node. */
  readonly config: Config
  readonly run: string
  readonly version: string
  readonly password: () => Promise<string | undefined>
  readonly host: Host
  readonly clock: Clock
  readonly log: Logger
  /** 0 to 1. */
  readonly random: () => number
  readonly root: string
  /** Every so manieth read of each sensor fails; undefined: none. */
  readonly failEvery: number | undefined
}

/** Records that wait while the broker is away, of each node. */
const MOST_RECORDS = 1000
/** As the agent: how often it says how it is, beside when something changes, ms. */
const HEALTH_EVERY_MS = 60_000
/** For what waits, and for the last word of each, ms. */
const LAST_WORDS = { drainMs: 10_000, ackMs: 10_000 } as const

export type VirtualNode = ReturnType<typeof createNode>

export function createNode(options: NodeOptions) {
  const { config, run, clock, log } = options
  const telemetry = createTelemetry({ node: config.node.id, topics: config.topics, run })
  const outbox = new Outbox({ maxRecords: MOST_RECORDS, onOverflow: () => {} })
  const birth = createBirth({
    ...{ telemetry, run, version: options.version, simulate: true, clock, host: options.host },
    config: () => config,
    gpio: { backend: 'mock', reason: undefined },
  })
  const mqtt = new Mqtt({
    config: config.mqtt,
    password: options.password,
    will: telemetry.status('offline'),
    birth: () => [telemetry.status('online'), birth.message()],
    subscriptions: () => [],
    onConnected: () => tell(),
    onChange: () => tell(),
    beat: () => {},
    random: options.random,
    root: options.root,
    ...{ outbox, clock, log },
  })
  const health = createHealth(clock, () => ({
    ...{ connected: mqtt.connected, reconnects: mqtt.reconnects, lastError: mqtt.lastError, session: mqtt.session },
    queued: outbox.depth,
    outbox: { bytes: outbox.bytes, store: 'memory' },
    dropped: { ...outbox.dropped, ...mqtt.dropped },
  }))
  const tell = (): void => mqtt.publish(telemetry.health(health.report()))
  let records = 0
  /** What the broker keeps of the sensors. */
  const kept = new Set<string>()

  async function measure(sensor: Config['sensors'][number], signal: AbortSignal): Promise<void> {
    const { id, interval, type } = sensor
    const name = id ?? config.node.id
    const state = health.sensor(name, id, type)
    const world = { clock, log, root: options.root, name }
    const opened = await simulated.open({ metrics: {}, fail_every: options.failEvery }, world)
    birth.opened(sensor, opened.quantities)
    for (const last of ['status', ...opened.quantities]) kept.add(telemetry.sensorTopic(id, last))
    mqtt.publish(telemetry.info(birth.about()))
    let status: 'online' | 'offline' | undefined
    const become = (now: 'online' | 'offline'): void => {
      if (status === now) return
      status = now
      state.status(now)
      mqtt.publish(telemetry.sensorStatus(id, now))
      tell()
    }
    let seq = 0
    const told = (values: Sample): void => {
      const due = QUANTITY_NAMES.filter((quantity) => quantity in values)
      const reading = { at: clock.now(), values, due, rejected: [] }
      for (const message of telemetry.metrics(id, reading, () => interval)) mqtt.publish(message)
      outbox.put(telemetry.record(id, reading, seq))
      mqtt.drain()
      seq += 1
      records += 1
      state.ok([])
    }
    await pause(clock, options.random() * interval, signal) // not all at the same moment
    for (let due = clock.monotonic(); !signal.aborted; ) {
      try {
        told(rounded(await opened.read(signal)))
        become('online')
      } catch (error) {
        if (!(error instanceof SensorError)) throw error
        state.failed(error)
        become('offline')
      }
      due += interval
      if (due < clock.monotonic()) due = clock.monotonic() // never a burst
      await pause(clock, due - clock.monotonic(), signal)
    }
    await opened.close()
  }

  return {
    get connected(): boolean {
      return mqtt.connected
    },
    /** Why it is not, or was not. */
    get lastError(): string | undefined {
      return mqtt.lastError
    },
    /** Read so far. */
    get records(): number {
      return records
    },
    /** That the broker has not acknowledged. */
    get waiting(): number {
      return outbox.depth
    },

    /** Until the signal aborts. The connection stays open then, for `close`. */
    async run(signal: AbortSignal): Promise<void> {
      const telling = repeat({ ms: HEALTH_EVERY_MS, work: tell, clock, beat: () => {} }, signal)
      await Promise.all([mqtt.run(signal), telling, ...config.sensors.map((sensor) => measure(sensor, signal))])
    },

    /** Leaves the broker, offline; `clear`: with nothing kept of it. True where that could be said. */
    async close(clear: boolean): Promise<boolean> {
      const connected = mqtt.connected
      const own = telemetry.keptNodeTopics.filter((topic) => topic !== telemetry.nodeTopic('status'))
      if (clear) for (const topic of [...kept, ...own]) mqtt.publish(telemetry.cleared(topic))
      const last = clear ? telemetry.cleared(telemetry.nodeTopic('status')) : telemetry.status('offline')
      await mqtt.close(last, LAST_WORDS)
      return connected
    },
  }
}

/** With as many decimals as are worth publishing. */
function rounded(sample: Sample): Sample {
  return Object.fromEntries(
    QUANTITY_NAMES.flatMap((quantity) => {
      const value = sample[quantity]
      return value === undefined ? [] : [[quantity, Number(value.toFixed(QUANTITIES[quantity].digits))]]
    }),
  )
}
