/**
 * What the recipes hand to other programs fits what is really published: Telegraf's topics, tags and times, Node-RED's
 * flow. Neither of the two is installed for it.
 */
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fits } from '../../src/subscriptions.ts'
import { createTelemetry, type Message } from '../../src/telemetry.ts'
import { lines as deployLines } from '../fakes/fleet-broker.ts'
import { blocksOf, pathOf, textOf } from './documents.ts'

const RECIPES = 'docs/recipes'

function file(recipe: string, name: string): string {
  const block = blocksOf(`${RECIPES}/${recipe}`).find(({ marks }) => marks.get('file') === name)
  if (block === undefined) throw new Error(`${recipe} has no file ${name}`)
  return block.text
}

describe('the index of the recipes', () => {
  it('has every recipe', () => {
    const recipes = readdirSync(pathOf(RECIPES)).filter((name) => name !== 'README.md')
    const linked = [...textOf(`${RECIPES}/README.md`).matchAll(/^\| \[.*\]\(([\w-]+\.md)\)/gm)].map(([, name]) => name)
    expect(linked.sort()).toEqual(recipes.sort())
  })
})

describe('the recipe of the fleet', () => {
  it('types the lines for certificates that deploy/mosquitto.conf has', () => {
    const typed = deployLines().filter((line) => line.startsWith('openssl'))
    const text = textOf(`${RECIPES}/fleet.md`)
    expect(typed.length).toBe(3)
    for (const line of typed) expect(text).toContain(`\n${line}\n`)
  })
})

const telemetry = createTelemetry({
  node: 'rpi001',
  topics: { sensors: 'sensors/rpi001', devices: 'devices/rpi001', gpio: 'gpio', alerts: 'alerts/rpi001' },
  run: 'k3f9',
})
const reading = {
  at: Date.UTC(2026, 0, 1),
  due: ['temperature', 'humidity'] as const,
  values: { temperature: 21.5, humidity: 40 },
  rejected: [],
}
const records = [telemetry.record(undefined, reading, 0), telemetry.record('attic', reading, 0)]
const values = [undefined, 'attic'].flatMap((id) => telemetry.metrics(id, reading, () => undefined))
const others: Message[] = [
  telemetry.status('online'),
  telemetry.sensorStatus(undefined, 'online'),
  telemetry.sensorStatus('attic', 'online'),
]

describe('the configuration for Telegraf', () => {
  /** The values of a key, each a string or a list of strings. */
  const all = (toml: string, key: string): string[] =>
    [...toml.matchAll(new RegExp(`^ *${key} = (\\[[^\\]]*\\]|"[^"]*")`, 'gm'))].flatMap(([, value = '']) =>
      [...value.matchAll(/"([^"]*)"/g)].map(([, text = '']) => text),
    )
  const heardBy = (filters: readonly string[], messages: readonly Message[]): string[] =>
    messages.map(({ topic }) => topic).filter((topic) => filters.some((filter) => fits(topic, filter)))
  const topicsOf = (messages: readonly Message[]): string[] => messages.map(({ topic }) => topic)

  it('hears every record, and nothing else', () => {
    const topics = all(file('telegraf.md', 'telegraf.conf'), 'topics')
    expect(heardBy(topics, [...records, ...values, ...others])).toEqual(topicsOf(records))
  })

  it('names tags and a time that the records have, and every other text of a record is left out', () => {
    const toml = file('telegraf.md', 'telegraf.conf')
    expect(all(toml, 'json_time_format')).toEqual(['2006-01-02T15:04:05Z07:00']) // of Go: RFC 3339
    const record: Record<string, unknown> = JSON.parse(telemetry.record('attic', reading, 7).payload)
    const [time = ''] = all(toml, 'json_time_key')
    expect(record[time]).toBe('2026-01-01T00:00:00.000Z')
    for (const tag of all(toml, 'tag_keys')) expect(record[tag]).toEqual(expect.any(String))
    const fields = Object.keys(record).filter((key) => typeof record[key] === 'number')
    expect(fields).toEqual(['seq', 'temperature', 'humidity'])
  })

  it('hears every single value, and none that is no number', () => {
    const toml = file('telegraf.md', 'telegraf-values.conf')
    const state = telemetry.pinState(17, 1)
    const error = telemetry.commandError('17', 'no', new Uint8Array())
    const pins = [state, ...(error === undefined ? [] : [error])]
    const heard = heardBy(all(toml, 'topics'), [...records, ...values, ...others, ...pins])
    expect(heard).toEqual(topicsOf([...values, state]))
    for (const { payload } of [...values, state]) expect(Number(payload)).not.toBeNaN()
  })

  it('takes each topic apart into as many levels as it has', () => {
    const toml = file('telegraf.md', 'telegraf-values.conf')
    const parsings = ['topic', 'measurement', 'tags'].map((key) => all(toml, key).map((text) => text.split('/').length))
    const [topics = [], measurements, tags] = parsings
    expect(topics).toEqual([3, 4, 3])
    expect([measurements, tags]).toEqual([topics, topics])
    const asked = all(toml, 'topic')
    for (const { topic } of values) expect(asked.filter((filter) => fits(topic, filter)).length).toBe(1)
  })
})

describe('the flow for Node-RED', () => {
  interface FlowNode {
    readonly id: string
    readonly type: string
    readonly z?: string
    readonly broker?: string
    readonly topic?: string
    readonly retain?: string
    readonly wires?: readonly (readonly string[])[]
  }
  const flow: FlowNode[] = JSON.parse(file('node-red.md', 'flow.json'))
  const ids = flow.map(({ id }) => id)

  it('is connected: every wire, tab and broker is there', () => {
    expect(new Set(ids).size).toBe(flow.length)
    const named = flow.flatMap(({ type, z, broker, wires = [] }) => [
      ...wires.flat(),
      ...(z === undefined ? [] : [z]),
      ...(broker === undefined || type === 'mqtt-broker' ? [] : [broker]),
    ])
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((id) => !ids.includes(id))).toEqual([])
  })

  it('hears records, the button and alerts, and sends no command that is retained', () => {
    const heard = flow.filter(({ type }) => type === 'mqtt in').map(({ topic = '' }) => topic)
    const [own] = records
    expect(heard.some((filter) => fits(own?.topic ?? '', filter))).toBe(true)
    expect(heard).toContain(telemetry.pinTopic(27, 'state'))
    expect(heard.some((filter) => fits('alerts/rpi001/warm', filter))).toBe(true)
    const sent = flow.filter(({ type }) => type === 'mqtt out')
    expect(sent.map(({ topic }) => topic)).toContain(telemetry.pinTopic(17, 'command'))
    expect(sent.filter(({ retain }) => retain !== 'false')).toEqual([])
  })
})
