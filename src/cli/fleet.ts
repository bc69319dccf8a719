/** `sensor-node fleet`: every node of a broker, who is online, and whether all are that should be. */
import { readFile } from 'node:fs/promises'
import { ConfigError, codeOf, messageOf } from '../errors.ts'
import { age } from '../tools/age.ts'
import { createFleet, type FleetNode, notOnline } from '../tools/fleet.ts'
import { connectTool } from '../tools/link.ts'
import { printable } from '../tools/printable.ts'
import { createQuiet } from '../tools/quiet.ts'
import { createReader, filtersOf } from '../tools/topics.ts'
import type { BrokerFlags } from './broker-flags.ts'
import { EXIT } from './exit-code.ts'
import { table } from './table.ts'
import { withBroker } from './with-broker.ts'

/** Options of `fleet` as the command line gives them. */
export interface FleetFlags extends BrokerFlags {
  readonly expect?: string
  readonly json?: boolean
}

/**
 * Prints who is there. The exit code is 1 where an expected node is not online.
 *
 * @throws ConfigError with all problems of the flags, or of the configuration's `mqtt`
 */
export async function fleet(flags: FleetFlags): Promise<number> {
  const expected = flags.expect === undefined ? [] : await readExpected(flags.expect)
  return withBroker(flags, async (basics, signal, { topics }) => {
    const { clock, say } = basics
    const all = createFleet()
    const quiet = createQuiet(clock)
    const meaningOf = createReader(topics)
    const filters = filtersOf(['devices'], topics).map((filter) => ({ filter, qos: 0 as const }))
    const link = await connectTool(
      {
        ...{ ...basics, name: 'fleet', filters },
        onMessage({ topic, payload, retained }) {
          const meaning = meaningOf(topic)
          if (meaning !== undefined) all.hear(meaning, payload, retained, clock.now())
          if (retained) quiet.heard()
        },
      },
      signal,
    )
    await quiet.wait(signal)
    await link.end()
    const nodes = all.nodes(clock.now())
    const missing = notOnline(expected, nodes)
    process.stdout.write(`${flags.json === true ? asJson(nodes, expected) : asText(nodes, expected, clock.now())}\n`)
    if (all.turnedAway > 0) say(`more nodes than fit into this list: ${all.turnedAway} messages of others left out`)
    if (missing.length > 0) say(`not online, and expected: ${missing.join(' ')}`)
    return missing.length > 0 ? EXIT.failed : EXIT.ok
  })
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

/** For a person. `now`: ms since 1970. */
export function asText(nodes: readonly FleetNode[], expected: readonly string[], now: number): string {
  const all = withMissing(nodes, expected)
  if (all.length === 0) return 'no node has said anything here'
  const ago = (at: number | undefined): string => (at === undefined ? '' : age(now - at))
  const rows = all.map(({ node, status, since, version, lastSeen, queue, faults, missing }) => [
    printable(node),
    missing ? `${status}!` : status,
    ago(since),
    printable(version ?? ''),
    ago(lastSeen),
    String(queue ?? ''),
    printable(faults.join('; '), 200),
  ])
  return table([['NODE', 'STATUS', 'SINCE', 'VERSION', 'SEEN', 'QUEUE', 'FAULTS'], ...rows])
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
