/**
 * What a topic of the contract means, whoever publishes it: the way back from `telemetry.ts`, for tools that listen to
 * every node of a broker. Pure. A topic that is none of the contract means nothing.
 */
import type { TopicsConfig } from '../config/schema.ts'

/** Prefixes with `{node}`, as the configuration has them. */
export type TopicTemplates = Pick<TopicsConfig, 'sensors' | 'devices' | 'gpio' | 'alerts'>

/** The contract's own. `gpio` also stands for `gpio/{node}`, as nodes that share a broker have it. */
export const USUAL_TOPICS: TopicTemplates = {
  sensors: 'sensors/{node}',
  devices: 'devices/{node}',
  gpio: 'gpio',
  alerts: 'alerts/{node}',
}

/** `node` is undefined where the topic does not tell. `sensor` is undefined for a node's own. */
export type Meaning =
  | { readonly kind: 'status' | 'info' | 'health'; readonly node: string | undefined }
  | {
      readonly kind: 'metric'
      readonly node: string | undefined
      readonly sensor: string | undefined
      readonly metric: string
    }
  | {
      readonly kind: 'data' | 'sensor-status' | 'alert-event'
      readonly node: string | undefined
      readonly sensor: string | undefined
    }
  | { readonly kind: 'alert'; readonly node: string | undefined; readonly name: string }
  | {
      readonly kind: 'pin'
      readonly node: string | undefined
      readonly pin: string
      readonly what: PinTopic
    }

export type PinTopic = 'state' | 'error' | 'result' | 'total' | 'rate' | 'data'

/** What a tool may listen to. `gpio`: how pins are, `counters`: the records of those that count. */
export type Listening = 'devices' | 'sensors' | 'alerts' | 'gpio' | 'counters'

const PIN_TOPICS: readonly PinTopic[] = ['state', 'error', 'result', 'total', 'rate', 'data']
/** Never names of quantities. */
const OF_SENSORS: ReadonlyMap<string, 'data' | 'sensor-status' | 'alert-event'> = new Map([
  ['data', 'data'],
  ['status', 'sensor-status'],
  ['alert', 'alert-event'],
])

/** Filters that hear everything of these kinds, of every node. */
export function filtersOf(kinds: readonly Listening[], topics: TopicTemplates = USUAL_TOPICS): string[] {
  const all = (prefix: string): string =>
    prefix
      .split('/')
      .map((level) => (level.includes('{node}') ? '+' : level))
      .join('/')
  const filters = kinds.flatMap((kind) => {
    if (kind === 'devices') return ['status', 'info', 'health'].map((last) => `${all(topics.devices)}/${last}`)
    if (kind === 'sensors') return [`${all(topics.sensors)}/#`]
    if (kind === 'alerts') return [`${all(topics.alerts)}/+`]
    const lasts = kind === 'counters' ? ['data'] : ['state', 'total', 'rate']
    return gpioPrefixes(topics).flatMap((prefix) => lasts.map((last) => `${all(prefix)}/+/${last}`))
  })
  return [...new Set(filters)]
}

/** Makes the function that tells what a topic means; undefined: nothing to us. */
export function createReader(topics: TopicTemplates = USUAL_TOPICS): (topic: string) => Meaning | undefined {
  const devices = below(topics.devices)
  const sensors = below(topics.sensors)
  const alerts = below(topics.alerts)
  const gpio = gpioPrefixes(topics).map(below)

  return (topic) => {
    const device = devices(topic)
    if (device !== undefined) {
      const [last, ...more] = device.rest
      if (more.length === 0 && (last === 'status' || last === 'info' || last === 'health'))
        return { kind: last, node: device.node }
    }
    const alert = alerts(topic)
    if (alert !== undefined) {
      const [name, ...more] = alert.rest
      if (name !== undefined && more.length === 0) return { kind: 'alert', node: alert.node, name }
    }
    for (const find of gpio) {
      const found = find(topic)
      if (found === undefined || found.rest.length !== 2) continue
      const [pin = '', last] = found.rest
      const what = PIN_TOPICS.find((one) => one === last)
      if (what !== undefined) return { kind: 'pin', node: found.node, pin, what }
    }
    const { node, rest } = sensors(topic) ?? { node: undefined, rest: [] }
    if (rest.length === 0 || rest.length > 2) return undefined
    const sensor = rest.length === 2 ? rest[0] : undefined
    const metric = rest.at(-1) ?? ''
    const kind = OF_SENSORS.get(metric)
    return kind === undefined ? { kind: 'metric', node, sensor, metric } : { kind, node, sensor }
  }
}

function gpioPrefixes({ gpio }: TopicTemplates): string[] {
  return gpio.includes('{node}') ? [gpio] : [gpio, `${gpio}/{node}`]
}

interface Below {
  readonly node: string | undefined
  readonly rest: readonly string[]
}

/** Finds the node and the levels below a prefix; undefined where the topic is not below it, or a level is empty. */
function below(prefix: string): (topic: string) => Below | undefined {
  const wanted = prefix.split('/').map((level) => level.split('{node}'))
  return (topic) => {
    const levels = topic.split('/')
    if (levels.length <= wanted.length || levels.includes('')) return undefined
    let node: string | undefined
    for (const [index, [before = '', after, ...more]] of wanted.entries()) {
      const level = levels[index] ?? ''
      if (after === undefined) {
        if (level !== before) return undefined
        continue
      }
      const end = [after, ...more].join('{node}')
      const found = level.slice(before.length, level.length - end.length)
      const fits = level.startsWith(before) && level.endsWith(end) && level.length > before.length + end.length
      if (!fits || (node !== undefined && node !== found)) return undefined
      node = found
    }
    return { node, rest: levels.slice(wanted.length) }
  }
}
