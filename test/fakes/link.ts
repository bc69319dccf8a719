/** The agent's side of MQTT alone: no sensors, no pins, whatever listens on the other side. */
import { pino } from 'pino'
import { type Clock, systemClock } from '../../src/clock.ts'
import type { MqttConfig } from '../../src/config/schema.ts'
import { type LinkConfig, Mqtt } from '../../src/mqtt.ts'
import { Outbox } from '../../src/outbox.ts'
import type { Subscription } from '../../src/subscriptions.ts'
import { createTelemetry, type Message } from '../../src/telemetry.ts'

export const telemetry = createTelemetry({
  node: 'n1',
  run: 'run1',
  topics: { sensors: 'sensors/n1', devices: 'devices/n1', gpio: 'gpio', alerts: 'alerts/n1' },
})

export interface Link {
  readonly mqtt: Mqtt
  readonly config: LinkConfig
  readonly outbox: Outbox
  readonly lines: Record<string, unknown>[]
  readonly received: { topic: string; payload: string; retained: boolean }[]
  /** Resolves when the link is up, or gone. */
  connected(up?: boolean): Promise<void>
  /** Resolves at the first log line, from the beginning, that the test accepts. */
  logged(accepts: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>
  stop(): Promise<void>
}

/** What a test started, to be ended after it, the last first. */
export const cleanups: (() => Promise<unknown>)[] = []

/** For `afterEach`. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
}

/** Connects, and goes on trying. Ended by `cleanUp`. */
export function link(
  url: string,
  options: {
    password?: () => Promise<string>
    username?: string
    protocol?: 4 | 5
    maxRecords?: number
    keepalive?: number
    tls?: MqttConfig['tls']
    clock?: Clock
    root?: string
    /** Asked whenever the link wants to know what is heard; default: yes. */
    listens?: () => boolean
  } = {},
): Link {
  const lines: Record<string, unknown>[] = []
  const received: Link['received'] = []
  const waiting: (() => void)[] = []
  const wake = (): void => {
    for (const look of waiting.splice(0)) look()
  }
  const write = (text: string): void => {
    lines.push(JSON.parse(text) as Record<string, unknown>) // pino writes objects
    wake()
  }
  const outbox = new Outbox({ maxRecords: options.maxRecords ?? 1000, onOverflow: () => {} })
  const commands: Subscription = {
    name: 'commands',
    filter: telemetry.commandFilter,
    hear({ topic, payload, retained }) {
      received.push({ topic, payload: Buffer.from(payload).toString(), retained })
      wake()
    },
  }
  const config: LinkConfig = {
    url,
    protocol: options.protocol ?? 5,
    keepalive: options.keepalive ?? 30_000,
    client_id: `c-${Math.random().toString(36).slice(2)}`,
    username: options.username,
    tls: options.tls,
  }
  const mqtt = new Mqtt({
    config,
    password: options.password ?? (async () => undefined),
    will: telemetry.status('offline'),
    birth: () => [telemetry.status('online'), telemetry.info({ hello: true })],
    subscriptions: () => (options.listens?.() === false ? [] : [commands]),
    onConnected: wake,
    onChange: wake,
    outbox,
    clock: options.clock ?? systemClock,
    log: pino({ level: 'debug' }, { write }),
    beat: () => {},
    random: () => 0.05, // back-off without the waiting
    root: options.root ?? '/',
  })
  const controller = new AbortController()
  const running = mqtt.run(controller.signal)
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) await new Promise<void>((resolve) => waiting.push(resolve))
  }
  const stop = async (): Promise<void> => {
    controller.abort()
    await running
    await mqtt.close(telemetry.status('offline'), { drainMs: 1000, ackMs: 2000 })
  }
  cleanups.push(stop)
  return {
    mqtt,
    config,
    outbox,
    lines,
    received,
    connected: (up = true) => until(() => mqtt.connected === up),
    async logged(accepts) {
      await until(() => lines.some(accepts))
      return lines.find(accepts) ?? {}
    },
    stop,
  }
}

export const record = (seq: number): Message => ({
  topic: 'sensors/n1/data',
  payload: JSON.stringify({ seq }),
  qos: 1,
  retain: false,
})
export const metric = (value: number): Message => ({
  topic: 'sensors/n1/temperature',
  payload: String(value),
  qos: 1,
  retain: true,
  expiresMs: 30_000,
})
/** Accepts log lines with such a reason. */
export const reason = (text: RegExp) => (line: Record<string, unknown>) => text.test(String(line.reason))
