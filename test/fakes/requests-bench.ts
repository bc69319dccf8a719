/** Requests to a node whose sensors are scripted, with all that it answers. */
import { setMaxListeners } from 'node:events'
import type { RemoteConfig } from '../../src/config/schema.ts'
import { Demand } from '../../src/demand.ts'
import { Readers } from '../../src/readers.ts'
import type { RemoteNode } from '../../src/requests/action.ts'
import { ACTION_NAMES } from '../../src/requests/index.ts'
import { createRequests } from '../../src/requests.ts'
import { createTelemetry, type Incoming, type Message } from '../../src/telemetry.ts'
import { FakeClock } from './fake-clock.ts'
import { type Loop, startLoop } from './loop-bench.ts'
import { type RecordingLog, recordLog } from './recording-log.ts'
import type { Script } from './scripted-sensor.ts'

export interface RequestsBench extends RecordingLog {
  readonly clock: FakeClock
  readonly published: Message[]
  readonly requests: ReturnType<typeof createRequests>
  clockIsRight: boolean
  /** A sensor at work, read every 10 s, and never twice within 1 s. */
  sensor(id: string | undefined, script?: Script): Loop
  /** What came in on the topic of requests; text as it is, anything else as JSON. */
  send(request: unknown, more?: Partial<Incoming>): void
  /** All answers, parsed, in order. */
  answers(): Record<string, unknown>[]
  stop(): void
}

/** All actions are on. */
export function requestsBench(own: Partial<RemoteNode> = {}): RequestsBench {
  const clock = new FakeClock()
  const recording = recordLog()
  const published: Message[] = []
  const readers = new Readers()
  const stopping = new AbortController()
  setMaxListeners(0, stopping.signal) // as the agent does
  const telemetry = createTelemetry({
    node: 'n1',
    run: 'r1',
    topics: { sensors: 'sensors/n1', devices: 'devices/n1', gpio: 'gpio', alerts: 'alerts/n1' },
  })
  const requests = createRequests({
    telemetry,
    node: {
      ...{ id: 'n1', run: 'r1', clock, log: recording.log },
      uptimeMs: () => clock.monotonic(),
      about: () => ({ version: '1.2.3', sensors: [] }),
      readers: () => readers.all,
      unsynchronised: () => !bench.clockIsRight,
      ...own,
    },
    publish: (message) => published.push(message),
    clock,
    signal: stopping.signal,
  })
  requests.configure({ actions: [...ACTION_NAMES] } satisfies RemoteConfig)
  const [heard] = requests.subscriptions()
  const bench: RequestsBench = {
    ...recording,
    clock,
    published,
    requests,
    clockIsRight: true,
    sensor(id, script) {
      const demand = new Demand()
      readers.add({
        config: { id, type: 'scripted' },
        async read(signal) {
          const { sample, at } = await demand.ask(signal)
          return { at, values: sample, due: [], rejected: [] }
        },
      })
      return startLoop(clock, script ?? {}, { demand })
    },
    send(request, more = {}) {
      const payload =
        request instanceof Uint8Array
          ? request
          : new TextEncoder().encode(typeof request === 'string' ? request : JSON.stringify(request))
      heard?.hear({ topic: telemetry.requestTopic, payload, retained: false, ...more })
    },
    answers: () => published.map(({ payload }) => JSON.parse(payload) as Record<string, unknown>), // made by telemetry
    stop: () => stopping.abort(),
  }
  return bench
}
