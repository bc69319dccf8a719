/** `sensor-node fleet`: every node of a broker, who is online, and whether all are that should be. */
import type { ConnectionError } from '../mqtt-errors.ts'
import { createFleet, type FleetNode, notOnline } from '../tools/fleet.ts'
import { fleetJson, fleetLines, nodeJson, nodeLine } from '../tools/fleet-text.ts'
import { connectTool } from '../tools/link.ts'
import { createQuiet } from '../tools/quiet.ts'
import { createReader, filtersOf } from '../tools/topics.ts'
import type { BrokerFlags } from './broker-flags.ts'
import { EXIT } from './exit-code.ts'
import { readExpected } from './expected.ts'
import { createPrinter } from './printer.ts'
import { type Picture, showOn } from './screen.ts'
import { withBroker } from './with-broker.ts'

/** Options of `fleet` as the command line gives them. */
export interface FleetFlags extends BrokerFlags {
  readonly expect?: string
  readonly json?: boolean
  readonly watch?: boolean
}

/** How often a terminal is drawn, ms. */
const REDRAW_MS = 1000

/**
 * Prints who is there, once or until it is told to stop. The exit code is 1 where an expected node is not online at the
 * end.
 *
 * @throws ConfigError with all problems of the flags, or of the configuration's `mqtt`
 */
export async function fleet(flags: FleetFlags): Promise<number> {
  const expected = flags.expect === undefined ? [] : await readExpected(flags.expect)
  return withBroker(flags, async (basics, signal, { topics, node: own }) => {
    const { clock } = basics
    const all = createFleet()
    const quiet = createQuiet(clock)
    const meaningOf = createReader(topics)
    const onScreen = flags.watch === true && process.stdout.isTTY && flags.json !== true
    const print = createPrinter(process.stdout, signal)
    const news = createNews()
    let notice = ''
    let lost: ConnectionError | undefined
    const say = (line: string): void => {
      if (onScreen) notice = line
      else if (flags.watch === true || lost === undefined) basics.say(line)
    }
    const link = await connectTool(
      {
        ...{ ...basics, name: 'fleet', say },
        filters: filtersOf(['devices'], topics).map((filter) => ({ filter, qos: 0 })),
        onMessage({ topic, payload, retained }) {
          if (retained) quiet.heard()
          const meaning = meaningOf(topic)
          const node = meaning && all.hear({ ...meaning, node: meaning.node ?? own }, payload, retained, clock.now())
          if (node === undefined || flags.watch !== true || onScreen) return undefined
          const now = clock.now()
          const one = all.node(node, now)
          if (!news(one)) return undefined
          return print([flags.json === true ? nodeJson(one, now) : nodeLine(one, now)])
        },
        onConnected: () => {
          if (lost !== undefined && flags.watch === true) notice = '' // what was refused stays refused
        },
        onAway: (reason) => {
          lost = reason
        },
      },
      signal,
    )
    if (flags.watch !== true) {
      await quiet.wait(signal)
      if (lost !== undefined) throw lost // whoever is not in the list may be there
      await link.end()
    } else if (onScreen) {
      const picture = (): Picture => {
        const lines = fleetLines(all.nodes(clock.now()), expected, clock.now())
        return { lines: [notice || basics.mqtt.url, '', ...lines], total: lines.length + 2 }
      }
      await showOn(process.stdout, { picture, everyMs: REDRAW_MS, clock }, signal)
    }
    await link.ended
    const nodes = all.nodes(clock.now())
    if (flags.watch !== true)
      await print(flags.json === true ? [fleetJson(nodes, expected)] : fleetLines(nodes, expected, clock.now()))
    const missing = notOnline(expected, nodes)
    if (all.turnedAway > 0)
      basics.say(`more nodes than fit into this list: ${all.turnedAway} messages of others left out`)
    if (missing.length > 0) basics.say(`expected, and not online: ${missing.join(' ')}`)
    return missing.length > 0 ? EXIT.failed : EXIT.ok
  })
}

/** Whether there is more to tell of a node than that it was heard again. */
function createNews(): (one: FleetNode) => boolean {
  const told = new Map<string, string>()
  return ({ lastSeen: _, ...one }) => {
    const text = JSON.stringify(one)
    if (told.get(one.node) === text) return false
    told.set(one.node, text)
    return true
  }
}
