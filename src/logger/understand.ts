/**
 * What a message on a topic of sensors says, whoever published it: the record of a read, one metric, or nothing to be
 * written down. Nothing in it is trusted. Pure; called by `intake.ts`.
 */
import type { Meaning } from '../tools/topics.ts'
import type { Row } from './row.ts'

/** What comes from one sensor or counter: the topic up to its last level, and the node where the topic has none. */
export type Source = string

export type Understood =
  | { readonly kind: 'record'; readonly source: Source; readonly rows: readonly Row[]; readonly place?: Place }
  | { readonly kind: 'metric'; readonly source: Source; readonly row: Row }
  /** The birth of a node: these sources have records. */
  | { readonly kind: 'birth'; readonly sources: readonly Source[] }
  | { readonly kind: 'nothing'; readonly problem?: string }

/** Where a record stands among those of its sensor. */
export interface Place {
  readonly run: string
  readonly seq: number
}

/** In a record, not quantities; `time` and `ts` in those of others. */
const ABOUT: ReadonlySet<string> = new Set([
  'timestamp',
  'time',
  'ts',
  'node',
  'sensor',
  'run',
  'seq',
  'clock',
  'since',
])
const ABOUT_COUNTER: ReadonlySet<string> = new Set([...ABOUT, 'pin'])
/** Of text that is no number, characters. */
const LONGEST_TEXT = 1024
/** Ids of ours have four characters; anything longer than this is none. */
const LONGEST_RUN = 64

const NOTHING = { kind: 'nothing' } as const
/** No topic has it. */
const APART = '\0'

/** Of a source, the topic alone: its metrics are known by no more. */
export function topicOf(source: Source): Source {
  return source.split(APART, 1)[0] ?? source
}

/**
 * @param meaning of the topic
 * @param at when it came, ms since 1970: the time of what tells none
 */
export function understand(topic: string, meaning: Meaning | undefined, payload: Uint8Array, at: number): Understood {
  if (meaning?.kind === 'info') return birth(payload)
  if (meaning === undefined) return NOTHING
  const source = topic.slice(0, topic.lastIndexOf('/'))
  if (meaning.kind === 'pin') {
    if (meaning.what !== 'data') return NOTHING
    // Not an id: no sensor can be called like that.
    return record(source, { device: meaning.node, sensor: `gpio/${meaning.pin}` }, payload, at, ABOUT_COUNTER)
  }
  if (!('sensor' in meaning)) return NOTHING
  const origin = { device: meaning.node ?? '', sensor: meaning.sensor ?? '' }
  if (meaning.kind === 'data') return record(source, { ...origin, device: meaning.node }, payload, at, ABOUT)
  if (meaning.kind !== 'metric' || payload.byteLength === 0) return NOTHING // an empty one takes back what is retained
  const value = valueIn(new TextDecoder().decode(payload))
  if (typeof value === 'string' && value.length > LONGEST_TEXT)
    return { kind: 'nothing', problem: `a value of ${value.length} characters` }
  const row = { timestamp: new Date(at).toISOString(), ...origin, metric: meaning.metric, value }
  return { kind: 'metric', source, row }
}

interface Origin {
  /** Undefined where the topic does not tell. */
  readonly device: string | undefined
  readonly sensor: string
}

function record(
  topic: Source,
  { device: told, sensor }: Origin,
  payload: Uint8Array,
  at: number,
  about: ReadonlySet<string>,
): Understood {
  const object = objectOf(payload)
  if (object === undefined) return { kind: 'nothing', problem: 'a record that is no JSON object' }
  // Nodes whose topics do not tell them apart do so in the record; their runs must not push each other out of memory.
  const device = told ?? nameOf(object.node)
  const origin = { device, sensor }
  const source = told === undefined && device !== '' ? `${topic}${APART}${device}` : topic
  const timestamp = timeOf(object.timestamp) ?? new Date(at).toISOString()
  const place = placeOf(object)
  const rows = Object.entries(object).flatMap(([metric, value]): Row[] => {
    if (about.has(metric) || metric === '') return []
    const wanted = typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
    return wanted ? [{ timestamp, ...origin, metric, value, ...place }] : []
  })
  if (rows.length === 0) return { kind: 'nothing', problem: 'a record without a value' }
  return { kind: 'record', source, rows, ...(place === undefined ? {} : { place }) }
}

/** Longer than an id may be, by far, characters. */
const LONGEST_NAME = 128

function nameOf(node: unknown): string {
  return typeof node === 'string' && node.length <= LONGEST_NAME ? node : ''
}

function birth(payload: Uint8Array): Understood {
  const sensors = objectOf(payload)?.sensors
  if (!Array.isArray(sensors)) return NOTHING
  const topics = sensors.flatMap((sensor: unknown): unknown[] =>
    typeof sensor === 'object' && sensor !== null && 'topics' in sensor && Array.isArray(sensor.topics)
      ? sensor.topics
      : [],
  )
  const records = topics.filter((topic): topic is string => typeof topic === 'string' && topic.endsWith('/data'))
  return { kind: 'birth', sources: records.map((topic) => topic.slice(0, -'/data'.length)) }
}

function objectOf(payload: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(payload))
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined // just looked at
  } catch {
    return undefined
  }
}

function timeOf(text: unknown): string | undefined {
  if (typeof text !== 'string' || !/^\d{4}-\d\d-\d\dT/.test(text)) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : new Date(at).toISOString()
}

function placeOf({ run, seq }: Readonly<Record<string, unknown>>): Place | undefined {
  if (typeof run !== 'string' || run === '' || run.length > LONGEST_RUN) return undefined
  return typeof seq === 'number' && Number.isSafeInteger(seq) && seq >= 0 ? { run, seq } : undefined
}

function valueIn(text: string): number | string {
  const trimmed = text.trim()
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed) && Number.isFinite(Number(trimmed))
    ? Number(trimmed)
    : text
}
