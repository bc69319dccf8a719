/**
 * What a rule needs of the rest of the file: an id and alerts of its own, a sensor that measures what it asks for, and
 * topics that are not this node's. Called by `load.ts`; the pins of rules are looked at in `rule-pins.ts`.
 */
import type { Problem } from '../errors.ts'
import { mayMeasure } from '../may-measure.ts'
import { createTelemetry } from '../telemetry.ts'
import { gpioPins } from './conflicts.ts'
import type { ParsedConfig, TopicsConfig } from './schema.ts'
import { alternatives, didYouMean, enumeration, nearest } from './suggest.ts'
import { withNode } from './topic-conflicts.ts'
import { type ConfigNode, entry, good, items, named, problemAt, shown, usableItems } from './tree.ts'

type ParsedRule = ParsedConfig['rules'][number]

/** A rule as the schema left it, and where it stands. */
export interface PlacedRule {
  readonly rule: ParsedRule
  readonly node: ConfigNode
  readonly id: string
}

/** An action of a rule, and where it stands. */
export interface PlacedAction extends PlacedRule {
  readonly action: ParsedRule['then'][number]
  readonly at: ConfigNode
}

/** Of a rule without one, by its place in the list from 0. */
export function defaultRuleId(index: number): string {
  return `rule-${index + 1}`
}

export function findRuleConflicts(root: ConfigNode, parsed: ParsedConfig, nodeId: string): Problem[] {
  const rules = placedRules(root, parsed)
  const actions = rules.flatMap(actionsOf)
  return [
    ...sharedIds(rules),
    ...sharedAlerts(actions),
    ...rules.flatMap((rule) => unknownSensor(root, parsed, rule)),
    ...ownTopics(root, actions, parsed.topics, nodeId),
  ]
}

export function placedRules(root: ConfigNode, parsed: ParsedConfig): PlacedRule[] {
  const nodes = usableItems(entry(root, 'rules'))
  return parsed.rules.flatMap((rule, index) => {
    const node = nodes[index]
    return node === undefined
      ? []
      : [{ rule, node, id: rule.id ?? defaultRuleId(items(entry(root, 'rules')).indexOf(node)) }]
  })
}

/** All of them: of then, otherwise and escalate. */
export function actionsOf(placed: PlacedRule): PlacedAction[] {
  const { rule, node } = placed
  const later = entry(node, 'escalate')
  const ofEscalate = usableItems(entry(later, 'then'))
  // The schema puts what stands in `escalate` itself before its list.
  const own = (rule.escalate?.then.length ?? 0) > ofEscalate.length && later !== undefined ? [later] : []
  const lists = [
    [rule.then, usableItems(entry(node, 'then'))],
    [rule.otherwise ?? [], usableItems(entry(node, 'otherwise'))],
    [rule.escalate?.then ?? [], [...own, ...ofEscalate]],
  ] as const
  return lists.flatMap(([actions, nodes]) =>
    actions.flatMap((action, index) => {
      const at = nodes[index]
      return at === undefined ? [] : [{ ...placed, action, at }]
    }),
  )
}

function sharedIds(rules: readonly PlacedRule[]): Problem[] {
  const first = new Map<string, PlacedRule>()
  return rules.flatMap((placed) => {
    const holder = first.get(placed.id)
    if (holder === undefined) {
      first.set(placed.id, placed)
      return []
    }
    const [given = holder, other = placed] = placed.rule.id === undefined ? [holder, placed] : [placed, holder]
    const own = entry(given.node, 'id') ?? given.node
    const its =
      other.rule.id === undefined
        ? `${named(other.node)}, which gives none`
        : named(entry(other.node, 'id') ?? other.node)
    return [problemAt(own, `is the id of two rules: this one, and ${its}`, 'ids must differ')]
  })
}

function sharedAlerts(actions: readonly PlacedAction[]): Problem[] {
  const first = new Map<string, ConfigNode>()
  return actions.flatMap(({ action, at }) => {
    const node = entry(at, 'alert')
    if (action.alert === undefined || node === undefined) return []
    const holder = first.get(action.alert)
    if (holder !== undefined) {
      const message = `is an alert that is raised twice: here, and at ${named(holder)}: who would clear it?`
      return [problemAt(node, message, 'give each a name of its own')]
    }
    first.set(action.alert, node)
    return []
  })
}

function unknownSensor(root: ConfigNode, parsed: ParsedConfig, { rule, node }: PlacedRule): Problem[] {
  if (rule.when.kind === 'pin') return []
  const { sensor: wanted } = rule.when
  const condition = entry(node, 'when')
  const fault = entry(condition, 'sensor') ?? entry(condition, rule.when.kind)
  if (fault === undefined) return []
  const sensors = items(entry(root, 'sensors'))
  const ids = sensors.map((sensor) => ({ given: entry(sensor, 'id'), id: good(entry(sensor, 'id')) }))
  if (!ids.some(({ given, id }) => (wanted === undefined ? given === undefined : id?.value === wanted))) {
    if (ids.some(({ given, id }) => given !== undefined && id === undefined)) return [] // it may be meant
    const plain = ids.flatMap(({ id }) => (id === undefined || id.expanded ? [] : [String(id.value)]))
    if (wanted === undefined) {
      const remedy = plain.length === 0 ? 'add one to the list sensors' : `name one: sensor: ${alternatives(plain)}`
      return [problemAt(fault, 'there is no sensor without an id', remedy)]
    }
    const remedy =
      didYouMean(nearest(wanted, plain)) ?? `there is ${plain.length === 0 ? 'none with an id' : enumeration(plain)}`
    return [problemAt(fault, `there is no sensor with this id; it is ${shown(fault)}`, remedy)]
  }
  if (rule.when.kind !== 'metric') return []
  const { metric } = rule.when
  const sensor = parsed.sensors.find(({ id }) => id === wanted)
  const measured: readonly string[] = sensor === undefined ? [metric] : mayMeasure(sensor)
  const asked = entry(condition, 'metric')
  if (measured.includes(metric) || asked === undefined) return []
  const message = `this sensor does not measure ${shown(asked)}: it measures ${enumeration(measured)}`
  return [problemAt(asked, message, didYouMean(nearest(metric, measured)))]
}

function ownTopics(
  root: ConfigNode,
  actions: readonly PlacedAction[],
  prefixes: TopicsConfig,
  nodeId: string,
): Problem[] {
  if (entry(root, 'topics')?.refused === true) return []
  const real = Object.entries(prefixes).map(([family, prefix]) => [family, withNode(prefix, nodeId)])
  const telemetry = createTelemetry({ node: nodeId, topics: { ...prefixes, ...Object.fromEntries(real) }, run: '' })
  const pins = new Set([...gpioPins(root, 'outputs'), ...gpioPins(root, 'inputs')].map(({ pin }) => pin))
  return actions.flatMap(({ action: { publish }, at }) => {
    const node = entry(at, 'publish', 'topic')
    const use = publish === undefined ? undefined : telemetry.ownTopic(withNode(publish.topic, nodeId), pins)
    if (node === undefined || use === undefined) return []
    return use === 'heard'
      ? [
          problemAt(
            node,
            'is a topic that this very node obeys: a rule commands others by it',
            'write set, which needs no broker',
          ),
        ]
      : [
          problemAt(
            node,
            'is a topic of this node’s own, which has its meaning already',
            'take one with another beginning',
          ),
        ]
  })
}
