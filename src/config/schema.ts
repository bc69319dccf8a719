/**
 * The configuration, defined once: types, defaults, error texts, JSON Schema and the reference in docs/ are made
 * from this. Keys are as in the file, durations are milliseconds in the program.
 */
import { z } from 'zod'
import { type HomeAssistantConfig, homeAssistant } from './home-assistant-schema.ts'
import { input } from './input-schema.ts'
import { remote } from './remote-schema.ts'
import { type RuleConfig, rule } from './rule-schema.ts'
import { type SensorConfig, sensor } from './sensor-schema.ts'
import { size } from './size.ts'
import {
  activeLow,
  clash,
  duration,
  id,
  label,
  level,
  levelOr,
  list,
  pin,
  positiveDuration,
  secret,
  section,
  text,
  topicPrefix,
  whole,
} from './values.ts'

export type { HomeAssistantConfig } from './home-assistant-schema.ts'
export type { CounterConfig, InputConfig, StateInputConfig } from './input-schema.ts'
export type { RuleConfig } from './rule-schema.ts'
export { type MetricConfig, type SensorConfig, sensorSchema } from './sensor-schema.ts'

// A schema is asked a few times in the life of a process, and compiling it costs more than all of its answers. It would
// also be the only place where text is run as code.
z.config({ jitless: true })

const node = section({
  id: id.optional().describe("The node's id, a level of its topics. Default: the first label of the host name."),
  name: label,
})

const tls = section({
  ca: text
    .optional()
    .describe('File with the certificates of the CA that signed the broker; default: the system’s CAs.'),
  cert: text.optional().describe('File with the client certificate.'),
  key: text.optional().describe('File with the key of the client certificate.'),
  servername: text.optional().describe('Name that the certificate must carry, where it is not the host of the URL.'),
}).superRefine(({ cert, key }, context) => {
  if (cert !== undefined && key === undefined) clash(context, 'cert', 'key', 'needs key beside it')
  if (key !== undefined && cert === undefined) clash(context, 'key', 'cert', 'needs cert beside it')
})

/** Also of what the command line says of a broker. */
export const mqttSchema = section({
  url: text
    .superRefine(checkUrl)
    .default('mqtt://localhost:1883')
    .describe('The broker: mqtt://host:1883, or mqtts://host:8883 for TLS.'),
  username: text.optional().describe('User name at the broker.'),
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how the file writes it
  password: secret.optional().describe('Password, as `${NAME}` from the environment. Better: `password_file`.'),
  password_file: text
    .optional()
    .describe(
      'File with the password; a name without a slash is looked for in `$CREDENTIALS_DIRECTORY` first. Read at each connect.',
    ),
  client_id: text
    .max(128, 'must have at most 128 characters')
    .optional()
    .describe('Client id. Default: `sensor-node-<node id>`.'),
  protocol: z
    .union([z.literal(5), z.literal(4)], { error: 'must be 5 (MQTT 5) or 4 (MQTT 3.1.1)' })
    .default(5)
    .describe('5 for MQTT 5, which falls back where the broker does not speak it; 4 for MQTT 3.1.1.'),
  keepalive: duration
    .refine((ms) => ms >= 1000 && ms <= 65_535_000 && ms % 1000 === 0, 'must be whole seconds from 1s to 65535s')
    .prefault('30s')
    .describe('A broker that is silent for one and a half times this is taken for gone.'),
  tls: tls.optional().describe('For mqtts:// only.'),
}).superRefine(({ url, username, password, password_file, tls }, context) => {
  if (tls !== undefined && !/^mqtts:/i.test(url)) clash(context, 'tls', 'url', 'needs a url that begins with mqtts://')
  if (password !== undefined && password_file !== undefined) {
    clash(context, 'password', 'password_file', 'must not stand beside password_file: remove one of them')
  }
  // MQTT 3.1.1, section 3.1.2.9: no password without a user name.
  if (username !== undefined) return
  if (password !== undefined) clash(context, 'password', 'username', 'needs username beside it')
  if (password_file !== undefined) clash(context, 'password_file', 'username', 'needs username beside it')
})

const output = section({
  pin: pin.describe('BCM number, 0 to 27.'),
  name: label,
  active_low: activeLow,
  initial: levelOr('keep', 'last')
    .prefault('off')
    .describe(
      'Level from the first moment: `off`, `on`, `keep` (what an earlier run left, else off), `last` (the last ordered, kept in `$STATE_DIRECTORY`).',
    ),
  on_exit: levelOr('keep').prefault('off').describe('Level at a clean stop: `off`, `on`, or `keep`.'),
  max_on: positiveDuration
    .optional()
    .describe(
      'Switched off after being on for this long, whoever switched it on; the time counts on over a restart of the service.',
    ),
  min_interval: positiveDuration
    .optional()
    .describe(
      'A command that would switch it sooner than this after its last switch is refused. Going off by itself (end of `for`, `max_on`, `on_disconnect`, `on_exit`) is never put off.',
    ),
  interlock: id
    .optional()
    .describe('Name of a group of outputs of which never two are on at once: before one goes on, the others go off.'),
  interlock_pause: duration
    .refine((ms) => ms >= 10 && ms <= 60_000, 'must be from 10ms, which a relay needs to let go, to 60s')
    .prefault('500ms')
    .describe('With `interlock`: the others have been off for at least this long when it goes on.'),
  on_disconnect: section({
    state: level.describe('`on` or `off`.'),
    after: duration.prefault('60s').describe('Grace time; a return within it changes nothing.'),
  })
    .optional()
    .describe('Level to take when the broker has been away for a while.'),
}).superRefine((value, context) => {
  if (value.max_on === undefined) return
  if (value.min_interval !== undefined && value.min_interval > value.max_on)
    clash(context, 'min_interval', 'max_on', 'must not be longer than max_on')
  if (value.on_exit === 'keep')
    clash(context, 'on_exit', 'max_on', 'must not be keep where max_on limits how long it may be on')
  for (const key of ['initial', 'on_exit'] as const) {
    if (value[key] !== 'on') continue
    clash(context, key, 'max_on', 'must not be on where max_on limits how long it may be')
  }
})

