/** `sensor-node simulate`: many virtual nodes in one process, to try dashboards and brokers with. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { configSchema } from '../config/schema.ts'
import { readHost } from '../host.ts'
import { silentLog } from '../log.ts'
import { runFleet } from '../simulate/fleet.ts'
import { createNode, type VirtualNode } from '../simulate/node.ts'
import type { BrokerFlags } from './broker-flags.ts'
import { createEvents } from './events.ts'
import { EXIT } from './exit-code.ts'
import { packageVersion } from './package.ts'
import { withBroker } from './with-broker.ts'

/** Options of `simulate` as the command line gives them. */
export interface SimulateFlags extends BrokerFlags {
  readonly nodes: number
  /** ms */
  readonly interval: number
  readonly sensors: number
  readonly prefix: string
  readonly failEvery?: number
  readonly clear?: boolean
  readonly json?: boolean
}

/** Besides those of the nodes: Node.js itself, its pools, files. */
const OTHER_DESCRIPTORS = 50

/**
 * Runs until a signal.
 *
 * @throws ConfigError with all problems of the flags, or of the configuration's `mqtt`
 */
export async function simulate(flags: SimulateFlags): Promise<number> {
  return withBroker(flags, async ({ clock, say, random, root }, signal, { mqtt, topics, password, words }) => {
    const most = await openFiles(root)
    if (most !== undefined && flags.nodes + OTHER_DESCRIPTORS > most) {
      const needed = flags.nodes + OTHER_DESCRIPTORS
      say(
        `${flags.nodes} nodes need ${needed} file descriptors, and this process may have ${most}: ulimit -n ${needed}`,
      )
      return EXIT.failed
    }
    const [host, log, version] = [await readHost(root), silentLog(), packageVersion()]
    const sensors = Array.from({ length: flags.sensors }, (_, index) => ({
      ...(index === 0 ? {} : { id: `s${index + 1}` }),
      type: 'simulated',
      interval: `${flags.interval}ms`,
    }))
    const base = configSchema.parse({ node: { id: 'x' }, sensors, topics })
    const digits = String(flags.nodes).length
    const create = (number: number): VirtualNode => {
      const id = `${flags.prefix}${String(number).padStart(digits, '0')}`
      const own = Object.fromEntries(
        Object.entries(topics).map(([name, template]) => [name, template.replaceAll('{node}', id)]),
      )
      const config = {
        ...base,
        node: { ...base.node, id },
        mqtt: { ...mqtt, client_id: `sensor-node-${id}` },
        topics: { ...base.topics, ...own },
        rules: [],
        home_assistant: undefined,
      }
      const run = randomBytes(4).toString('hex')
      return createNode({ config, run, version, password, host, clock, log, random, root, failEvery: flags.failEvery })
    }
    const tell = createEvents(flags.json, clock)
    const onConnected = (connected: number, reason: string | undefined): void =>
      tell('connected', { connected, nodes: flags.nodes, ...(reason === undefined ? {} : { reason }) })
    tell('simulating', { nodes: flags.nodes, broker: mqtt.url })
    say(`${flags.nodes} nodes at ${mqtt.url}; Ctrl-C ends them`)
    const { records, away } = await runFleet(
      { count: flags.nodes, create, clear: flags.clear ?? false, clock, say, words, onConnected },
      signal,
    )
    say(`${records} records delivered`)
    tell('end', { records, away, code: away === 0 ? EXIT.ok : EXIT.failed })
    if (away === 0) return EXIT.ok
    say(
      `${away} nodes were not connected at the end${flags.clear === true ? ': what the broker keeps of them is still there' : ''}`,
    )
    return EXIT.failed
  })
}

/** How many this process may have open; undefined: nobody knows. */
async function openFiles(root: string): Promise<number | undefined> {
  const text = await readFile(`${root}/proc/self/limits`, 'utf8').catch(() => '')
  const [, soft] = /^Max open files\s+(\d+)/m.exec(text) ?? []
  return soft === undefined ? undefined : Number(soft)
}
