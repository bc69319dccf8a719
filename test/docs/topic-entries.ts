/**
 * Everything that docs/topics.md tells of, each with messages made by the very functions that make the node's: topic, payload,
 * QoS, retain and expiry are what they yield. A function of `telemetry.ts` that makes a message and is not told of here does
 * not compile. What only a running agent can fill is taken from the golden files, which a test holds to such an agent. Longer
 * than most files: it is the list of all topics.
 */
import { parseConfig } from '../../src/config/load.ts'
import { commandMessage, createTelemetry, loggerStatus, type Message, type Telemetry } from '../../src/telemetry.ts'
import { textOf } from './documents.ts'

/** Names of everything in a telemetry that makes messages. */
type Maker = {
  [K in keyof Telemetry]: Telemetry[K] extends (...args: never[]) => Message | Message[] | undefined ? K : never
}[keyof Telemetry]

export interface Entry {
  /** What it says, and when. */
  readonly about: string
  /** The first is shown; its topic, and that of others, with the names replaced by what they stand for. */
  readonly messages: readonly (Message | undefined)[]
  /** Another form of what this one says; its examples are shown there. */
  readonly partOf?: Maker
  /** It is heard, not said. */
  readonly heard?: true
  /** QoS and retain are up to the configuration. */
  readonly varies?: true
}

const AT = Date.UTC(2026, 0, 1)
const NODE = 'rpi001'
const { config } = parseConfig(`node: { id: ${NODE} }\nsensors: [{ type: system }]`, '/x', { env: {}, hostname: '' })
if (config === undefined) throw new Error('the smallest configuration does not load')
/** With the prefixes that are the default. */
export const telemetry = createTelemetry({ node: NODE, topics: config.topics, run: 'k3f9' })

const reading = { at: AT, values: { temperature: 21.5, humidity: 40.2 }, due: ['temperature'], rejected: [] } as const
const count = { pulses: 1234, total: 344.7796, rate: 16.764 }
const about = { rule: 'hot', metric: 'temperature', value: 31.5 }
const alert = { sensor: 'attic', about, since: AT, count: 1, unsynchronised: false }
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The last message on a topic in a golden file; `…` is what differs from one run to the next. */
function golden(file: string, topic: string, having = ''): object {
  const lines = textOf(`test/golden/${file}.txt`).split('\n')
  const at = lines.findLastIndex((line, index) => line.startsWith(`${topic} `) && lines[index + 1]?.includes(having))
  return JSON.parse((lines[at + 1] ?? '').replaceAll(':…', ':"…"'))
}

function goldenDiscovery(): object {
  const [, json = ''] = textOf('test/golden/discovery.txt').split(/^homeassistant\/\S+ .*\n/m)
  const { components, ...rest } = JSON.parse(json)
  const [first] = Object.entries(components)
  return { ...rest, components: Object.fromEntries([first ?? []]) }
}

const NODES: Readonly<Record<string, Entry>> = {
  status: {
    about:
      'Whether the node is there. `offline` is also its Last Will, so that the broker says it where the node can’t.',
    messages: [telemetry.status('online'), telemetry.status('offline')],
  },
  info: {
    about: 'The birth: what the node is, its sensors and pins with their topics. At each connect, and when it changes.',
    messages: [telemetry.info(golden('topics', 'devices/rpi001/info'))],
  },
  health: {
    about:
      'How it is, every 60 s and on a change of state: reads, failures and the age of the last good read (s) per sensor, what counters and rules have come to, the queue and what had to be dropped by reason, reconnects, the last error, and `config_error` after a reload that was refused. `mqtt.delivered` says what that means at this broker: `acknowledged`, or `written to the socket` where it has no QoS 1; `mqtt.commands` and `mqtt.requests`, whether those are heard.',
    messages: [telemetry.health(golden('topics', 'devices/rpi001/health'))],
  },
}

