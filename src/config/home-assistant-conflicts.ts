/** Topics of the node that Home Assistant would take for its own: where it announces itself, and where it looks for devices. */
import type { Problem } from '../errors.ts'
import { keptTopics } from '../kept-topics.ts'
import { mayMeasure } from '../may-measure.ts'
import { fits } from '../subscriptions.ts'
import { createTelemetry } from '../telemetry.ts'
import { statusTopic } from './home-assistant-schema.ts'
import type { ParsedConfig, SensorConfig, TopicsConfig } from './schema.ts'
import { type ConfigNode, entry, problemAt } from './tree.ts'

/** `topics`: the prefixes of this node. */
export function findHomeAssistantConflicts(
  root: ConfigNode,
  parsed: ParsedConfig,
  topics: TopicsConfig,
  node: string,
): Problem[] {
  const { home_assistant: homeAssistant, gpio } = parsed
  const place = entry(root, 'home_assistant')
  if (homeAssistant === undefined || place === undefined || place.refused) return []
  const telemetry = createTelemetry({ node, topics, run: '' })
  const sensors = parsed.sensors as readonly SensorConfig[] // each as its own type's schema yields it
  const own = keptTopics({ sensors, gpio, rules: [], home_assistant: undefined }, telemetry, mayMeasure)
  const remedy = 'give topics and home_assistant.prefix different beginnings'
  const status = statusTopic(homeAssistant)
  const discovery = telemetry.discoveryTopic(homeAssistant.prefix)
  const at = (key: 'status_topic' | 'prefix'): ConfigNode => entry(place, key) ?? entry(place, 'prefix') ?? place
  const problems: Problem[] = []
  if (own.has(status) || status === telemetry.requestTopic || fits(status, telemetry.commandFilter))
    problems.push(problemAt(at('status_topic'), 'Home Assistant would announce itself on a topic of this node', remedy))
  if (own.has(discovery))
    problems.push(
      problemAt(
        at('prefix'),
        'Home Assistant would look for this node on a topic that it uses for something else',
        remedy,
      ),
    )
  return problems
}
