/**
 * One node under test: a Mosquitto, the link before it, a consumer behind it, and the built agent with its state in a
 * folder of its own. Everything is ended by `close`.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { type AgentProcess, startAgent } from '../fakes/agent-process.ts'
import { type Mosquitto, startMosquitto } from '../fakes/mosquitto.ts'
import { type Account, Ledger } from './ledger.ts'
import { type Link, openLink } from './link.ts'
import { type Tally, tally } from './tally.ts'

export interface Rig {
  readonly broker: Mosquitto
  readonly link: Link
  readonly ledger: Ledger
  readonly folder: string
  /** The agent's configuration. */
  readonly file: string
  /** Starts the agent. @param by a command that runs it, put before */
  start(by?: readonly string[]): Started
  /** Enters an agent that was started otherwise into the books: it owes all that it read. */
  enter(books: Tally): void
  /** Resolves when the broker has acknowledged every reading that all agents so far owe, or after much patience. */
  settled(): Promise<void>
  /** Ends an agent in order, and lets another one deliver what it left on the disk. */
  finish(agent: Started): Promise<void>
  /** Closes the books over all agents that were started. */
  account(): Account
  close(): Promise<void>
}

export interface Started extends AgentProcess, Tally {
  /** Ends it without a warning, at once. */
  kill(): Promise<void>
  /** Readings that must be delivered, by `run sensor`: all of them, less what was younger than `PROMISE_MS` at a kill. */
  owed(): Map<string, number>
}

export interface RigOptions {
  /** YAML of the sensors, and of whatever else the config shall have; `node` and `mqtt` are there. */
  readonly config?: string
  /** Further lines below `mqtt`. */
  readonly mqtt?: string
  readonly env?: Readonly<Record<string, string>>
}

/** For what has no event to wait for: the moment of a fault. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Four sensors at ten readings a second each. */
export const LOAD = `sensors:
${['a', 'b', 'c', 'd'].map((id) => `  - { id: ${id}, type: simulated, interval: 100ms, metrics: { count: { shape: counter } } }`).join('\n')}
`

/** What is younger than that may be lost when the process is killed, and nothing else. */
const PROMISE_MS = 2000

const RECORDS = 'sensors/+/+/data'
const SETTLE_EVERY_MS = 50
const SETTLE_PATIENCE_MS = 120_000

export async function setUp({ config = LOAD, mqtt: more = '', env = {} }: RigOptions = {}): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), 'sensor-node-faults-'))
  const broker = await startMosquitto()
  const ledger = new Ledger()
  const link = await openLink(broker.port, ledger)
  const consumer = await consume(broker.url, ledger)
  const file = join(folder, 'config.yaml')
  await writeFile(file, `node: { id: n1 }\nmqtt: { url: '${link.url}'${more} }\n${config}`)
  const agents: Started[] = []
  const books: Pick<Started, 'read' | 'owed'>[] = []
  const readings = (): Map<string, number> => new Map(books.flatMap(({ read }) => [...read]))
  const owed = (): Map<string, number> => new Map(books.flatMap((book) => [...book.owed()]))
  const rig: Rig = {
    broker,
    link,
    ledger,
    folder,
    file,
    enter: ({ read }) => books.push({ read, owed: () => new Map(read) }),
    start(by = []) {
      const agent = startAgent(['run', '--config', file, '--log-level', 'debug'], {
        by,
        env: { STATE_DIRECTORY: join(folder, 'state'), RUNTIME_DIRECTORY: join(folder, 'run'), ...env },
      })
      const told = tally(agent.child.stdout)
      let killedAt = Number.POSITIVE_INFINITY
      const started: Started = {
        ...agent,
        ...told,
        async kill() {
          killedAt = Date.now()
          await agent.end('SIGKILL')
        },
        owed: () =>
          new Map(
            [...told.times].map(([key, times]) => [key, times.filter((at) => at <= killedAt - PROMISE_MS).length]),
          ),
      }
      agents.push(started)
      books.push(started)
      return started
    },
    async settled() {
      const end = Date.now() + SETTLE_PATIENCE_MS
      while (ledger.missing(owed()) > 0) {
        if (Date.now() > end) return // the books will say what is missing
        await new Promise((resolve) => setTimeout(resolve, SETTLE_EVERY_MS))
      }
    },
    async finish(agent) {
      await agent.end('SIGTERM')
      if (ledger.missing(owed()) === 0) return
      const next = rig.start()
      await rig.settled()
      await next.end('SIGTERM')
      await rig.settled()
    },
    account: () => ledger.close(readings(), owed()),
    async close() {
      for (const agent of agents) await agent.end('SIGKILL')
      consumer.end(true)
      await link.close()
      await broker.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
  return rig
}

/** Somebody who wants every record, and keeps the session over a broken connection. */
async function consume(url: string, ledger: Ledger): Promise<MqttClient> {
  const client = await mqtt.connectAsync(url, {
    clientId: 'consumer',
    clean: false,
    protocolVersion: 5,
    properties: { sessionExpiryInterval: 3600 },
    reconnectPeriod: 50,
  })
  client.on('message', (_, payload) => ledger.consumed(payload.toString()))
  client.on('error', () => {}) // the broker is killed by the test
  // A broker that was killed has forgotten the subscription.
  client.on('connect', () => client.subscribe(RECORDS, { qos: 1 }))
  await client.subscribeAsync(RECORDS, { qos: 1 })
  return client
}