/** By the maker; the order is that of the page. */
const SAID: Readonly<Record<Exclude<Maker, 'status' | 'info' | 'health'>, Entry>> = {
  metrics: {
    about:
      'The value as text, in the unit of its [quantity](configuration.md#quantities). With `change`, only when it has changed enough. It expires after three times the longer of interval and heartbeat; with `change` and no heartbeat never.',
    messages: [
      ...telemetry.metrics(undefined, reading, () => 10_000),
      ...telemetry.metrics('attic', reading, () => 10_000),
    ],
  },
  record: {
    about:
      'All values of the same read. `run` is an id of this start of the agent, and `seq` counts the records of a sensor from 0: a consumer can see what is lost, doubled or out of order. Records [wait on disk](operations.md#records-that-wait) while the broker is away. `clock` is there where the time was not set when it was read, and tells whether it was mended since.',
    messages: [telemetry.record(undefined, reading, 41), telemetry.record('attic', reading, 41)],
  },
  corrected: {
    about: '',
    partOf: 'record',
    messages: [telemetry.corrected(telemetry.record('attic', { ...reading, at: AT - 5000 }, 42, true), AT)],
  },
  sensorStatus: {
    about: '`online` or `offline` of one sensor. It is unknown, and nothing is here, until its first read.',
    messages: [telemetry.sensorStatus(undefined, 'online'), telemetry.sensorStatus('attic', 'offline')],
  },
  alertEvent: {
    about:
      'What happens to an alert: `begin`, `repeat`, `escalate`, `end`; a record like the others. `count` is how often it was told. Where it is about no sensor with an id, there is no such level.',
    messages: [
      telemetry.alertEvent('begin', 'high_temp', { ...alert, sensor: undefined }, AT, 0),
      telemetry.alertEvent('begin', 'high_temp', alert, AT, 0),
    ],
  },
  alert: {
    about:
      'An alert of a [rule](rules.md), for as long as it is active. Empty when it ends, which removes it from the broker.',
    messages: [telemetry.alert('high_temp', alert)],
  },
  alertCleared: {
    about: '',
    partOf: 'alert',
    messages: [telemetry.alertCleared(telemetry.alertTopic('high_temp'))],
  },
  pinState: {
    about:
      'The level of an output or input, `1` or `0`: logical, so `1` is “on” also with `active_low`. After every accepted command, every debounced edge, and on each connect.',
    messages: [telemetry.pinState(17, 1)],
  },
  commandError: {
    about: 'Why a command was [refused](commands.md#what-is-refused). `command` is at most its first 64 characters.',
    messages: [telemetry.commandError('17', 'pin 17 is an input', bytes('on'))],
  },
  commandResult: {
    about: 'What became of a command that has an `id`, and no response topic.',
    messages: [telemetry.commandResult('17', 'a1', { state: 1 }), telemetry.commandResult('17', 'a1', { error: '…' })],
  },
  commandReply: {
    about: '',
    partOf: 'commandResult',
    messages: [telemetry.commandReply({ replyTo: `${config.topics.devices}/response/me` }, undefined, { state: 1 })],
  },
  count: {
    about:
      'Of a [counter](pins.md#count-pulses), in its own units. The rate expires after three intervals; the total stays true however old it is.',
    messages: telemetry.count(5, count, 10_000),
  },
  countRecord: {
    about: 'Of a counter, the record of the same moment. `rate` is absent while it is not known.',
    messages: [telemetry.countRecord(5, AT, count, 41)],
  },
  response: {
    about:
      'The answer to a [request](commands.md#requests), or on the MQTT 5 response topic of whoever asked, which lies below this one where the broker has the shipped access rules.',
    messages: [telemetry.response(golden('requests', 'devices/rpi001/response', '"a3"'))],
  },
  publication: {
    varies: true,
    about:
      'What a [rule](rules.md) publishes (`publish`): topic, payload, QoS and retain are those of the configuration.',
    messages: [
      telemetry.publication(
        { topic: 'house/{node}/siren', payload: '{value}', qos: 1, retain: false },
        { rule: 'hot', value: 31.5 },
      ),
    ],
  },
  discovery: {
    about:
      'With [`home_assistant`](home-assistant.md): the node as a device with its entities, of which the example has one; at each connect, when something changes, and when Home Assistant starts.',
    messages: [telemetry.discovery('homeassistant', goldenDiscovery())],
  },
  cleared: {
    about:
      'What is gone from the configuration is taken back from the broker, by an empty message, here and elsewhere.',
    partOf: 'metrics',
    messages: [telemetry.cleared(`${config.topics.sensors}/cellar/temperature`)],
  },
}

const heard = (topic: string, payload: string): Message => ({ topic, payload, qos: 2, retain: false })
const HEARD: Readonly<Record<string, Entry>> = {
  command: {
    heard: true,
    about:
      'Switches an output: `on` `off` `toggle` `1` `0` `true` `false` `high` `low` in any case, or [JSON](commands.md#switch-a-pin). Retained ones are refused.',
    messages: [
      heard(`${config.topics.gpio}/17/command`, 'toggle'),
      commandMessage(config.topics.gpio, { pin: 17, state: 'on', for: '5s' }, 'a1', undefined),
    ],
  },
  request: {
    heard: true,
    about: 'With `remote`: asks the node something. See [Requests](commands.md#requests).',
    messages: [heard(telemetry.requestTopic, '{"id":"a1","action":"ping"}')],
  },
  homeAssistant: {
    heard: true,
    about: 'With `home_assistant`: Home Assistant has started, and is told of the device again.',
    messages: [heard('homeassistant/status', 'online')],
  },
}

const TOOLS: Readonly<Record<string, Entry>> = {
  logger: {
    about: 'Not of a node: whether a logger of a group (`sensor-node log --share`) is there; also its Last Will.',
    messages: [loggerStatus('cellar', 'one', 'online')],
  },
}

export const PARTS: readonly (readonly [title: string, entries: Readonly<Record<string, Entry>>])[] = [
  ['The node', NODES],
  ['Sensors, pins, alerts', SAID],
  ['What the node hears', HEARD],
  ['Tools', TOOLS],
]

/** All that a node or a tool says, one message of each form; for what holds this page to the golden files. */
export const SAID_MESSAGES: readonly Message[] = [NODES, SAID, TOOLS]
  .flatMap((entries) => Object.values(entries))
  .flatMap(({ messages }) => messages.filter((message) => message !== undefined))

/** A topic with what its names stand for. */
export function genericTopic(topic: string): string {
  return topic
    .replace(/\brpi001\b/, '<node>')
    .replace(/\/(attic|cellar)(?=\/)/, '/<id>')
    .replace(/\/(17|20|22|27|5)\//, '/<pin>/')
    .replace(/\/temperature$/, '/<metric>')
    .replace(/\/high_temp$/, '/<name>')
    .replace(/^house\/.*$/, '<your topic>')
    .replace(/^loggers\/.*$/, 'loggers/<group>/<id>')
}
