/** Rules on a clock that is turned, with pins and a broker that note what they are told. */
import type { Command } from '../../src/command.ts'
import { parseConfig } from '../../src/config/load.ts'
import type { RuleConfig } from '../../src/config/schema.ts'
import { createRules, type Rules } from '../../src/rules/rules.ts'
import { createTelemetry, type Message } from '../../src/telemetry.ts'
import { FakeClock } from './fake-clock.ts'
import { type RecordingLog, recordLog } from './recording-log.ts'

/** What rules may be about in tests: the node's own sensor, one in the attic, inputs 27 and 5, outputs 17 to 24. */
const HOUSE = `
sensors:
  - { type: bme280 }
  - { id: attic, type: simulated }
gpio:
  outputs: [{ pin: 17 }, { pin: 22 }, { pin: 23 }, { pin: 24 }]
  inputs: [{ pin: 27 }, { pin: 5 }]
rules:
`

/** The rules of a file; the test has a fault where it does not load. */
export function rulesOf(yaml: string): readonly RuleConfig[] {
  const { config, problems } = parseConfig(`${HOUSE}${yaml}`, 'config.yaml', { env: {}, hostname: 'pi' })
  if (config === undefined || problems.length > 0) throw new Error(problems.map(({ message }) => message).join('\n'))
  return config.rules
}

export interface RulesBench extends RecordingLog {
  readonly clock: FakeClock
  readonly rules: Rules
  /** What the pins were ordered, as `17 on` or `17 toggle 5000`, in order, since it was asked for last. */
  ordered(): string[]
  /** What was published, as `topic payload`, since it was asked for last; of alerts and events, what happened. */
  told(): string[]
  /** The last payload of a topic. */
  last(topic: string): string | undefined
  /** All messages. */
  readonly messages: readonly Message[]
  /** Retained messages as a broker that is never away would have them. */
  retained(): string[]
  /** A press of a button on a pin, so long, and then nothing for a while. */
  press(pin: number, ms?: number, afterMs?: number): Promise<void>
}

export interface Parts {
  readonly clock?: FakeClock
  /** What becomes of an order. */
  readonly set?: (pin: number, command: Command) => Promise<unknown>
  readonly connected?: () => boolean
  readonly unsynchronised?: () => boolean
  readonly file?: string
}

export async function startRules(yaml: string, parts: Parts = {}): Promise<RulesBench> {
  const { clock = new FakeClock(), set = async () => {}, connected = () => false, unsynchronised = () => false } = parts
  const recording = recordLog()
  const { log } = recording
  const topics = { sensors: 'sensors/pi', devices: 'devices/pi', gpio: 'gpio', alerts: 'alerts/pi' }
  const telemetry = createTelemetry({ node: 'pi', topics, run: 'k3f9' })
  const messages: Message[] = []
  const orders: string[] = []
  let asked = 0
  let orderAsked = 0
  const rules = createRules({
    ...{ clock, log, telemetry, connected, unsynchronised, file: parts.file, rules: rulesOf(yaml) },
    publish: (message) => messages.push(message),
    store: (message) => messages.push(message),
    set(pin, command) {
      const { state, forMs } = command
      orders.push(`${pin} ${state}${forMs === undefined ? '' : ` ${forMs}`}`)
      return set(pin, command)
    },
    debounceMs: (pin) => (pin === 27 || pin === 5 ? 20 : undefined),
    onChange: () => {},
  })
  await rules.start()
  return {
    ...recording,
    clock,
    rules,
    messages,
    ordered() {
      const since = orders.slice(orderAsked)
      orderAsked = orders.length
      return since
    },
    told() {
      const since = messages.slice(asked)
      asked = messages.length
      return since.map(shown)
    },
    last: (topic) => messages.findLast((message) => message.topic === topic)?.payload,
    retained() {
      const kept = new Map(messages.filter(({ retain }) => retain).map((message) => [message.topic, message.payload]))
      return [...kept].filter(([, payload]) => payload !== '').map(([topic]) => topic)
    },
    async press(pin, ms = 100, afterMs = 100) {
      rules.level(pin, 1)
      await clock.advance(ms)
      rules.level(pin, 0)
      await clock.advance(afterMs)
    },
  }
}

function shown({ topic, payload, retain }: Message): string {
  if (topic.endsWith('/alert')) {
    const { event, alert, count } = JSON.parse(payload)
    return `${topic} ${event} ${alert} ${count}`
  }
  if (!topic.startsWith('alerts/')) return `${topic} ${payload}`
  return `${topic} ${payload === '' ? 'cleared' : `count ${JSON.parse(payload).count}`}${retain ? '' : ' not retained'}`
}
