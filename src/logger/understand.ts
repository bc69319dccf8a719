/**
 * What a message on a topic of sensors says, whoever published it: the record of a read, one metric, or nothing to be
 * written down. Nothing in it is trusted. Pure; called by `intake.ts`.
 */
import type { Meaning } from '../tools/topics.ts'
import type { Row } from './row.ts'

/** What comes from one sensor: the topic up to its last level. */
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

/** In a record, not quantities. */
const ABOUT: ReadonlySet<string> = new Set(['timestamp', 'node', 'sensor', 'run', 'seq', 'clock', 'since'])
/** Of text that is no number, characters. */
const LONGEST_TEXT = 1024
/** Ids of ours have four characters; anything longer than this is none. */
const LONGEST_RUN = 64

const NOTHING = { kind: 'nothing' } as const

/**
 * @param meaning of the topic
 * @param at when it came, ms since 1970: the time of what tells none
 */
export function understand(topic: string, meaning: Meaning | undefined, payload: Uint8Array, at: number): Understood {
  if (meaning?.kind === 'info') return birth(payload)
  if (meaning === undefined || !('sensor' in meaning)) return NOTHING
  const source = topic.slice(0, topic.lastIndexOf('/'))
  const origin = { device: meaning.node ?? '', sensor: meaning.sensor ?? '' }
  if (meaning.kind === 'data') return record(source, origin, payload, at)
  if (meaning.kind !== 'metric' || payload.byteLength === 0) return NOTHING // an empty one takes back what is retained
  const value = valueIn(new TextDecoder().decode(payload))
  if (typeof value === 'string' && value.length > LONGEST_TEXT)
    return { kind: 'nothing', problem: `a value of ${value.length} characters` }
  const row = { timestamp: new Date(at).toISOString(), ...origin, metric: meaning.metric, value }
  return { kind: 'metric', source, row }
}

type Origin = Pick<Row, 'device' | 'sensor'>

function record(source: Source, origin: Origin, payload: Uint8Array, at: number): Understood {
  const object = objectOf(payload)
  if (object === undefined) return { kind: 'nothing', problem: 'a record that is no JSON object' }
  const timestamp = timeOf(object.timestamp) ?? new Date(at).toISOString()
  const place = placeOf(object)
  const rows = Object.entries(object).flatMap(([metric, value]): Row[] => {
    if (ABOUT.has(metric) || metric === '') return []
    const wanted = typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
    return wanted ? [{ timestamp, ...origin, metric, value, ...place }] : []
  })
  if (rows.length === 0) return { kind: 'nothing', problem: 'a record without a value' }
  return { kind: 'record', source, rows, ...(place === undefined ? {} : { place }) }
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
