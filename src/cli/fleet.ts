/** `sensor-node fleet`: every node of a broker, who is online, and whether all are that should be. */
import { readFile } from 'node:fs/promises'
import { ConfigError, codeOf, messageOf } from '../errors.ts'
import type { ConnectionError } from '../mqtt-errors.ts'
import { age } from '../tools/age.ts'
import { alignedLines } from '../tools/aligned.ts'
import { createFleet, type FleetNode, notOnline } from '../tools/fleet.ts'
import { connectTool } from '../tools/link.ts'
import { printable } from '../tools/printable.ts'
import { createQuiet } from '../tools/quiet.ts'
import { createReader, filtersOf } from '../tools/topics.ts'
import type { BrokerFlags } from './broker-flags.ts'
import { EXIT } from './exit-code.ts'
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
          return print([flags.json === true ? JSON.stringify(nodeJson(one)) : nodeLine(one, now)])
        },
        onConnected: () => {
          notice = ''
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
      await print(flags.json === true ? [asJson(nodes, expected)] : fleetLines(nodes, expected, clock.now()))
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

/** Ids, one on each line; `#` begins a comment. */
export async function readExpected(file: string): Promise<string[]> {
  const wrong = (message: string, line = 0): ConfigError =>
    new ConfigError(file, [{ line, column: line === 0 ? 0 : 1, path: '', message }])
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw wrong(`--expect: ${file} can’t be read (${codeOf(error) ?? messageOf(error)})`)
  })
  const ids = text.split('\n').flatMap((line, index) => {
    const id = line.replace(/#.*/, '').trim()
    if (/[\s/+]/.test(id)) throw wrong(`“${printable(id)}” is no node id: one a line, # begins a comment`, index + 1)
    return id === '' ? [] : [id]
  })
  if (ids.length === 0) throw wrong(`--expect: ${file} names no node: one id a line, # begins a comment`)
  return [...new Set(ids)]
}

/** The nodes, and those that are expected and that nobody has heard of. */
function withMissing(nodes: readonly FleetNode[], expected: readonly string[]): (FleetNode & { missing: boolean })[] {
  const away = new Set(notOnline(expected, nodes))
  const seen = new Set(nodes.map(({ node }) => node))
  const unheard = expected
    .filter((node) => !seen.has(node))
    .map((node) => ({ node, status: 'unknown', faults: [] }) as const)
  return [...nodes, ...unheard].map((one) => ({ ...one, missing: away.has(one.node) }))
}

/** For a person: headline and a line for each. `now`: ms since 1970. */
export function fleetLines(nodes: readonly FleetNode[], expected: readonly string[], now: number): string[] {
  const all = withMissing(nodes, expected)
  if (all.length === 0) return ['no node has said anything here']
  const rows = all.map((one) => nodeCells(one, now))
  return alignedLines([['NODE', 'STATUS', 'SINCE', 'VERSION', 'SEEN', 'QUEUE', 'FAULTS'], ...rows], [2, 4, 5])
}

function nodeCells(one: FleetNode & { readonly missing?: boolean }, now: number): string[] {
  const { node, status, since, version, lastSeen, queue, faults, missing } = one
  const ago = (at: number | undefined): string => (at === undefined ? '' : age(now - at))
  return [
    ...[printable(node), missing === true ? `${status} !` : status, ago(since), printable(version ?? '')],
    ...[ago(lastSeen), String(queue ?? ''), printable(faults.join('; '), 200)],
  ]
}

/** A change. */
function nodeLine(one: FleetNode, now: number): string {
  const [node = '', status = '', since, version, , queue, faults] = nodeCells(one, now)
  const parts = [
    ...(since ? [`since ${since}`] : []),
    ...(version ? [`version ${version}`] : []),
    ...(queue ? [`${queue} queued`] : []),
    ...(faults ? [faults] : []),
  ]
  return [new Date(now).toISOString(), node, status, parts.join(', ')].join('  ').trimEnd()
}

/** `{"nodes":[{"node":…,"status":…,"since":…,"version":…,"last_seen":…,"queue":…,"faults":[…]}],"missing":[…]}`; times in RFC 3339. */
export function asJson(nodes: readonly FleetNode[], expected: readonly string[]): string {
  return JSON.stringify({ nodes: nodes.map(nodeJson), missing: notOnline(expected, nodes) }, undefined, 2)
}

function nodeJson({ node, status, since, sinceBy, version, lastSeen, queue, faults }: FleetNode): object {
  return {
    ...{ node, status },
    ...(since === undefined ? {} : { since: new Date(since).toISOString(), since_by: sinceBy }),
    ...(version === undefined ? {} : { version }),
    ...(lastSeen === undefined ? {} : { last_seen: new Date(lastSeen).toISOString() }),
    ...(queue === undefined ? {} : { queue }),
    faults,
  }
}
