/**
 * What is known of every node of a broker, by what it says of itself: status, `info`, `health`. Works with a publisher
 * that has a status only. Nothing is concluded: a node that says `online` is online until the broker says otherwise.
 * Fed by `sensor-node fleet`.
 */
import { isRecord, type Json, jsonOf, timeOf } from './json.ts'
import type { Meaning } from './topics.ts'

export type NodeStatus = 'online' | 'offline' | 'unknown'

export interface FleetNode {
  readonly node: string
  readonly status: NodeStatus
  /** Since when it has that status, ms since 1970; absent where nobody knows. */
  readonly since?: number
  /** The change was heard; or the start of its program, as it says. */
  readonly sinceBy?: 'heard' | 'started'
  readonly version?: string
  /** When it last said something, ms since 1970; by its own clock where the broker had kept that. */
  readonly lastSeen?: number
  /** Records that wait for the broker. */
  readonly queue?: number
  readonly faults: readonly string[]
}

interface Known {
  status: NodeStatus | undefined
  changed: number | undefined
  heard: number | undefined
  info: { readonly version: string | undefined; readonly started: number | undefined } | undefined
  health: Health | undefined
}

interface Health {
  readonly said: number | undefined
  readonly queue: number | undefined
  readonly faults: readonly string[]
}

/** More nodes than these are counted, not shown: what a broker has is not ours to hold. */
export const MOST_NODES = 10_000

/** A node of ours reports every minute; five times missed is worth a word. */
const SILENT_MS = 5 * 60_000
const MOST_FAULTS = 20
/** Characters of what a node says. */
const LONGEST_TEXT = 200
/** A longer id is nobody's, characters. */
const LONGEST_NODE = 128

export function createFleet(mostNodes = MOST_NODES) {
  const nodes = new Map<string, Known>()
  let turnedAway = 0

  return {
    /**
     * @param at ms since 1970
     * @returns the node that it was about; undefined where it says nothing of one
     */
    hear(meaning: Meaning, payload: Uint8Array, retained: boolean, at: number): string | undefined {
      const { kind, node } = meaning
      if (node === undefined || (kind !== 'status' && kind !== 'info' && kind !== 'health')) return undefined
      let known = nodes.get(node)
      if (known === undefined) {
        if (payload.byteLength === 0) return undefined
        if (nodes.size >= mostNodes || node.length > LONGEST_NODE) {
          turnedAway += 1
          return undefined
        }
        known = { status: undefined, changed: undefined, heard: undefined, info: undefined, health: undefined }
        nodes.set(node, known)
      }
      const empty = payload.byteLength === 0
      const status = empty || kind !== 'status' ? undefined : statusOf(payload)
      // The will of a node is not its own word.
      if (!retained && !empty && (kind !== 'status' || status === 'online')) known.heard = at
      if (kind === 'status') {
        // An online node tells its status again at each connect: it was away in between.
        if (!retained && (known.status !== status || status === 'online')) known.changed = at
        else if (known.status !== status) known.changed = undefined
        known.status = status
      } else {
        const json = empty ? undefined : jsonOf(payload)
        if (kind === 'info') known.info = json && { version: textOf(json.version), started: timeOf(json.started) }
        else known.health = json && healthOf(json)
      }
      if (known.status === undefined && known.info === undefined && known.health === undefined) nodes.delete(node)
      return node
    },

    /** By name. @param now ms since 1970 */
    nodes(now: number): FleetNode[] {
      return [...nodes].map(([node, known]) => describe(node, known, now)).sort(byName)
    },

    node(name: string, now: number): FleetNode {
      const known = nodes.get(name)
      return known === undefined ? { node: name, status: 'unknown', faults: [] } : describe(name, known, now)
    },

    /** Messages about nodes beyond the most that are held. */
    get turnedAway() {
      return turnedAway
    },
  }
}

/** Those of the expected that are not online. */
export function notOnline(expected: readonly string[], nodes: readonly FleetNode[]): string[] {
  const online = new Set(nodes.filter(({ status }) => status === 'online').map(({ node }) => node))
  return expected.filter((node) => !online.has(node))
}

function byName(one: FleetNode, other: FleetNode): number {
  return one.node.localeCompare(other.node, 'en', { numeric: true })
}

function statusOf(payload: Uint8Array): NodeStatus {
  const text = Buffer.from(payload).subarray(0, 32).toString().trim().toLowerCase()
  return text === 'online' || text === 'offline' ? text : 'unknown'
}

function describe(node: string, { status = 'unknown', changed, heard, info, health }: Known, now: number): FleetNode {
  const lastSeen = heard ?? health?.said
  const started = status === 'online' ? info?.started : undefined
  const since = changed ?? started
  return {
    node,
    status,
    ...(since === undefined ? {} : { since, sinceBy: changed === undefined ? 'started' : 'heard' }),
    ...(info?.version === undefined ? {} : { version: info.version }),
    ...(lastSeen === undefined ? {} : { lastSeen }),
    ...(health?.queue === undefined ? {} : { queue: health.queue }),
    faults: health === undefined ? [] : [...silence(status, lastSeen, now), ...health.faults],
  }
}

function healthOf(json: Json): Health {
  const depth = isRecord(json.outbox) ? json.outbox.depth : undefined
  return {
    said: timeOf(json.timestamp),
    queue: typeof depth === 'number' && Number.isFinite(depth) ? depth : undefined,
    faults: faultsOf(json)
      .slice(0, MOST_FAULTS)
      .map((fault) => fault.slice(0, LONGEST_TEXT)),
  }
}

function silence(status: NodeStatus, lastSeen: number | undefined, now: number): string[] {
  return status === 'online' && lastSeen !== undefined && now - lastSeen > SILENT_MS ? ['silent'] : []
}

/** Of a health report: sensors that are not there, pins that fail, what was lost, and the last errors. */
function faultsOf({ sensors, pins, outbox, config_error: config, last_error: last }: Json): string[] {
  const failing = (Array.isArray(sensors) ? sensors : [])
    .filter(isRecord)
    .filter(({ status }) => status === 'offline')
    .map(({ id, type, error }) => {
      const reason = textOf(isRecord(error) ? error.message : error)
      return `${textOf(id) ?? textOf(type) ?? 'a sensor'} offline${reason === undefined ? '' : `: ${reason}`}`
    })
  const pinFaults = isRecord(pins)
    ? Object.entries(pins).map(([pin, fault]) => `pin ${pin}: ${textOf(fault) ?? 'fails'}`)
    : []
  const dropped = isRecord(outbox) && isRecord(outbox.dropped) ? Object.entries(outbox.dropped) : []
  const lost = dropped.flatMap(([reason, count]) =>
    typeof count === 'number' && count > 0 ? [`${count} dropped (${reason})`] : [],
  )
  const store = isRecord(outbox) ? textOf(outbox.error) : undefined
  const told = [
    ...(store === undefined ? [] : [`outbox: ${store}`]),
    ...(textOf(config) === undefined ? [] : [`config not reloaded: ${textOf(config)}`]),
    ...(textOf(last) === undefined ? [] : [`last error: ${textOf(last)}`]),
  ]
  return [...failing, ...pinFaults, ...lost, ...told]
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, LONGEST_TEXT) : undefined
}
