/**
 * Topics that two parts of one configuration would share. Every topic that the configuration yields is made, by the
 * very code that publishes on it, and none may be made twice, be it published or subscribed to. Topics are shown
 * with the prefixes and ids as the file has them: those can hold text from the environment.
 */
import type { Problem } from '../errors.ts'
import { sensorTypes } from '../sensors/index.ts'
import { createTelemetry } from '../telemetry.ts'
import type { TopicsConfig } from './schema.ts'
import { type ConfigNode, entry, good, items, named, problemAt, type ScalarNode } from './tree.ts'

type Family = keyof TopicsConfig

/** A topic, or with `+` all that may be made of it. */
interface Claim {
  readonly family: Family
  readonly topic: string
  readonly shown: string
  /** Holds text from the environment, which `shown` does not. */
  readonly expanded: boolean
  /** The sensor's id in the file, where it is a level of the topic. */
  readonly id: ScalarNode | undefined
}

/**
 * One problem for each two prefixes that meet. `prefixes` are as the schema left them, `{node}` not replaced.
 */
export function findTopicConflicts(root: ConfigNode, prefixes: TopicsConfig, node: string): Problem[] {
  const claims = allClaims(root, prefixes, node)
  const problems: Problem[] = []
  const told = new Set<string>()
  const exact = new Map<string, Claim>()
  const patterns = claims.filter(({ topic }) => topic.includes('+'))
  for (const claim of claims) {
    const meets = (other: Claim): boolean => other.family !== claim.family && overlap(other.topic, claim.topic)
    const same = exact.get(claim.topic)
    for (const other of [...(same === undefined ? [] : [same]), ...patterns].filter(meets)) {
      const pair = [claim.family, other.family].sort().join()
      if (!told.has(pair)) problems.push(conflict(root, prefixes, claim, other))
      told.add(pair)
    }
    if (same === undefined) exact.set(claim.topic, claim)
  }
  return problems
}

function allClaims(root: ConfigNode, prefixes: TopicsConfig, node: string): Claim[] {
  const entries = Object.entries(prefixes) as [Family, string][] // the schema is strict
  const usable = entries.filter(([family]) => entry(root, 'topics', family)?.refused !== true)
  const real = Object.fromEntries(usable.map(([family, prefix]) => [family, withNode(prefix, node)]))
  const asWritten = Object.fromEntries(usable.map(([family, prefix]) => [family, writtenPrefix(root, family, prefix)]))
  const ids = sensorIds(root)
  const realTopics = topicsOf(
    root,
    { ...prefixes, ...real },
    ids.map(({ id }) => id?.value),
  )
  const shownTopics = topicsOf(
    root,
    { ...prefixes, ...asWritten },
    ids.map(({ id }) => (id?.expanded === true ? id.source : id?.value)),
  )
  return realTopics.flatMap(({ family, topic, sensor }, index) => {
    const shown = shownTopics[index]?.topic ?? ''
    if (!Object.hasOwn(real, family)) return []
    const id = sensor === undefined ? undefined : ids[sensor]?.id
    const sources = [entry(root, 'node', 'id'), entry(root, 'topics', family), id]
    return [{ family, topic, shown, expanded: sources.some((source) => good(source)?.expanded), id }]
  })
}

/** A prefix for this node. */
export function withNode(prefix: string, node: string): string {
  return prefix.replaceAll('{node}', node)
}

function writtenPrefix(root: ConfigNode, family: Family, prefix: string): string {
  const given = good(entry(root, 'topics', family))
  return given?.expanded === true ? given.source : prefix
}

interface Made {
  readonly family: Family
  readonly topic: string
  /** Index among the sensors that have topics. */
  readonly sensor?: number
}

function topicsOf(root: ConfigNode, topics: TopicsConfig, ids: readonly unknown[]): Made[] {
  const telemetry = createTelemetry({ node: '', topics, run: '' })
  const told = [telemetry.status('online'), telemetry.info({}), telemetry.health({}), telemetry.response({})]
  const devices = [...told.map(({ topic }) => topic), telemetry.requestTopic]
  const sensors = sensorIds(root).flatMap(({ quantities }, sensor) => {
    const id = ids[sensor]
    const made = telemetry.sensorTopics(id === undefined ? undefined : String(id), quantities)
    return made.map((topic): Made => ({ family: 'sensors', topic, sensor }))
  })
  const pins = (['output', 'input'] as const).flatMap((direction) =>
    items(entry(root, 'gpio', `${direction}s`)).flatMap((item) => {
      const pin = good(entry(item, 'pin'))
      const use = good(entry(item, 'mode'))?.value === 'counter' ? 'counter' : direction
      return pin === undefined ? [] : Object.values(telemetry.pinTopics(Number(pin.value), use))
    }),
  )
  const gpio = pins.length === 0 ? [] : [...pins, telemetry.commandFilter]
  return [
    ...devices.map((topic): Made => ({ family: 'devices', topic })),
    ...sensors,
    ...gpio.map((topic): Made => ({ family: 'gpio', topic })),
    { family: 'alerts', topic: `${topics.alerts}/+` }, // an alert may have any name
  ]
}

/** The sensors that have topics, each id once. */
function sensorIds(root: ConfigNode): { readonly id: ScalarNode | undefined; readonly quantities: string[] }[] {
  const seen = new Set<unknown>()
  return items(entry(root, 'sensors')).flatMap((sensor) => {
    const given = entry(sensor, 'id')
    const id = good(given)
    if (sensor.kind !== 'map' || (given !== undefined && id === undefined) || seen.has(id?.value)) return []
    seen.add(id?.value)
    const type = Object.entries(sensorTypes).find(([name]) => name === good(entry(sensor, 'type'))?.value)?.[1]
    return [{ id, quantities: Object.keys(type?.measures ?? {}) }]
  })
}

function overlap(a: string, b: string): boolean {
  const [left, right] = [a.split('/'), b.split('/')]
  return (
    left.length === right.length &&
    left.every((level, index) => level === '+' || right[index] === '+' || level === right[index])
  )
}

function conflict(root: ConfigNode, prefixes: TopicsConfig, ...claims: readonly [Claim, Claim]): Problem {
  const prefixOf = ({ family }: Claim): ScalarNode | undefined => good(entry(root, 'topics', family))
  const later = (a: ScalarNode, b: ScalarNode): number => b.at.line - a.at.line || b.at.column - a.at.column
  // The later of the prefixes is at fault; where both are defaults, the id of the sensor.
  const given = claims.map(prefixOf).filter((node) => node !== undefined)
  const ids = claims.map(({ id }) => id).filter((node) => node !== undefined)
  const [fault = root] = [...given.sort(later), ...ids.sort(later)]
  const [claim, other] = fault === prefixOf(claims[1]) || fault === claims[1].id ? [claims[1], claims[0]] : claims
  const origin = (one: Claim): string => {
    const prefix = prefixOf(one)
    const parts = [prefix === undefined ? `topics.${one.family} (by default ${prefixes[one.family]})` : named(prefix)]
    return [...parts, ...(one.id === undefined ? [] : [named(one.id)])].join(' with ')
  }
  const own = claim.id === undefined || claim.id === fault ? '' : `, with ${named(claim.id)},`
  const [mine, its] =
    claim.expanded || other.expanded ? ['a topic', 'the same one'] : [`the topic ${claim.shown}`, other.shown]
  const message = `yields${own} ${mine}, which is taken: ${its} comes from ${origin(other)}`
  return problemAt(fault, message, 'give each prefix a beginning of its own')
}
