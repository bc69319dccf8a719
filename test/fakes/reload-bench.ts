/** The whole agent on a clock that the test turns, with a broker on loopback and a configuration that can be changed. */
import { createServer } from 'node:net'
import { Aedes } from 'aedes'
import { type Agent, runAgent } from '../../src/agent.ts'
import { type Loaded, parseConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/errors.ts'
import { createMockGpio, type MockBoard } from '../../src/gpio/mock.ts'
import type { Overlays } from '../../src/overlays.ts'
import type { ReloadResult } from '../../src/reload.ts'
import type { Notifier } from '../../src/systemd.ts'
import { FakeClock, settled } from './fake-clock.ts'
import { type RecordingLog, recordLog } from './recording-log.ts'

export interface Heard {
  readonly topic: string
  readonly payload: string
  readonly retain: boolean
  /** On the clock of the test, ms. */
  readonly at: number
}

export interface ReloadBench extends RecordingLog {
  readonly clock: FakeClock
  readonly board: MockBoard
  readonly agent: Agent
  /** What the node published, in order. */
  readonly heard: readonly Heard[]
  /** How often the node connected. */
  readonly connections: () => number
  /** Filters that the node listens to now. */
  readonly filters: () => readonly string[]
  /** What systemd was told, in order. */
  readonly notices: readonly string[]
  /** Writes the file. `{url}` stands for the broker's address. */
  write(text: string): void
  /** The same, and reloads. */
  reload(text?: string): Promise<ReloadResult>
  /** Turns the clock until it has happened; `ms` a turn, 0: what needs no time. */
  until<T>(event: Promise<T>, ms?: number): Promise<T>
  /** Lets time pass, and what is published arrive. */
  pass(ms: number): Promise<void>
  /** Publishes something, and lets it arrive. */
  say(topic: string, payload: string): Promise<void>
  /** Sends a command, and lets it arrive. */
  command(pin: number, payload: string): Promise<void>
  /** The newest health. */
  health(): Record<string, unknown>
  /** The newest payload of a topic, as JSON. */
  json(topic: string): Record<string, unknown>
  stop(): Promise<void>
}

export interface ReloadBenchOptions {
  readonly load?: () => Promise<Loaded>
  readonly stateFolder?: string
  readonly runtimeFolder?: string
  readonly watchdogMs?: number
  /** Who has which pins of this machine. */
  readonly overlays?: Overlays
}

export async function startReloadBench(first: string, options: ReloadBenchOptions = {}): Promise<ReloadBench> {
  const broker = await Aedes.createBroker()
  const server = createServer((socket) => void broker.handle(socket.setNoDelay(true)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const url = `mqtt://127.0.0.1:${address.port}`

  const clock = new FakeClock()
  const heard: Heard[] = []
  const filters = new Set<string>()
  let connections = 0
  broker.on('client', () => {
    connections += 1
  })
  broker.on('subscribe', (subscriptions) => {
    for (const { topic } of subscriptions) filters.add(topic)
  })
  broker.on('unsubscribe', (topics) => {
    for (const topic of topics) filters.delete(topic)
  })
  broker.on('publish', ({ topic, payload, retain }, client) => {
    if (client !== null) heard.push({ topic, payload: payload.toString(), retain, at: clock.monotonic() })
  })

  const recording = recordLog()
  const { log } = recording
  const board = createMockGpio({ clock, log })
  const notices: string[] = []
  const note = async (text: string): Promise<void> => void notices.push(text)
  const notifier: Notifier = {
    ready: (status) => note(`READY ${status}`),
    reloading: () => note('RELOADING'),
    status: async () => {},
    stopping: () => note('STOPPING'),
    watchdog: () => note('WATCHDOG'),
    watchdogMs: options.watchdogMs,
  }
  let text = first
  const load = async (): Promise<Loaded> => {
    const file = '/etc/sensor-node/config.yaml'
    const { config, root, problems, warnings } = parseConfig(text.replace('{url}', url), file, {
      env: {},
      hostname: 'n1',
      ...(options.overlays === undefined ? {} : { overlays: options.overlays }),
    })
    if (config === undefined || root === undefined || problems.length > 0) throw new ConfigError(file, problems)
    return { config, root, warnings, file }
  }
  const controller = new AbortController()
  let running: Promise<void> = Promise.resolve()
  const agent = await new Promise<Agent>((onReady, reject) => {
    load()
      .then(({ config }) => {
        running = runAgent(
          config,
          {
            ...{ clock, gpio: board, log, notifier, onReady, root: '/nowhere', version: '0', run: 'run1' },
            load: options.load ?? load,
            simulate: false,
            password: async () => undefined,
            stateFolder: options.stateFolder,
            runtimeFolder: options.runtimeFolder,
            random: () => 0.5, // at 0 it would try again without any time passing
          },
          controller.signal,
        )
      })
      .catch(reject)
  })

  const until = async <T>(event: Promise<T>, ms = 0): Promise<T> => {
    let over = false
    const done = event.finally(() => {
      over = true
    })
    done.catch(() => {}) // it is awaited below
    while (!over) await clock.advance(ms)
    return await done
  }
  const arrive = async (): Promise<void> => {
    await agent.idle()
    await settled()
  }
  const say = async (topic: string, payload: string): Promise<void> => {
    await new Promise<void>((resolve) => {
      broker.publish({ cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false }, () => resolve())
    })
    for (let turn = 0; turn < 20; turn += 1) await clock.advance(0)
    await arrive()
  }
  const json = (topic: string): Record<string, unknown> =>
    JSON.parse(heard.findLast((one) => one.topic === topic)?.payload ?? '{}')
  while (!heard.some(({ topic }) => topic.endsWith('/health'))) await settled()
  await arrive()
  return {
    ...recording,
    ...{ clock, board, agent, heard, notices, json, until },
    connections: () => connections,
    filters: () => [...filters],
    write(next) {
      text = next
    },
    async reload(next = text) {
      text = next
      const result = await until(agent.reload())
      await arrive()
      return result
    },
    async pass(ms) {
      const end = clock.monotonic() + ms
      while (clock.monotonic() < end) {
        await clock.advance(Math.min(end, clock.next ?? end) - clock.monotonic())
        await arrive()
      }
    },
    say,
    command: (pin, payload) => say(`gpio/${pin}/command`, payload),
    health: () => json('devices/n1/health'),
    async stop() {
      controller.abort()
      await until(running, 100)
      await new Promise<void>((resolve) => broker.close(() => server.close(() => resolve())))
    },
  }
}
