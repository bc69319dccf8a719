/**
 * Loads the configuration: text, tree, environment, schema, checks across the file, files that it names. Every step
 * goes on with what the one before has left, so that all problems come at once. The file is only ever read.
 */
import { resolve } from 'node:path'
import { ConfigError, type Problem } from '../errors.ts'
import type { Overlays } from '../overlays.ts'
import { advise } from './advice.ts'
import { clearTextPassword } from './clear-text.ts'
import { findConflicts } from './conflicts.ts'
import { readDocument } from './document.ts'
import { expandTree } from './expand.ts'
import { findHomeAssistantConflicts } from './home-assistant-conflicts.ts'
import { statusTopic } from './home-assistant-schema.ts'
import { findInterlockConflicts } from './interlock-conflicts.ts'
import { checkNamed, folderOf, type LoadEnv, type Loaded, type Read, withNamedFiles } from './loaded.ts'
import { findOwnedPins } from './pin-owners.ts'
import { readText } from './read-text.ts'
import { defaultRuleId, findRuleConflicts } from './rule-conflicts.ts'
import { findRulePinConflicts } from './rule-pins.ts'
import type { Config, ParsedConfig, SensorConfig } from './schema.ts'
import { absolutePaths } from './secrets.ts'
import { findTopicConflicts, withNode } from './topic-conflicts.ts'
import { type ConfigNode, entry, inFileOrder, problemAt } from './tree.ts'
import { validate } from './validate.ts'
import { topicPrefix } from './values.ts'

export type { LoadEnv, Loaded } from './loaded.ts'

export interface Parsed {
  /** Made of what is right in the file; to be used only where there are no problems. Undefined where nothing is left. */
  readonly config: Config | undefined
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  /** The file, with the places of everything. */
  readonly root: ConfigNode | undefined
  /** Prefixes as the file has them, with `{node}`. */
  readonly topics?: ParsedConfig['topics']
}

/**
 * Reads a configuration and all that it names.
 *
 * @throws ConfigError with all problems at once, in the order of the file
 */
export async function loadConfig(file: string, env: LoadEnv): Promise<Loaded> {
  return withNamedFiles(readConfig(await readText(file), file, env), file, env)
}

/**
 * The part of it that no other file has a say in.
 *
 * @throws ConfigError where nothing is left to go on with
 */
export function readConfig(text: string, file: string, env: LoadEnv): Read {
  const { config, root, ...parsed } = parseConfig(text, file, env)
  if (config === undefined || root === undefined) throw new ConfigError(file, parsed.problems)
  return { ...parsed, config, root }
}

/**
 * Reads a configuration for what needs no broker: whatever is wrong below `mqtt`, a file or variable that is not to be
 * had here included, is left aside, and `mqtt` of the result is not to be used.
 *
 * @throws ConfigError with all other problems at once, in the order of the file
 */
export async function loadWithoutBroker(file: string, env: LoadEnv): Promise<Loaded> {
  const { config, problems, warnings, root } = parseConfig(await readText(file), file, env)
  const others = ({ path }: Problem): boolean => path !== 'mqtt' && !path.startsWith('mqtt.')
  const serious = problems.filter(others)
  if (config === undefined || root === undefined || serious.length > 0)
    throw new ConfigError(file, config === undefined ? problems : serious)
  return { config, warnings: warnings.filter(others), file, root }
}

/** What a tool needs to know to reach the broker of a configuration, and to find what its fleet publishes there. */
export interface LoadedBroker {
  readonly mqtt: Config['mqtt']
  readonly node: string
  /** As the file has them, with `{node}`. */
  readonly topics: ParsedConfig['topics']
  readonly warnings: readonly Problem[]
}

/**
 * Reads the broker of a configuration, whatever else is wrong in the file.
 *
 * @throws ConfigError with all problems below `mqtt` and `topics`, or of a file that is none
 */
