/**
 * What stands between two configurations, part by part: what a reload adds, takes away, changes and leaves alone, and
 * what only a restart can change. Pure; the reload acts on it, and `sensor-node plan` shows it.
 */
import type { Problem } from '../errors.ts'
import { type Change, changesBetween } from './changes.ts'
import type { Config, SensorConfig } from './schema.ts'
import { below, type ConfigNode, placeOf } from './tree.ts'

/** One entry of a list, or a section. */
export interface Item {
  /** The id of a sensor, the number of a pin, the name of a section. The node's own sensor has its type. */
  readonly name: string
  /** What else people call it. */
  readonly label?: string | undefined
  /** Where it stands in the file that it is in: `['sensors', 2]`. */
  readonly path: readonly (string | number)[]
}

/** One that both configurations have. `path` is its place in the new one. */
export interface ChangedItem extends Item {
  readonly before: Item['path']
  readonly changes: readonly Change[]
}

export interface PartPlan {
  readonly part: PartName
  readonly added: readonly Item[]
  readonly removed: readonly Item[]
  readonly changed: readonly ChangedItem[]
  /** How many stay as they are. */
  readonly unchanged: number
}

/** A key that can't be changed while the node runs. */
export interface Blocked {
  readonly key: string
  readonly path: Item['path']
  /** Goes on after the key. */
  readonly reason: string
}

export interface Plan {
  readonly parts: readonly PartPlan[]
  /** Where there is any, a reload changes nothing at all. */
  readonly blocked: readonly Blocked[]
}

/** An entry of a list: what it is known by, whatever else of it changes, what people call it, and all of it. */
interface Entry extends Pick<Item, 'name' | 'label'> {
  readonly id: string | number
  readonly config: unknown
}

/** Lists whose entries come and go one by one. */
const LISTS = {
  sensors: ({ sensors }: Config): Entry[] => sensors.map(sensorEntry),
  'gpio.outputs': ({ gpio }: Config): Entry[] => gpio.outputs.map(pinEntry),
  'gpio.inputs': ({ gpio }: Config): Entry[] => gpio.inputs.map(pinEntry),
  rules: ({ rules }: Config): Entry[] => rules.map((rule) => ({ id: rule.id, name: rule.id, config: rule })),
} as const

/** Sections that are taken over while the node runs, but for the keys below. */
const LIVE = ['node', 'mqtt', 'outbox', 'home_assistant', 'remote'] as const

/** What is fixed for the life of the process, and why. */
const FIXED: Readonly<Record<string, string>> = {
  'node.id': 'all topics hang on it',
  'topics.sensors': 'what was published before would stay behind',
  'topics.devices': 'what was published before would stay behind',
  'topics.gpio': 'what was published before would stay behind',
  'topics.alerts': 'what was published before would stay behind',
  'gpio.backend': 'every pin would have to be let go of',
  'gpio.mock_history': 'every pin would have to be let go of',
  'outbox.path': 'records wait in the old folder',
}

/** Every section has a place above; the compiler refuses a new one that has none. */
type Covered = 'sensors' | 'gpio' | 'rules' | 'topics' | (typeof LIVE)[number]
const ALL_COVERED: Exclude<keyof Config, Covered> extends never ? true : never = true

export type PartName = keyof typeof LISTS | (typeof LIVE)[number]

/**
 * Compares two configurations.
 *
 * @param backend the GPIO backend at work, as far as it is known: `auto` may have to be another one
 */
export function planReload(from: Config, to: Config, backend?: string): Plan {
  const lists = Object.entries(LISTS) as [keyof typeof LISTS, (config: Config) => Entry[]][]
  return {
    parts: [
      ...lists.map(([part, entries]) => planList(part, entries(from), entries(to))),
      ...LIVE.map((part) => planSection(part, from, to)),
    ],
    blocked: ALL_COVERED ? [...fixedKeys(from, to), ...otherBackend(to, backend)] : [],
  }
}