const gpio = section({
  backend: z
    .enum(['auto', 'onoff', 'chardev', 'mock'], { error: 'must be auto, onoff, chardev or mock' })
    .default('auto')
    .describe(
      '`onoff` for the real pins by sysfs, `chardev` for the same by the character device, `auto` for the first of these two that this machine has, and `chardev` where an input has `mode: counter`; `mock` for a board in memory.',
    ),
  mock_history: text
    .optional()
    .describe(
      'For tests with the board in memory: a file that every change of a line is appended to, as JSON. A process that finds it goes on with the outputs as they are there.',
    ),
  outputs: list(output).default([]).describe('Pins that commands drive.'),
  inputs: list(input).default([]).describe('Pins that are read.'),
})

const topics = section({
  sensors: topicPrefix.default('sensors/{node}').describe('Before a sensor’s metrics, `data` and `status`.'),
  devices: topicPrefix.default('devices/{node}').describe('Before `status`, `info` and `health`.'),
  gpio: topicPrefix
    .default('gpio')
    .describe('Before a pin’s `command`, `state` and `error`, or `total`, `rate` and `data`.'),
  alerts: topicPrefix.default('alerts/{node}').describe('Before the names of alerts.'),
})

const outbox = section({
  path: text
    .optional()
    .describe(
      'Folder on disk for records that the broker has not acknowledged. Default: `outbox` in `$STATE_DIRECTORY`, which systemd gives a service; without it, records wait in memory only.',
    ),
  max_records: whole(1, 10_000_000)
    .default(1_000_000)
    .describe(
      'JSON records that may wait for the broker; beyond it the oldest is dropped and counted. In memory only, at most 10000 wait.',
    ),
  max_bytes: size('1kB', '100GB')
    .prefault('256MB')
    .describe('The same by their size; the files on disk may take twice that for a while.'),
  max_age: positiveDuration
    .optional()
    .describe('Older records are dropped and counted instead of sent. Default: none.'),
  sync: duration
    .refine((ms) => ms <= 3_600_000, 'must be at most 1h')
    .prefault('1s')
    .describe(
      'What is written to disk is safe from a power cut after this; longer spares the card, `0s` syncs at each write.',
    ),
})

/** The whole file. */
export const configSchema = section({
  node: node.prefault({}).describe('Who this is.'),
  mqtt: mqttSchema.prefault({}).describe('The broker.'),
  sensors: list(sensor).default([]).describe('What is measured.'),
  gpio: gpio.prefault({}).describe('The pins.'),
  rules: list(rule).default([]).describe('What this node does by itself, with or without a broker.'),
  topics: topics.prefault({}).describe('Where things are published; `{node}` stands for the node’s id.'),
  outbox: outbox.prefault({}).describe('Records on their way to the broker.'),
  remote,
  home_assistant: homeAssistant.describe('Whether Home Assistant finds this node by itself.'),
})

/** What the schema yields. */
export type ParsedConfig = z.output<typeof configSchema>
export type MqttConfig = ParsedConfig['mqtt']
export type OutputConfig = ParsedConfig['gpio']['outputs'][number]
export type TopicsConfig = ParsedConfig['topics']
export type RemoteConfig = ParsedConfig['remote']

/** A loaded configuration: ids and client id filled in, `{node}` replaced in the prefixes, paths made absolute. */
export interface Config extends Omit<ParsedConfig, 'node' | 'mqtt' | 'sensors' | 'home_assistant' | 'rules'> {
  readonly node: { readonly id: string; readonly name?: string | undefined }
  readonly mqtt: MqttConfig & { readonly client_id: string }
  readonly sensors: readonly SensorConfig[]
  readonly rules: readonly RuleConfig[]
  /** Absent: Home Assistant is not told. */
  readonly home_assistant?: HomeAssistantConfig | undefined
}

function checkUrl(url: string, context: z.RefinementCtx): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || parsed.hostname === '' || parsed.port === '0') {
    context.addIssue('must be the address of a broker, such as mqtt://localhost:1883')
  } else if (parsed.protocol !== 'mqtt:' && parsed.protocol !== 'mqtts:') {
    context.addIssue('must begin with mqtt:// or mqtts://')
  } else if (parsed.username !== '' || parsed.password !== '') {
    context.addIssue('must carry no user name and password; use username and password_file')
  } else if (!['', '/'].includes(parsed.pathname) || parsed.search !== '' || parsed.hash !== '') {
    context.addIssue('must end after host and port')
  }
}
