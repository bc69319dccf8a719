/**
 * What nodes say of their own topics in `info`: names and units of pins, which node a pin's topic belongs to, and the
 * units of a publisher that names them (`"units":{"flow":"l/min"}`, for the node or for one of its sensors).
 */
import { isRecord, type Json } from './json.ts'

interface Place {
  readonly node: string
  readonly label: string | undefined
  readonly unit: string | undefined
}

/** What a broker has is not ours to hold. */
const MOST_NODES = 10_000
const MOST_OF_ONE = 200
const LONGEST_LABEL = 64

export function createDirectory() {
  const topics = new Map<string, Place>()
  /** By node, sensor and metric. */
  const units = new Map<string, string>()
  /** What each node has told, to be forgotten when it tells again. */
  const nodes = new Map<string, { readonly topics: string[]; readonly units: string[] }>()

  return {
    /** @param info undefined: the node tells nothing any more */
    learn(node: string, info: Json | undefined): void {
      const before = nodes.get(node)
      for (const topic of before?.topics ?? []) topics.delete(topic)
      for (const key of before?.units ?? []) units.delete(key)
      nodes.delete(node)
      if (info === undefined || nodes.size >= MOST_NODES) return
      const told = { topics: [] as string[], units: [] as string[] } // else arrays of nothing
      for (const { topic, place } of placesOf(node, info).slice(0, MOST_OF_ONE)) {
        topics.set(topic, place)
        told.topics.push(topic)
      }
      for (const [key, unit] of unitsOf(node, info).slice(0, MOST_OF_ONE)) {
        units.set(key, unit)
        told.units.push(key)
      }
      nodes.set(node, told)
    },

    nodeOf: (topic: string): string | undefined => topics.get(topic)?.node,
    labelOf: (topic: string): string | undefined => topics.get(topic)?.label,
    unitOf: (topic: string, node: string, sensor: string | undefined, metric: string): string | undefined =>
      topics.get(topic)?.unit ?? units.get(keyOf(node, sensor, metric)) ?? units.get(keyOf(node, '*', metric)),
  }
}

function placesOf(node: string, { pins }: Json): { readonly topic: string; readonly place: Place }[] {
  return records(pins).flatMap(({ name, topics, unit, rate_unit: rateUnit }) =>
    Object.entries(isRecord(topics) ? topics : {}).flatMap(([what, topic]) => {
      if (typeof topic !== 'string') return []
      const own = what === 'total' ? unit : what === 'rate' ? rateUnit : undefined
      return [{ topic, place: { node, label: short(name), unit: short(own) } }]
    }),
  )
}

function unitsOf(node: string, { units, sensors }: Json): [string, string][] {
  const those = (sensor: string | undefined, all: unknown): [string, string][] =>
    Object.entries(isRecord(all) ? all : {}).flatMap(([metric, unit]) => {
      const text = short(unit)
      return text === undefined ? [] : [[keyOf(node, sensor, metric), text]]
    })
  return [...those('*', units), ...records(sensors).flatMap(({ id, units: own }) => those(short(id), own))]
}

function records(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isRecord) : []
}

function keyOf(node: string, sensor: string | undefined, metric: string): string {
  return `${node}\0${sensor ?? ''}\0${metric}`
}

function short(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, LONGEST_LABEL) : undefined
}