export async function loadBroker(file: string, env: LoadEnv): Promise<LoadedBroker> {
  const { config, problems, warnings, root, topics } = parseConfig(await readText(file), file, env)
  if (config === undefined || root === undefined || topics === undefined) throw new ConfigError(file, problems)
  const ours = ({ path }: Problem): boolean => /^(mqtt|topics)(\.|$)/.test(path)
  const files = await checkNamed({ config, root }, file, env)
  const serious = [...problems.filter(ours), ...files.problems]
  if (serious.length > 0) throw new ConfigError(file, inFileOrder(serious))
  const mqtt = { ...config.mqtt, ...files.mqtt }
  const told = [...warnings.filter(({ path }) => path.startsWith('mqtt')), ...files.warnings]
  return { mqtt, node: config.node.id, topics, warnings: inFileOrder([...told, ...clearTextPassword(root, mqtt)]) }
}

const NO_OVERLAYS: Overlays = { owners: [], boot: undefined }

/** The part of loading that touches no file: `file` gives the folder that relative paths begin at. */
export function parseConfig(text: string, file: string, given: LoadEnv): Parsed {
  const { env, hostname, overlays = NO_OVERLAYS, folder = folderOf(file) } = given
  const { root, problems: ofYaml } = readDocument(text)
  if (root === undefined) return { config: undefined, problems: inFileOrder(ofYaml), warnings: [], root }
  const unresolved = expandTree(root, env)
  const { parsed, problems: ofSchema } = validate(root)
  const problems = [...ofYaml, ...unresolved, ...ofSchema]
  if (parsed === undefined) return { config: undefined, problems: inFileOrder(problems), warnings: [], root }

  const id = parsed.node.id ?? defaultNodeId(hostname)
  const owned = findOwnedPins(root, parsed, overlays)
  problems.push(
    ...findConflicts(root, parsed),
    ...findInterlockConflicts(root, parsed),
    ...findRuleConflicts(root, parsed, id),
    ...findRulePinConflicts(root, parsed),
    ...owned.problems,
    ...findTopicConflicts(root, parsed.topics, id),
    ...longPrefixes(root, parsed, id),
    ...findHomeAssistantConflicts(root, parsed, ownPrefixes(parsed, id), id),
  )
  return {
    config: complete(parsed, id, folder),
    problems: inFileOrder(problems),
    warnings: inFileOrder([...advise(root, parsed, id), ...owned.warnings]),
    root,
    topics: parsed.topics,
  }
}

function complete(parsed: ParsedConfig, id: string, folder: string): Config {
  const { mock_history: history } = parsed.gpio
  const { home_assistant: homeAssistant } = parsed
  return {
    ...parsed,
    node: { ...parsed.node, id },
    home_assistant: homeAssistant && { ...homeAssistant, status_topic: statusTopic(homeAssistant) },
    gpio: { ...parsed.gpio, ...(history === undefined ? {} : { mock_history: resolve(folder, history) }) },
    mqtt: { ...absolutePaths(parsed.mqtt, folder), client_id: parsed.mqtt.client_id ?? `sensor-node-${id}` },
    outbox: {
      ...parsed.outbox,
      ...(parsed.outbox.path === undefined ? {} : { path: resolve(folder, parsed.outbox.path) }),
    },
    rules: parsed.rules.map((rule, index) => ({ ...rule, id: rule.id ?? defaultRuleId(index) })),
    sensors: parsed.sensors as readonly SensorConfig[], // each as its own type's schema yields it
    topics: ownPrefixes(parsed, id),
  }
}

/** The prefixes of this node. */
function ownPrefixes({ topics }: ParsedConfig, id: string): ParsedConfig['topics'] {
  const { sensors, devices, gpio, alerts } = topics
  return {
    sensors: withNode(sensors, id),
    devices: withNode(devices, id),
    gpio: withNode(gpio, id),
    alerts: withNode(alerts, id),
  }
}

/** A prefix can outgrow its limit when the id takes its place. */
function longPrefixes(root: ConfigNode, { topics }: ParsedConfig, id: string): Problem[] {
  return Object.entries(topics).flatMap(([key, prefix]) => {
    const node = entry(root, 'topics', key)
    const result = topicPrefix.safeParse(withNode(prefix, id))
    if (node === undefined || node.refused || result.success) return []
    return [problemAt(node, `${result.error.issues[0]?.message} when the id of the node takes the place of {node}`)]
  })
}

const LONGEST_ID = 64

/** The first label of the host name, as a node's id may be written. */
function defaultNodeId(hostname: string): string {
  const [label = ''] = hostname.split('.')
  return label.replace(/[^A-Za-z0-9_-]/gu, '-').slice(0, LONGEST_ID) || 'sensor-node'
}