/** Whether a reload would do anything, or, where a part is named, anything in that. */
export function changesAnything({ parts, blocked }: Plan, only?: PartName): boolean {
  const looked = parts.filter(({ part }) => only === undefined || part === only)
  const lists = looked.flatMap(({ added, removed, changed }) => [added, removed, changed])
  return (only === undefined && blocked.length > 0) || lists.some(({ length }) => length > 0)
}

/** What forbids a reload, each with its place in the new file. */
export function restartProblems({ blocked }: Plan, root: ConfigNode): Problem[] {
  return blocked.map(({ key, path, reason }) => {
    let node = root
    for (const step of path) node = below(node, step) ?? node
    return { ...placeOf(node), path: key, message: reason, suggestion: 'sudo systemctl restart sensor-node' }
  })
}

function planList(part: keyof typeof LISTS, from: readonly Entry[], to: readonly Entry[]): PartPlan {
  const before = new Map(from.map((entry, index) => [entry.id, { entry, index }]))
  const after = new Set(to.map(({ id }) => id))
  const section = part.split('.')
  const item = ({ name, label }: Entry, index: number): Item => ({ name, label, path: [...section, index] })
  const added: Item[] = []
  const changed: ChangedItem[] = []
  for (const [index, entry] of to.entries()) {
    const old = before.get(entry.id)
    if (old === undefined) added.push(item(entry, index))
    else {
      const changes = changesBetween(old.entry.config, entry.config)
      if (changes.length > 0) changed.push({ ...item(entry, index), before: [...section, old.index], changes })
    }
  }
  const removed = from.flatMap((entry, index) => (after.has(entry.id) ? [] : [item(entry, index)]))
  return { part, added, removed, changed, unchanged: to.length - added.length - changed.length }
}

function planSection(part: (typeof LIVE)[number], from: Config, to: Config): PartPlan {
  const fixed = (key: string): boolean => Object.hasOwn(FIXED, `${part}.${key}`)
  const changes = changesBetween(from[part], to[part]).filter(({ key }) => !fixed(key) && !follows(part, key, from, to))
  const path = [part]
  const changed = changes.length === 0 ? [] : [{ name: part, path, before: path, changes }]
  return { part, added: [], removed: [], changed, unchanged: 1 - changed.length }
}

function fixedKeys(from: Config, to: Config): Blocked[] {
  return Object.entries(FIXED).flatMap(([key, why]) => {
    const path = key.split('.')
    const [section = '', last = ''] = path
    const [old, now] = [valueAt(from, path), valueAt(to, path)]
    if (old === now || follows(section, last, from, to)) return []
    return [{ key, path, reason: `can’t be changed while the node runs: ${why}` }]
  })
}

function valueAt(config: Config, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => Object(value)[key], config)
}

/** What changes only because the node's id stands in it is told once, as the id. */
function follows(section: string, key: string, from: Config, to: Config): boolean {
  if (from.node.id === to.node.id || section === 'node') return false
  const [old, now] = [valueAt(from, [section, key]), valueAt(to, [section, key])]
  return typeof old === 'string' && typeof now === 'string' && old.replaceAll(from.node.id, to.node.id) === now
}

/** By `auto`, the first counter may want another backend than the one that has the pins already. */
function otherBackend({ gpio }: Config, backend: string | undefined): Blocked[] {
  const index = gpio.inputs.findIndex(({ mode }) => mode === 'counter')
  if (gpio.backend !== 'auto' || backend !== 'onoff' || index < 0) return []
  const reason =
    'can’t become counter while the pins are driven through GPIO by sysfs, which can’t count: after a restart, auto takes the character device for all of them'
  return [{ key: `gpio.inputs[${index}].mode`, path: ['gpio', 'inputs', index, 'mode'], reason }]
}

function sensorEntry(config: SensorConfig): Entry {
  const { id, type } = config
  return id === undefined
    ? { id: '', name: type, label: 'the node’s own', config } // no id is empty
    : { id, name: id, label: type, config }
}

function pinEntry(config: { readonly pin: number; readonly name?: string | undefined }): Entry {
  return { id: config.pin, name: String(config.pin), label: config.name, config }
}
