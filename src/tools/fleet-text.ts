/** What is known of a fleet as text: a table, a line for a change, JSON. Pure, and safe to print. */
import { age } from './age.ts'
import { alignedLines } from './aligned.ts'
import { type FleetNode, notOnline } from './fleet.ts'
import { jsonText, printable } from './printable.ts'

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
  if (all.length === 0) return ['no node has said anything here, or nothing that this user may read']
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

/** A node of which something has changed, on one line. */
export function nodeLine(one: FleetNode, now: number): string {
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
export function fleetJson(nodes: readonly FleetNode[], expected: readonly string[]): string {
  return jsonText({ nodes: nodes.map(asJson), missing: notOnline(expected, nodes) }, 2)
}

/** One of these nodes, on one line, with `time`. */
export function nodeJson(one: FleetNode, now: number): string {
  return jsonText({ time: new Date(now).toISOString(), ...asJson(one) })
}

function asJson({ node, status, since, sinceBy, version, lastSeen, queue, faults }: FleetNode): object {
  return {
    ...{ node, status },
    ...(since === undefined ? {} : { since: new Date(since).toISOString(), since_by: sinceBy }),
    ...(version === undefined ? {} : { version }),
    ...(lastSeen === undefined ? {} : { last_seen: new Date(lastSeen).toISOString() }),
    ...(queue === undefined ? {} : { queue }),
    faults,
  }
}
