/**
 * What this node leaves at the broker, kept in line with the configuration: what that has no more is cleared, and Home
 * Assistant is told of what there is. Made by the agent, which tells it what it finds out.
 */

import type { Clock } from './clock.ts'
import type { Config, SensorConfig } from './config/schema.ts'
import { createAnnouncing } from './home-assistant/announcing.ts'
import { type About, components } from './home-assistant/discovery.ts'
import { isAmong } from './home-assistant/metric.ts'
import { keptTopics } from './kept-topics.ts'
import type { Logger } from './log.ts'
import type { Manifest } from './manifest.ts'
import { mayMeasure } from './may-measure.ts'
import type { Quantity } from './reading.ts'
import type { Subscription } from './subscriptions.ts'
import type { Message, Telemetry } from './telemetry.ts'

export interface RetentionOptions {
  readonly config: Config
  readonly telemetry: Telemetry
  readonly about: About
  readonly manifest: Manifest
  readonly publish: (message: Message) => void
  /** What waits for the broker on any other topic is not to be sent any more. */
  readonly keepOnly: (topics: ReadonlySet<string>) => void
  readonly clock: Clock
  /** Between 0 and 1. */
  readonly random: () => number
  readonly log: Logger
}

export function createRetention(options: RetentionOptions) {
  const { manifest, telemetry, publish, keepOnly, log } = options
  const announcing = createAnnouncing(options)
  let { config } = options
  let ready = false
  /** What the chips have, by sensor. */
  const known = new Map<string, readonly Quantity[]>()
  /** Topics whose clearing is on its way. */
  let clearing: ReadonlySet<string> = new Set()

  /** As the chip has told; before that, what it had in an earlier run; `otherwise` where that is not known either. */
  const quantitiesOf = (sensor: SensorConfig, otherwise: 'none' | 'all'): readonly Quantity[] => {
    const possible = mayMeasure(sensor)
    const told = known.get(keyOf(sensor))
    if (told !== undefined) return told.filter((quantity) => possible.includes(quantity))
    if (otherwise === 'all') return possible
    const prefix = config.home_assistant?.prefix
    const before = prefix === undefined ? {} : manifest.entities(telemetry.discoveryTopic(prefix))
    return possible.filter((quantity) => isAmong(before, sensor.id, quantity))
  }

  const sweep = (): void => {
    const kept = keptTopics(config, telemetry, (sensor) => quantitiesOf(sensor, 'all'))
    keepOnly(kept)
    const over = manifest.topics.filter((topic) => !kept.has(topic))
    const news = over.filter((topic) => !clearing.has(topic))
    clearing = new Set(over)
    if (news.length === 0) return
    log.info({ topics: news }, 'clearing at the broker what the configuration has no more')
    for (const topic of news) publish(telemetry.cleared(topic))
  }

  const tell = (): void => {
    if (!ready) return
    const all = components(config, telemetry, (sensor) => quantitiesOf(sensor, 'none'))
    void announcing.tell(config.home_assistant === undefined ? undefined : { config, telemetry, components: all })
  }

  return {
    /** Reads what earlier runs have left, and clears of it what is over. To be awaited before the first connection. */
    async load(): Promise<void> {
      await manifest.load()
      sweep()
    },

    /** All sensors have been opened, or have failed: there is something to tell. */
    ready(): void {
      ready = true
      sweep()
      tell()
    },

    /** What an opened sensor has. Of all those of the start nothing is done before the last. */
    opened(sensor: SensorConfig, quantities: readonly Quantity[]): void {
      const news = String(known.get(keyOf(sensor))) !== String(quantities)
      known.set(keyOf(sensor), quantities)
      if (!news || !ready) return
      sweep()
      tell()
    },

    connected(up: boolean): void {
      announcing.connected(up)
      if (up) manifest.retry()
    },

    /** The broker has a message. */
    taken: (message: Message): void => void announcing.taken(message),

    /** What is to be heard. */
    subscriptions(signal: AbortSignal): Subscription[] {
      const one = announcing.subscription(config.home_assistant?.status_topic, signal)
      return one === undefined ? [] : [one]
    },

    /**
     * From now on this configuration: what it has no more is cleared, what is new is told. To be called when nothing
     * publishes any more for what is gone.
     */
    apply(next: Config): void {
      config = next
      const still = new Set(next.sensors.map(keyOf))
      for (const key of known.keys()) if (!still.has(key)) known.delete(key)
      sweep()
      tell()
    },

    /** Resolves when everything is on disk. */
    flush: (): Promise<void> => manifest.flush(),
  }
}

/** Another type is another chip. */
function keyOf({ id, type }: SensorConfig): string {
  return `${type} ${id ?? ''}`
}
