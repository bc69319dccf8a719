/**
 * The MQTT contract, in one place: every topic and every payload. Pure. What the agent publishes is a `Message`
 * made here, and what it subscribes to is named here. Longer than most files here: whoever wants to know what this node
 * says has one place to read.
 */
import type { TopicsConfig } from './config/schema.ts'
import type { Level } from './gpio/gpio.ts'
import type { Reading } from './reading.ts'

export interface Message {
  readonly topic: string
  readonly payload: string
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  /** A retained value that nobody renews is cleared by the broker after this (MQTT 5), ms. */
  readonly expiresMs?: number
  /** A retained value on a topic that others write, too: once the broker has it, it is not sent again. */
  readonly once?: true
  /** What the asker of an answer knows it by (MQTT 5). */
  readonly correlation?: Uint8Array
  /** Where an answer is wanted (MQTT 5). */
  readonly replyTo?: string
}

/** What the broker handed us. */
export interface Incoming {
  readonly topic: string
  readonly payload: Uint8Array
  readonly retained: boolean
  /** Where the sender wants the answer, and what it knows it by (MQTT 5). */
  readonly replyTo?: string
  readonly correlation?: Uint8Array
  /** What is left of its life (MQTT 5), ms. */
  readonly expiresMs?: number
}

/** What became of a command, for whoever asked to be told. */
export type Outcome = { readonly state: Level } | { readonly error: string }

export interface TelemetryOptions {
  readonly node: string
  /** Prefixes, `{node}` already replaced. */
  readonly topics: Pick<TopicsConfig, 'sensors' | 'devices' | 'gpio' | 'alerts'>
  /** Id of this start of the agent. */
  readonly run: string
}

/** What a counter stands at. */
export interface Count {
  readonly pulses: number
  /** In the unit of the configuration. */
  readonly total: number
  /** Absent while it is not known. */
  readonly rate?: number
}

export type AlertEventKind = 'begin' | 'repeat' | 'escalate' | 'end'

/** What is told of an alert. */
export interface AlertTold {
  /** Id of the sensor that it is about. */
  readonly sensor: string | undefined
  /** The rule, and the metric, pin and value, as far as there are any. */
  readonly about: Readonly<Record<string, string | number>>
  /** ms since 1970. */
  readonly since: number
  readonly count: number
  /** The wall clock is known to be wrong. */
  readonly unsynchronised: boolean
}

/** What a pin of the configuration is to MQTT. */
export type PinUse = 'output' | 'input' | 'counter'

export type Telemetry = ReturnType<typeof createTelemetry>

/** A broker clears a metric after this many times the longest silence that is normal for it. */
export const EXPIRY_FACTOR = 3

/** What a topic level may look like to get an answer on a topic of its own. */
const SAFE_LEVEL = /^[A-Za-z0-9_-]{1,32}$/

/** Characters of a refused command that its error repeats. */
const COMMAND_SHOWN = 64

/** The last level of what a pin is heard and told on. */
const PIN_TOPICS: Readonly<Record<PinUse, readonly string[]>> = {
  output: ['command', 'state', 'error', 'result'],
  input: ['state'],
  counter: ['total', 'rate', 'data'],
}

/** Of these, those whose last message the broker keeps. */
const KEPT_PIN_TOPICS: Readonly<Record<PinUse, readonly string[]>> = {
  output: ['state'],
  input: ['state'],
  counter: ['total', 'rate'],
}

/** An answer's topic and correlation data come from outside, and wait here for the broker. Characters; bytes. */
const LONGEST_REPLY_TOPIC = 256
const LONGEST_CORRELATION = 256

/** What a tool hears a pin on, whosever it is; `+` stands for all pins. */
export function pinTopic(prefix: string, pin: number | '+', last: 'state' | 'result' | 'error'): string {
  return `${prefix}/${pin}/${last}`
}

/** A tool's command to a pin. The id comes first, so that an error that repeats the beginning of it shows whose it was. */
export function commandMessage(
  prefix: string,
  { pin, state, for: time }: { readonly pin: number; readonly state: string; readonly for?: string | undefined },
  id: string,
  replyTo: string | undefined,
): Message {
  return {
    topic: `${prefix}/${pin}/command`,
    payload: JSON.stringify({ id, state, ...(time === undefined ? {} : { for: time }) }),
    qos: 2, // a toggle must not come twice
    retain: false,
    ...(replyTo === undefined ? {} : { replyTo, correlation: Buffer.from(id) }),
  }
}

