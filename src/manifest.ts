/**
 * What the broker keeps of this node: every topic that was ever published retained and not cleared since, and the
 * entities that Home Assistant was told of. It outlives the process, so that what the configuration has no more can be
 * cleared after a restart, too. A topic is on disk before its first message leaves: after a power cut the list can be
 * too long, which costs an empty message, but never too short. Written when something is new or gone, never for a value.
 */
import { join } from 'node:path'
import type { Clock } from './clock.ts'
import { type Held, listOf, oneOf, section, tableOf, text } from './contents.ts'
import { withDeadline } from './deadline.ts'
import type { Platform } from './home-assistant/component.ts'
import type { Kept } from './live.ts'
import type { Logger } from './log.ts'
import { StateFile } from './state-file.ts'

/** The platform of each entity, by its key. */
export type Entities = Readonly<Record<string, Platform>>

const entities = tableOf(oneOf('sensor', 'binary_sensor', 'switch'))

const contents = section(
  {
    topics: listOf(text),
    /** By topic of the discovery message: what Home Assistant may know. */
    entities: tableOf(entities),
    /** The same of what was removed while nobody knew whether Home Assistant was there to see it. */
    removed: tableOf(entities),
  },
  {
    /** The machine that made the list; absent where that one tells of no identity. */
    machine: text,
  },
)
const like = '{"topics":[],"entities":{},"removed":{}}'

export type ManifestContents = Held<typeof contents>

export interface ManifestOptions {
  /** Where it outlives the process; undefined: nowhere. */
  readonly folder: string | undefined
  /** What tells this machine from others; undefined: it can't be told. */
  readonly machine: string | undefined
  readonly clock: Clock
  readonly log: Logger
  /** A message that had to wait may leave now. */
  readonly onKept: () => void
}

export const MANIFEST_FILE = 'retained.json'

/** Many times what the largest node has (28 pins, and sensors by the dozen); only topics that can't be cleared add up. */
const MOST_TOPICS = 5000
/** No message waits longer for a disk: the broker is to know the pins, whatever the card does. */
const DISK_PATIENCE_MS = 2000

export class Manifest implements Kept {
  readonly #options: ManifestOptions
  readonly #file: StateFile<ManifestContents> | undefined
  readonly #topics = new Set<string>()
  /** Of these, what need not be waited for. */
  readonly #safe = new Set<string>()
  #entities: Record<string, Entities> = {}
  #removed: Record<string, Entities> = {}
  #full = false

  constructor(options: ManifestOptions) {
    const { folder, log } = options
    this.#options = options
    this.#file = folder === undefined ? undefined : manifestFile(folder, log)
  }

  /** Reads what earlier runs left. A file that is damaged is told, set aside, and counts as empty. */
  async load(): Promise<void> {
    const { log, machine } = this.#options
    if (this.#file === undefined) {
      log.info(
        'no state folder ($STATE_DIRECTORY): what the broker keeps of this node is remembered until its end only',
      )
      return
    }
    const found = await this.#file.load()
    if (found === undefined) return
    if (isForeign(found, machine)) {
      // A copied card: what the list names may be that other machine's life.
      log.warn('the list of retained topics was made on another machine: none of them is cleared')
      return
    }
    for (const topic of found.topics) this.#topics.add(topic)
    for (const topic of found.topics) this.#safe.add(topic)
    this.#entities = found.entities
    this.#removed = found.removed
  }

  /** Everything that the broker may keep. */
  get topics(): readonly string[] {
    return [...this.#topics]
  }

  /** Puts a new topic down; true where its message need not wait for that. */
  mayGo(topic: string): boolean {
    if (this.#safe.has(topic)) return true
    if (this.#topics.has(topic)) return false // being written
    if (!this.#add(topic)) return true
    if (this.#file === undefined) {
      this.#safe.add(topic)
      return true
    }
    void this.#write()
    return false
  }

  /** Resolves when the topic is on disk, or has waited for it long enough. */
  async keep(topic: string): Promise<void> {
    if (this.#safe.has(topic) || !this.#add(topic)) return
    await this.#write()
  }

  cleared(topic: string): void {
    this.#safe.delete(topic)
    this.#entities = without(this.#entities, topic, {})
    this.#removed = without(this.#removed, topic, {})
    if (this.#topics.delete(topic)) void this.#write()
  }

  /** What Home Assistant may know by the message of that topic. */
  entities(topic: string): Entities {
    return this.#entities[topic] ?? {}
  }

  removed(topic: string): Entities {
    return this.#removed[topic] ?? {}
  }

  /** Replaces both. Resolves when they are on disk, or have waited for it long enough. */
  async setEntities(topic: string, now: Entities, removed: Entities): Promise<void> {
    if (same(now, this.entities(topic)) && same(removed, this.removed(topic))) return
    this.#entities = without(this.#entities, topic, now)
    this.#removed = without(this.#removed, topic, removed)
    await this.#write()
  }

  /** What could not be written is tried again. */
  retry(): void {
    if (this.#file?.failed === true) void this.#write()
  }

  /** Resolves when everything is on disk. */
  async flush(): Promise<void> {
    await this.#file?.flush()
  }

  #add(topic: string): boolean {
    if (this.#topics.size < MOST_TOPICS) {
      this.#topics.add(topic)
      return true
    }
    if (!this.#full)
      this.#options.log.warn({ topic }, 'too many retained topics: this one and later ones are not remembered')
    this.#full = true
    return false
  }

  async #write(): Promise<void> {
    const file = this.#file
    const waiting = [...this.#topics].filter((topic) => !this.#safe.has(topic))
    if (file !== undefined)
      await withDeadline(() => file.save(() => this.#contents()), DISK_PATIENCE_MS, this.#options.clock)
    for (const topic of waiting) if (this.#topics.has(topic)) this.#safe.add(topic)
    if (waiting.length > 0) this.#options.onKept()
  }

  #contents(): ManifestContents {
    const { machine } = this.#options
    return {
      ...(machine === undefined ? {} : { machine }),
      topics: [...this.#topics],
      entities: this.#entities,
      removed: this.#removed,
    }
  }
}

/** The file itself, for those who need no agent. */
export function manifestFile(folder: string, log: Logger): StateFile<ManifestContents> {
  return new StateFile({
    file: join(folder, MANIFEST_FILE),
    contents,
    like,
    what: 'the list of retained topics',
    without: 'what an earlier configuration left at the broker stays there; sensor-node purge finds it',
    log,
  })
}

/** Whether another machine made it. */
export function isForeign({ machine: its }: ManifestContents, ours: string | undefined): boolean {
  return its !== undefined && ours !== undefined && its !== ours
}

function without(all: Readonly<Record<string, Entities>>, topic: string, now: Entities): Record<string, Entities> {
  const { [topic]: _, ...others } = all
  return Object.keys(now).length === 0 ? others : { ...others, [topic]: now }
}

function same(a: Entities, b: Entities): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}
