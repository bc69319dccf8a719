/**
 * The newest value of every metric and pin of every node, with what is known of its node, its sensor and its alerts. Fed
 * by `sensor-node watch` with whatever a broker has; holds no more than a bounded number of anything.
 */
import { isQuantity, QUANTITIES } from '../reading.ts'
import { type ActiveAlert, createAlerts } from './active-alerts.ts'
import { createDirectory } from './directory.ts'
import { jsonOf, timeOf } from './json.ts'
import type { Meaning } from './topics.ts'

/** One line of the table. */
export interface Row {
  /** Empty where nothing tells. */
  readonly node: string
  readonly sensor?: string
  /** Absent where it is about the node or sensor as a whole. */
  readonly metric?: string
  /** What the node calls a pin. */
  readonly name?: string
  /** A number, or the text of somebody who publishes something else. */
  readonly value?: number | string
  readonly unit?: string
  /** Of the value, ms since 1970; absent where it is a kept one, of which nobody knows how old it is. */
  readonly at?: number
  readonly status: 'online' | 'offline' | 'sensor offline' | 'expired' | ''
  /** Names of those that are active. */
  readonly alerts: readonly string[]
}

interface Value {
  readonly topic: string
  readonly node: string | undefined
  readonly sensor: string | undefined
  readonly metric: string
  value: number | string
  at: number | undefined
  /** ms since 1970 */
  expires: number | undefined
}

/** What one message is at most about. */
export interface Heard {
  readonly payload: Uint8Array
  readonly retained: boolean
  readonly expiresMs?: number
}

/** Beyond these, what comes new is counted and left out. A row takes less than 1 kB. */
export const MOST_ROWS = 10_000
const MOST_STATUSES = 10_000
/** A longer topic is nobody's metric, characters. */
const LONGEST_TOPIC = 256
/** Of one record, metrics. */
const MOST_METRICS = 200
/** A value that is no number is kept this far, bytes. */
const LONGEST_TEXT = 128

/** What a record has beside its metrics. */
const NO_METRICS: ReadonlySet<string> = new Set(['seq', 'pin', 'pulses', 'timestamp', 'ts', 'time'])

export type Readings = ReturnType<typeof createReadings>

