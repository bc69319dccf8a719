/**
 * Takes from the broker everything that it keeps of one node: what the manifest names, what the configuration would
 * publish, and what is found below the prefixes that are this node's alone. Called by `sensor-node purge`, without an
 * agent. A topic below a prefix that other nodes may share is only touched where the manifest or the configuration
 * names it, and Home Assistant's message only where it is about this node.
 */
import type { Clock } from './clock.ts'
import type { Config } from './config/schema.ts'
import { connectEither } from './connect-either.ts'
import { isAbout } from './home-assistant/discovery.ts'
import { keptTopics } from './kept-topics.ts'
import { mayMeasure } from './may-measure.ts'
import { failure } from './mqtt-errors.ts'
import { fits } from './subscriptions.ts'
import { createTelemetry, type Incoming } from './telemetry.ts'
import { createQuiet } from './tools/quiet.ts'

export interface PurgeOptions {
  readonly config: Config
  /** Topics that the manifest names. */
  readonly remembered: readonly string[]
  readonly password: () => Promise<string | undefined>
  readonly clock: Clock
  /** The folder that stands for `/`. */
  readonly root: string
  /** Only finds out. */
  readonly dryRun: boolean
  /** Though the agent runs. */
  readonly force: boolean
  /** Called for each topic, when it is cleared (found, where it is a dry run), or with the reason why it can't be. */
  readonly onTopic: (topic: string, problem?: string) => void
}

export interface Purged {
  /** The agent says `online`: nothing was touched. */
  readonly online: boolean
  /** Topics of which the broker keeps nothing any more. */
  readonly cleared: readonly string[]
  /** Those of which it still does. */
  readonly left: readonly string[]
}

/** Where Home Assistant looks by default: a configuration that is without it now may have had it. */
const USUAL_PREFIX = 'homeassistant'
/** It kept the agent's messages. */
const TAKES = { maximumQos: 1, retainAvailable: true } as const
/** For the goodbye. */
const GOODBYE_MS = 500

/** @throws ConnectionError where the broker can't be had; on abort the signal's reason */
export async function purge(options: PurgeOptions, signal: AbortSignal): Promise<Purged> {
  const { config, remembered, dryRun, force, onTopic } = options
  const telemetry = createTelemetry({ node: config.node.id, topics: config.topics, run: '' })
  const status = telemetry.nodeTopic('status')
  const named = new Set([...remembered, ...keptTopics(config, telemetry, mayMeasure)])
  const discoveries = new Set([
    telemetry.discoveryTopic(USUAL_PREFIX),
    ...[...named].filter((topic) => isDiscovery(topic)),
  ])
  const filters = ownFilters(config)
  const ours = ({ topic, payload }: Kept): boolean =>
    discoveries.has(topic)
      ? isAbout(payload, nodeOf(topic))
      : named.has(topic) || filters.some((own) => fits(topic, own))

  const broker = await reach(options, signal)
  try {
    const shown = await broker.kept([...named, ...discoveries, ...filters])
    const found = shown.filter(ours)
    if (!force && found.some(({ topic, payload }) => topic === status && payload === 'online'))
      return { online: true, cleared: [], left: [] }
    const foreign = new Set(shown.filter((one) => !ours(one)).map(({ topic }) => topic))
    // What the broker does not show may be there nevertheless: its access rules need not let us read.
    const unseen = remembered.filter((topic) => !foreign.has(topic))
    const topics = [...new Set([...found.map(({ topic }) => topic), ...unseen])]
    if (dryRun) {
      for (const { topic } of found) onTopic(topic)
      return { online: false, cleared: [], left: found.map(({ topic }) => topic) }
    }
    const refused = new Map<string, string>()
    for (const topic of topics) {
      const problem = await broker.clear(telemetry.cleared(topic)).then(() => undefined, failure)
      if (problem === undefined) continue
      if (!problem.refused) throw problem
      refused.set(topic, problem.message)
    }
    // A broker of MQTT 3.1.1 acknowledges what it does not allow.
    const still = new Set((await broker.kept(topics)).map(({ topic }) => topic))
    const seen = new Set(found.map(({ topic }) => topic))
    for (const topic of topics) {
      const problem =
        refused.get(topic) ??
        (still.has(topic) ? 'the broker still keeps it: do its access rules allow it?' : undefined)
      if (problem !== undefined || seen.has(topic)) onTopic(topic, problem)
      if (problem !== undefined) still.add(topic)
    }
    return { online: false, cleared: topics.filter((topic) => !still.has(topic)), left: [...still] }
  } finally {
    await broker.end()
  }
}

/** What lies below these is nobody else's: the node's id is a level of the prefix. */
function ownFilters({ node, topics }: Config): string[] {
  const prefixes = [topics.sensors, topics.alerts].filter((prefix) => prefix.split('/').includes(node.id))
  const gpio = topics.gpio.split('/').includes(node.id) ? ['state', 'total', 'rate'] : []
  return [...prefixes.map((prefix) => `${prefix}/#`), ...gpio.map((last) => `${topics.gpio}/+/${last}`)]
}

const DISCOVERY = /\/device\/([^/]+)\/config$/

function isDiscovery(topic: string): boolean {
  return DISCOVERY.test(topic)
}

function nodeOf(topic: string): string {
  return DISCOVERY.exec(topic)?.[1] ?? ''
}

/** A message that the broker keeps. */
interface Kept {
  readonly topic: string
  readonly payload: string
}

/** A connection without a will, under a client id of its own: the agent's is not thrown out. */
async function reach({ config, password, clock, root }: PurgeOptions, signal: AbortSignal) {
  let heard: (message: Incoming) => void = () => {}
  const mqtt = { ...config.mqtt, client_id: `${config.mqtt.client_id}-purge` }
  const onMessage = (message: Incoming): void => heard(message)
  const options = { config: mqtt, password, will: undefined, takes: TAKES, onMessage, clock, root }
  const { connection } = await connectEither(options, signal)

  return {
    clear: connection.publish,

    /** What the broker keeps on topics that fit. Filters that it refuses yield nothing. */
    async kept(filters: readonly string[]): Promise<Kept[]> {
      const found = new Map<string, Kept>()
      const quiet = createQuiet(clock)
      heard = ({ topic, payload, retained }) => {
        quiet.heard()
        if (retained && payload.byteLength > 0) found.set(topic, { topic, payload: Buffer.from(payload).toString() })
      }
      for (const filter of filters) {
        // At QoS 0 the broker holds nothing back until what came before is acknowledged.
        await connection.subscribe(filter, 0).catch((error: unknown) => {
          if (!failure(error).refused) throw error
        })
      }
      await quiet.wait(signal)
      heard = () => {}
      return [...found.values()]
    },

    async end(): Promise<void> {
      await Promise.race([connection.end(), clock.sleep(GOODBYE_MS)])
      connection.destroy()
    },
  }
}
