/**
 * Tells Home Assistant of this node: when the agent is ready, when what there is changes, and when Home Assistant says
 * that it has started. What is gone is told as gone once, and the message without it follows when the broker has that.
 * Home Assistant may be away just then, and then keeps the entity for ever, as it removes only what it has loaded: what
 * nobody is known to have heard is told once more at its next start, loaded and removed. Called by `retention.ts`.
 */
import { type Clock, pause } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import type { Logger } from '../log.ts'
import type { Entities, Manifest } from '../manifest.ts'
import type { Subscription } from '../subscriptions.ts'
import type { Incoming, Message, Telemetry } from '../telemetry.ts'
import type { Component } from './component.ts'
import { type About, discovery, removed, revived } from './discovery.ts'

export interface AnnouncingOptions {
  readonly about: About
  readonly manifest: Pick<Manifest, 'entities' | 'removed' | 'setEntities'>
  readonly publish: (message: Message) => void
  readonly clock: Clock
  /** Between 0 and 1. */
  readonly random: () => number
  readonly log: Logger
}

/** What there is to tell; without `home_assistant` in the configuration, nothing. */
export interface Told {
  readonly config: Config
  readonly telemetry: Telemetry
  readonly components: readonly Component[]
}

/** When Home Assistant starts, all nodes are asked at once; it recommends "some random delay" (integrations/mqtt). */
const ANSWER_WITHIN_MS = 5000

export function createAnnouncing({ about, manifest, publish, clock, random, log }: AnnouncingOptions) {
  let told: Told | undefined
  /** What was published last, and what it says is gone. */
  let sent: { readonly message: Message; readonly gone: Entities } | undefined
  /** What else is in it: entities that come back to go, or that are gone. */
  let stage: 'as it is' | 'reviving' | 'removing' = 'as it is'
  /** Only the last call goes on after a wait. */
  let turn = 0
  let listening = false
  let answering = false

  const send = async (): Promise<void> => {
    turn += 1
    const mine = turn
    if (told === undefined) return
    const { config, telemetry, components } = told
    const prefix = config.home_assistant?.prefix
    if (prefix === undefined) return
    const topic = telemetry.discoveryTopic(prefix)
    const now = platforms(components)
    const known = manifest.entities(topic)
    const unheard = except(manifest.removed(topic), now)
    // Before the message leaves: what Home Assistant may know must not be forgotten.
    await manifest.setEntities(topic, { ...known, ...now }, unheard)
    if (mine !== turn) return
    const gone = stage === 'reviving' ? {} : { ...(stage === 'removing' ? unheard : {}), ...except(known, now) }
    const back = stage === 'reviving' ? unheard : {}
    if (stage === 'as it is' && Object.keys(gone).length > 0) {
      stage = 'removing'
      log.info({ entities: Object.keys(gone) }, 'Home Assistant is told what is gone')
    }
    const others = {
      ...map(gone, (_, platform) => removed(platform)),
      ...map(back, (key, platform) => revived(config.node.id, key, platform, telemetry)),
    }
    sent = { message: telemetry.discovery(prefix, discovery(config, components, about, others)), gone }
    publish(sent.message)
  }

  /** The broker has what was sent. */
  const next = async ({ message: { topic }, gone }: NonNullable<typeof sent>): Promise<void> => {
    if (stage === 'as it is') return
    if (stage === 'reviving') stage = 'removing'
    else {
      stage = 'as it is'
      turn += 1
      const mine = turn
      const unheard = listening ? except(manifest.removed(topic), gone) : { ...manifest.removed(topic), ...gone }
      await manifest.setEntities(topic, except(manifest.entities(topic), gone), unheard)
      if (mine !== turn) return
    }
    await send()
  }

  return {
    /** What there is now; told where it is news. Undefined: nothing is to be told any more. */
    async tell(now: Told | undefined): Promise<void> {
      told = now
      await send()
    },

    /** The broker has a message. */
    async taken(message: Message): Promise<void> {
      if (sent !== undefined && message === sent.message) await next(sent)
    },

    /** Without a connection nobody hears whether Home Assistant goes. */
    connected(up: boolean): void {
      if (!up) listening = false
    },

    /** What is heard of Home Assistant. */
    subscription(filter: string | undefined, signal: AbortSignal): Subscription | undefined {
      const hear = (message: Incoming): void => void heard(message, signal)
      return filter === undefined ? undefined : { name: 'announcements', filter, hear }
    },
  }

  async function heard({ payload }: Incoming, signal: AbortSignal): Promise<void> {
    const word = new TextDecoder().decode(payload.subarray(0, 16)).trim()
    if (word === 'offline') listening = false
    if (word !== 'online') return
    listening = true
    if (answering) return
    answering = true
    await pause(clock, random() * ANSWER_WITHIN_MS, signal)
    answering = false
    const topic = sent?.message.topic
    if (signal.aborted || topic === undefined) return
    if (stage === 'as it is' && Object.keys(manifest.removed(topic)).length > 0) stage = 'reviving'
    log.info('Home Assistant has started: it is told of this node')
    await send()
  }
}

function platforms(components: readonly Component[]): Entities {
  return Object.fromEntries(components.map(({ key, platform }) => [key, platform]))
}

function except(all: Entities, others: Entities): Entities {
  return Object.fromEntries(Object.entries(all).filter(([key]) => !Object.hasOwn(others, key)))
}

function map(all: Entities, make: (key: string, platform: Entities[string]) => object): Record<string, object> {
  return Object.fromEntries(Object.entries(all).map(([key, platform]) => [key, make(key, platform)]))
}