export function createReadings(mostRows = MOST_ROWS) {
  const values = new Map<string, Value>()
  /** By node, and by node and sensor. */
  const statuses = new Map<string, 'online' | 'offline'>()
  const alerts = createAlerts()
  const directory = createDirectory()
  let sorted: Value[] | undefined
  let leftOut = 0

  const put = (one: Value): Row | undefined => {
    const key = keyOf(one.node, one.sensor, one.metric)
    const known = values.get(key)
    if (known !== undefined) {
      // What waited in an outbox is older than what we have.
      if (one.at !== undefined && known.at !== undefined && one.at < known.at) return undefined
      const { value, at, expires } = one
      // After a reconnect the broker hands out again what it keeps.
      if (at === undefined && known.at !== undefined && known.value === value) return undefined
      Object.assign(known, { value, at, expires: at === known.at ? known.expires : expires })
      return rowOf(known, at ?? 0)
    }
    if (values.size >= mostRows) {
      leftOut += 1
      return undefined
    }
    values.set(key, one)
    sorted = undefined
    return rowOf(one, one.at ?? 0)
  }

  const remove = (node: string | undefined, sensor: string | undefined, metric: string): Row[] => {
    if (values.delete(keyOf(node, sensor, metric))) sorted = undefined
    return []
  }

  const statusOf = (node: string, sensor: string | undefined): Row['status'] => {
    const own = statuses.get(node)
    if (own === 'offline') return own
    return statuses.get(keyOf(node, sensor, 'status')) === 'offline' ? 'sensor offline' : (own ?? '')
  }

  const rowOf = ({ topic, node: told, sensor, metric, value, at, expires }: Value, now: number): Row => {
    const node = told ?? directory.nodeOf(topic) ?? ''
    const unit = directory.unitOf(topic, node, sensor, metric) ?? (isQuantity(metric) ? QUANTITIES[metric].unit : '')
    const status = statusOf(node, sensor)
    const label = directory.labelOf(topic)
    return {
      node,
      ...(sensor === undefined ? {} : { sensor }),
      metric,
      ...(label === undefined ? {} : { name: label }),
      value,
      ...(unit === '' ? {} : { unit }),
      ...(at === undefined ? {} : { at }),
      status: expires !== undefined && now > expires && status !== 'offline' ? 'expired' : status,
      alerts: alerts.at(node, sensor, metric),
    }
  }

  return {
    /**
     * @param now ms since 1970
     * @returns what it changed, for who prints changes
     */
    hear(topic: string, meaning: Meaning, { payload, retained, expiresMs }: Heard, now: number): Row[] {
      if (topic.length > LONGEST_TOPIC) {
        leftOut += 1
        return []
      }
      const empty = payload.byteLength === 0
      const at = retained ? undefined : now
      const expires = expiresMs === undefined ? undefined : now + expiresMs
      const { node } = meaning
      if (meaning.kind === 'metric') {
        const { sensor, metric } = meaning
        if (empty) return remove(node, sensor, metric)
        return shown(put({ topic, node, sensor, metric, value: readValue(payload), at, expires }))
      }
      if (meaning.kind === 'pin') {
        const { pin, what } = meaning
        if (what !== 'state' && what !== 'total' && what !== 'rate') return []
        const metric = what === 'state' ? `gpio ${pin}` : `gpio ${pin} ${what}`
        if (empty) return remove(node, undefined, metric)
        return shown(put({ topic, node, sensor: undefined, metric, value: readValue(payload), at, expires }))
      }
      if (node === undefined) return []
      if (meaning.kind === 'info') {
        directory.learn(node, empty ? undefined : jsonOf(payload))
        sorted = undefined
        return []
      }
      if (meaning.kind === 'status' || meaning.kind === 'sensor-status') {
        const sensor = 'sensor' in meaning ? meaning.sensor : undefined
        const key = meaning.kind === 'status' ? node : keyOf(node, sensor, 'status')
        const status = wordOf(payload)
        const before = statuses.get(key)
        const looked = statusOf(node, sensor)
        if (status === undefined) statuses.delete(key)
        else if (before !== undefined || statuses.size < MOST_STATUSES) statuses.set(key, status)
        else leftOut += 1
        if (status === before || !statuses.has(key)) return []
        const looks = statusOf(node, sensor)
        // One row stands for a node and its own sensor: nobody is told twice that it is there.
        if (sensor === undefined && looks === looked) return []
        return [{ node, ...(sensor === undefined ? {} : { sensor }), status: looks, alerts: [] }]
      }
      if (meaning.kind === 'alert') {
        const told = alerts.hear(node, meaning.name, empty ? undefined : (jsonOf(payload) ?? {}))
        if (told === 'full') leftOut += 1
        if (told === 'full' || told === undefined) return []
        return [{ ...alertRow(told, statusOf(node, told.sensor)), value: empty ? 'ended' : 'active' }]
      }
      if (meaning.kind !== 'data') return []
      const json = jsonOf(payload) ?? {}
      const told = json.clock === 'unsynchronised' ? undefined : timeOf(json.timestamp)
      const read = told === undefined ? at : Math.min(told, now)
      const metrics = Object.entries(json).slice(0, MOST_METRICS)
      return metrics.flatMap(([metric, value]) => {
        if (typeof value !== 'number' || NO_METRICS.has(metric) || metric.length > LONGEST_TOPIC) return []
        const { sensor } = meaning
        return shown(put({ topic, node, sensor, metric, value, at: read, expires: undefined }))
      })
    },

    /** Everything, by node, sensor and metric. @param now ms since 1970 */
    rows(now: number): Row[] {
      sorted ??= [...values.values()]
        .map((one) => ({ one, node: one.node ?? directory.nodeOf(one.topic) ?? '' }))
        .sort(byPlace)
        .map(({ one }) => one)
      const all = sorted.map((one) => rowOf(one, now))
      const silent = new Set(statuses.keys())
      for (const { node } of all) silent.delete(node)
      const bare = [...silent].filter((key) => !key.includes('\0')).sort(collate)
      const told = new Set(all.flatMap(({ node, alerts: its }) => its.map((name) => keyOf(node, undefined, name))))
      const elsewhere = alerts.all().filter(({ node, name }) => !told.has(keyOf(node, undefined, name)))
      return [
        ...elsewhere.map((one) => alertRow(one, statusOf(one.node, one.sensor))),
        ...all,
        ...bare.map((node) => ({ node, status: statusOf(node, undefined), alerts: [] })),
      ]
    },

    /** How many there are. */
    get counts() {
      const nodes = [...statuses].filter(([key]) => !key.includes('\0'))
      const offline = nodes.filter(([, status]) => status === 'offline').length
      return { nodes: nodes.length, offline, values: values.size, alerts: alerts.all().length, leftOut }
    },
  }
}

function shown(row: Row | undefined): Row[] {
  return row === undefined ? [] : [row]
}

function alertRow({ node, name, sensor, metric, since }: ActiveAlert, status: Row['status']): Row {
  return {
    ...{ node, status, alerts: [name] },
    ...(sensor === undefined ? {} : { sensor }),
    ...(metric === undefined ? {} : { metric }),
    ...(since === undefined ? {} : { at: since }),
  }
}

const { compare: collate } = new Intl.Collator('en', { numeric: true })

interface Placed {
  readonly one: Value
  readonly node: string
}

function byPlace({ one, node }: Placed, { one: other, node: otherNode }: Placed): number {
  return collate(node, otherNode) || collate(one.sensor ?? '', other.sensor ?? '') || collate(one.metric, other.metric)
}

/** No level of a topic has the character between. */
function keyOf(node: string | undefined, sensor: string | undefined, last: string): string {
  return `${node ?? ''}\0${sensor ?? ''}\0${last}`
}

function readValue(payload: Uint8Array): number | string {
  const text = Buffer.from(payload).subarray(0, LONGEST_TEXT).toString()
  const number = Number(text)
  return text.trim() !== '' && Number.isFinite(number) && /^[\s\d.eE+-]+$/.test(text) ? number : text
}

function wordOf(payload: Uint8Array): 'online' | 'offline' | undefined {
  const text = Buffer.from(payload).subarray(0, 32).toString().trim().toLowerCase()
  return text === 'online' || text === 'offline' ? text : undefined
}