/** Makes the topics and payloads of one node. */
export function createTelemetry({ node, topics, run }: TelemetryOptions) {
  const sensorPrefix = (id: string | undefined): string =>
    id === undefined ? topics.sensors : `${topics.sensors}/${id}`
  const publicationTopic = (topic: string): string => topic.replaceAll('{node}', node)
  const belowGpio = `${topics.gpio}/`
  /** The level that names a pin, in a topic of one pin that ends so. */
  const pinIn = (topic: string, end: string): string | undefined => {
    const slash = topic.indexOf('/', belowGpio.length)
    const found = slash >= 0 && topic.startsWith(belowGpio) && topic.slice(slash + 1) === end
    return found ? topic.slice(belowGpio.length, slash) : undefined
  }
  const retained = (topic: string, payload: string): Message => ({ topic, payload, qos: 1, retain: true })

  return {
    /** `offline` is also the will. */
    status: (status: 'online' | 'offline'): Message => retained(`${topics.devices}/status`, status),

    info: (info: object): Message => retained(`${topics.devices}/info`, JSON.stringify(info)),

    health: (health: object): Message => ({
      topic: `${topics.devices}/health`,
      payload: JSON.stringify(health),
      qos: 0,
      retain: true,
    }),

    sensorStatus: (id: string | undefined, status: 'online' | 'offline'): Message =>
      retained(`${sensorPrefix(id)}/status`, status),

    /** The due metrics of a reading, each on its own topic. `silenceMs`: the longest normal time between two; undefined: no end. */
    metrics(id: string | undefined, reading: Reading, silenceMs: (quantity: string) => number | undefined): Message[] {
      return reading.due.map((quantity) => {
        const silence = silenceMs(quantity)
        const message = retained(`${sensorPrefix(id)}/${quantity}`, String(reading.values[quantity]))
        return silence === undefined ? message : { ...message, expiresMs: EXPIRY_FACTOR * silence }
      })
    },

    /** All valid values of a read: the durable record. Not to be made of a reading without values. */
    record: (id: string | undefined, reading: Reading, seq: number, unsynchronised = false): Message => ({
      topic: `${sensorPrefix(id)}/data`,
      // One literal: it is made of each read, and several that are spread into it cost three times as much.
      payload: JSON.stringify({
        timestamp: new Date(reading.at).toISOString(),
        clock: unsynchronised ? 'unsynchronised' : undefined,
        node,
        sensor: id,
        run,
        seq,
        ...reading.values,
      }),
      qos: 1,
      retain: false,
    }),

    /** The same record with another time: it was read before the clock was set. What is no record of ours stays as it is. */
    corrected(record: Message, at: number): Message {
      try {
        const old = JSON.parse(record.payload)
        const moved = (text: string): string =>
          new Date(Date.parse(text) + at - Date.parse(old.timestamp)).toISOString()
        const since = typeof old.since === 'string' ? { since: moved(old.since) } : {}
        const payload = { ...old, timestamp: new Date(at).toISOString(), ...since, clock: 'corrected' }
        return { ...record, payload: JSON.stringify(payload) }
      } catch {
        return record
      }
    },

    pinState: (pin: number, level: Level): Message => retained(`${topics.gpio}/${pin}/state`, String(level)),

    /** Live. The total stays true however old it is; a rate that nobody renews is cleared. `intervalMs`: from one to the next. */
    count(pin: number, { total, rate }: Count, intervalMs: number): Message[] {
      const messages = [retained(`${topics.gpio}/${pin}/total`, String(total))]
      if (rate !== undefined) {
        messages.push({
          ...retained(`${topics.gpio}/${pin}/rate`, String(rate)),
          expiresMs: EXPIRY_FACTOR * intervalMs,
        })
      }
      return messages
    },

    /** The durable record of a counter. `at`: ms since 1970. */
    countRecord: (pin: number, at: number, count: Count, seq: number, unsynchronised = false): Message => ({
      topic: `${topics.gpio}/${pin}/data`,
      payload: JSON.stringify({ ...timeOf(at, unsynchronised), node, pin, run, seq, ...count }),
      qos: 1,
      retain: false,
    }),

    /** Why a command was refused; undefined where the level after the prefix is not fit to be answered on. */
    commandError(pin: string, error: string, command: Uint8Array): Message | undefined {
      if (!SAFE_LEVEL.test(pin)) return undefined
      const payload = JSON.stringify({ error, command: shown(command), node })
      return { topic: `${topics.gpio}/${pin}/error`, payload, qos: 1, retain: false }
    },

    /** What became of a command with an id; undefined where the level after the prefix is not fit to be answered on. */
    commandResult(pin: string, id: string | number, outcome: Outcome): Message | undefined {
      if (!SAFE_LEVEL.test(pin)) return undefined
      return { topic: `${topics.gpio}/${pin}/result`, payload: answer(id, outcome), qos: 1, retain: false }
    },

    /** The same on the topic that the sender named; not to be made where `replyFault` has something to say. */
    commandReply: (
      { replyTo, correlation }: { readonly replyTo: string; readonly correlation?: Uint8Array },
      id: string | number | undefined,
      outcome: Outcome,
    ): Message => ({
      topic: replyTo,
      payload: answer(id, outcome),
      qos: 1,
      retain: false,
      ...(correlation === undefined ? {} : { correlation }),
    }),

    /**
     * Why no answer goes where the sender wants it: a topic from outside must not become a command, nor speak in the
     * place of this node. Undefined: it may go there.
     */
    replyFault({ replyTo, correlation }: Pick<Incoming, 'replyTo' | 'correlation'>): string | undefined {
      if (replyTo === undefined) return undefined
      if (replyTo === '') return 'its response topic is empty'
      if (replyTo.length > LONGEST_REPLY_TOPIC)
        return `its response topic has more than ${LONGEST_REPLY_TOPIC} characters`
      // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
      if (/[+#\u0000-\u001f\u007f-\u009f\ufffd]/u.test(replyTo) || replyTo.startsWith('$'))
        return 'its response topic is none that can be published to'
      if ((correlation?.byteLength ?? 0) > LONGEST_CORRELATION)
        return `its correlation data has more than ${LONGEST_CORRELATION} bytes`
      const below = (prefix: string): boolean => replyTo === prefix || replyTo.startsWith(`${prefix}/`)
      if (below(`${topics.devices}/response`)) return undefined
      const own = [topics.sensors, topics.devices, topics.alerts].some(below)
      if (own || (below(topics.gpio) && /\/(command|state|error|total|rate|data)$/.test(replyTo)))
        return 'its response topic has a meaning of its own'
      return undefined
    },

    /** Where requests come in. */
    requestTopic: `${topics.devices}/request`,

    /** An answer to a request, on the topic that the asker named, or on the node's own; as `commandReply`. */
    response: (
      answer: object,
      to?: { readonly replyTo: string; readonly correlation?: Uint8Array | undefined },
    ): Message => ({
      topic: to?.replyTo ?? `${topics.devices}/response`,
      payload: JSON.stringify(answer),
      qos: 1,
      retain: false,
      ...(to?.correlation === undefined ? {} : { correlation: to.correlation }),
    }),

    /** What a topic is to this node, which has these pins: one that it obeys, or speaks on; undefined: it is not ours. */
    ownTopic(topic: string, pins: ReadonlySet<number>): 'heard' | 'told' | undefined {
      if (topic === `${topics.devices}/request`) return 'heard'
      const below = (prefix: string): boolean => topic === prefix || topic.startsWith(`${prefix}/`)
      if ([topics.sensors, topics.devices, topics.alerts].some(below)) return 'told'
      const [pin = '', last = '', ...more] = below(topics.gpio) ? topic.slice(topics.gpio.length + 1).split('/') : []
      if (more.length > 0 || !pins.has(Number(pin)) || pin === '') return undefined
      if (last === 'command') return 'heard'
      return Object.values(PIN_TOPICS).some((lasts) => lasts.includes(last)) ? 'told' : undefined
    },

    /** An alert that is active: `since` as it is known now, `count` of the times that it was told. */
    alert: (name: string, { sensor, about, since, count, unsynchronised }: AlertTold): Message => ({
      topic: `${topics.alerts}/${name}`,
      payload: JSON.stringify({
        node,
        alert: name,
        since: new Date(since).toISOString(),
        ...(unsynchronised ? { clock: 'unsynchronised' } : {}),
        ...(sensor === undefined ? {} : { sensor }),
        ...about,
        count,
      }),
      qos: 2,
      retain: true,
    }),

    alertTopic: (name: string): string => `${topics.alerts}/${name}`,

    /** Takes an alert back that is retained on the topic, if there is one. */
    alertCleared: (topic: string): Message => ({ topic, payload: '', qos: 2, retain: true }),

    /** Something happened to an alert; a record. `at`: ms since 1970. */
    alertEvent(
      event: AlertEventKind,
      name: string,
      { sensor, about, since, count, unsynchronised }: AlertTold,
      at: number,
      seq: number,
    ): Message {
      const payload = {
        ...timeOf(at, unsynchronised),
        node,
        ...(sensor === undefined ? {} : { sensor }),
        run,
        seq,
        event,
        alert: name,
        since: new Date(since).toISOString(),
        ...about,
        count,
      }
      return { topic: `${sensorPrefix(sensor)}/alert`, payload: JSON.stringify(payload), qos: 1, retain: false }
    },

    /** Where a rule publishes, as its configuration says; not a topic of ours. */
    publicationTopic,

    /** What a rule publishes there. */
    publication: (
      { topic, payload, qos, retain }: Pick<Message, 'topic' | 'payload' | 'qos' | 'retain'>,
      { rule, value }: { readonly rule: string; readonly value: number | undefined },
    ): Message => ({
      topic: publicationTopic(topic),
      payload: payload.replace(/\{(value|rule|node)\}/g, (_, name: string) =>
        name === 'node' ? node : name === 'rule' ? rule : value === undefined ? '' : String(value),
      ),
      qos,
      retain,
      ...(retain ? { once: true } : {}),
    }),

    /** What to subscribe to for commands. */
    commandFilter: `${topics.gpio}/+/command`,

    /** The level that names the pin in a command's topic; undefined for any other topic. */
    commandPin: (topic: string): string | undefined => pinIn(topic, 'command'),

    /** What presses a simulated input; nobody else listens to it. */
    pressFilter: `${topics.gpio}/+/press`,

    /** As `commandPin`, of a press. */
    pressPin: (topic: string): string | undefined => pinIn(topic, 'press'),

    /** Everything below `devices/<node>` that the broker keeps. */
    keptNodeTopics: ['status', 'info', 'health'].map((last) => `${topics.devices}/${last}`),

    /** Of one sensor. */
    keptSensorTopics: (id: string | undefined, quantities: readonly string[]): string[] =>
      [...quantities, 'status'].map((last) => `${sensorPrefix(id)}/${last}`),

    /** Of one pin. */
    keptPinTopics: (pin: number, use: PinUse): string[] =>
      KEPT_PIN_TOPICS[use].map((last) => `${topics.gpio}/${pin}/${last}`),

    /** Takes from the broker what it keeps of a topic. */
    cleared: (topic: string): Message => retained(topic, ''),

    /** Home Assistant's device discovery: one message for the whole node. */
    discovery: (prefix: string, payload: object): Message => retained(discoveryTopic(prefix), JSON.stringify(payload)),

    discoveryTopic,

    /** One topic of the node, of a sensor, of a pin, by its last level; for those who are told where to listen. */
    nodeTopic: (last: 'status' | 'info' | 'health'): string => `${topics.devices}/${last}`,
    sensorTopic: (id: string | undefined, last: string): string => `${sensorPrefix(id)}/${last}`,
    pinTopic: (pin: number, last: 'command' | 'state' | 'total' | 'rate'): string => `${topics.gpio}/${pin}/${last}`,

    /** The topics of one sensor, for `info` and `check`. */
    sensorTopics: (id: string | undefined, quantities: readonly string[]): string[] =>
      [...quantities, 'data', 'status'].map((last) => `${sensorPrefix(id)}/${last}`),

    /** The topics of one pin, for `info` and `check`. */
    pinTopics: (pin: number, use: PinUse): Record<string, string> =>
      Object.fromEntries(PIN_TOPICS[use].map((last) => [last, `${topics.gpio}/${pin}/${last}`])),
  }

  function discoveryTopic(prefix: string): string {
    return `${prefix}/device/${node}/config`
  }

  function answer(id: string | number | undefined, outcome: Outcome): string {
    return JSON.stringify({ ...(id === undefined ? {} : { id }), ok: 'state' in outcome, ...outcome, node })
  }
}

/** Whether a logger of a group is there (`sensor-node log --share`); also its will. Not of a node. */
export function loggerStatus(group: string, id: string, status: 'online' | 'offline'): Message {
  return { topic: `loggers/${group}/${id}`, payload: status, qos: 1, retain: true }
}

/** Where all loggers of a group say so. */
export function loggerFilter(group: string): string {
  return `loggers/${group}/+`
}

function timeOf(at: number, unsynchronised: boolean) {
  return { timestamp: new Date(at).toISOString(), ...(unsynchronised ? { clock: 'unsynchronised' } : {}) }
}

/** At most 64 characters, U+FFFD for bytes that are no text. */
export function shown(bytes: Uint8Array): string {
  // Four bytes a character at most, and one more character to see that there was more.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, 4 * (COMMAND_SHOWN + 1)))
  return [...text].slice(0, COMMAND_SHOWN).join('')
}
