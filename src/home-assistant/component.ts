/**
 * What all entities have in common: who they are, what they are called, when they are there. Identity is made of ids
 * and pin numbers alone, so that a changed label changes no entity. Pure; each kind of entity is a file beside this one.
 */
import { EXPIRY_FACTOR, type Telemetry } from '../telemetry.ts'

export type Platform = 'sensor' | 'binary_sensor' | 'switch'

/** One entity, as a part of the node's message. */
export interface Component {
  /** Unique in the node; an id has no dots, so that no two things can have the same. */
  readonly key: string
  readonly platform: Platform
  /** What its `entity_id` begins as, without the node's id: `attic_temperature`. */
  readonly slug: string
  /** Without what is made of the above. */
  readonly config: Readonly<Record<string, unknown>>
}

/** What the entities are made with. */
export interface Naming {
  /** What Home Assistant calls the device, and puts before each entity's name. */
  readonly device: string
  readonly telemetry: Telemetry
}

/** Listened to, and commanded: a state that is heard twice does no harm. */
export const QOS = 1

/** Never changes for a thing, whatever it is called: Home Assistant knows the entity by it. */
export function uniqueId(node: string, key: string): string {
  return `sensor-node.${node}.${key}`
}

/** Lower-case letters and digits with single underscores between, as an `entity_id` has to be; never empty. */
export function slugOf(...parts: readonly string[]): string {
  const slug = parts
    .join('_')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
  return slug === '' ? 'x' : slug
}

/**
 * An entity's name. Home Assistant puts the device's name before it, so that it must not begin with that one, word by
 * word; where nothing else is left, `otherwise` stands for it.
 */
export function entityName(name: string, { device }: Pick<Naming, 'device'>, otherwise: string): string {
  const first = wordsOf(device)
  const words = wordsOf(name)
  const repeated = (at: number): boolean => first.every(({ text }, index) => words[at + index]?.text === text)
  let own = 0
  while (first.length > 0 && repeated(own)) own += first.length
  if (own === 0) return name
  const next = words[own]
  return capitalised(next === undefined ? otherwise : name.slice(next.at))
}

function wordsOf(name: string): readonly { text: string; at: number }[] {
  return [...name.matchAll(/[\p{L}\p{N}]+/gu)].map(({ 0: word, index }) => ({ text: word.toLowerCase(), at: index }))
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** There while all of these topics say `online`. */
export function availability(...topics: readonly string[]) {
  return {
    availability: topics.map((topic) => ({ topic, payload_available: 'online', payload_not_available: 'offline' })),
    availability_mode: 'all',
  }
}

/** Beyond the time after which the broker drops a value: a read that is late and a line that is slow are no reason, s. */
const PATIENCE_S = 60

/**
 * After so long without a value the entity is unavailable, s. The broker drops the value sooner, and Home Assistant is
 * not told of that; a broker of MQTT 3.1.1 keeps it for ever, so that a restart of Home Assistant shows it once more,
 * for no longer than this. `silenceMs`: the longest time that is normal between two values.
 */
export function expireAfter(silenceMs: number): number {
  return Math.ceil((EXPIRY_FACTOR * silenceMs) / 1000) + PATIENCE_S
}
