/** `sensor-node check`: every problem of a configuration, or the sensors, pins and topics that it yields. */
import { loadConfig } from '../config/load.ts'
import type { Config, RuleConfig } from '../config/schema.ts'
import { formatDuration } from '../config/values.ts'
import { ConfigError } from '../errors.ts'
import { mayMeasure } from '../may-measure.ts'
import { sensorTypes } from '../sensors/index.ts'
import { createTelemetry } from '../telemetry.ts'
import { badJson, goodJson } from './check-json.ts'
import { EXIT } from './exit-code.ts'
import { findConfig } from './find-config.ts'
import { loadEnvHere } from './load-env.ts'
import { outboxPlace } from './outbox-place.ts'
import { printWarnings } from './problems.ts'
import { table } from './table.ts'
import { stateFolder } from './world.ts'

/** Options of `check` as the command line gives them. */
export interface CheckFlags {
  readonly json?: boolean
}

/** @throws ConfigError with all problems */
export async function check(named: string | undefined, { json = false }: CheckFlags): Promise<number> {
  try {
    const file = await findConfig(named)
    const { config, warnings } = await loadConfig(file, await loadEnvHere(false))
    printWarnings(file, warnings)
    const outbox = outboxPlace(config.outbox, stateFolder())
    const text = json ? goodJson(file, config, warnings, outbox) : `${file} is good\n\n${describe(config, outbox)}`
    process.stdout.write(`${text}\n`)
    return EXIT.ok
  } catch (error) {
    if (json && error instanceof ConfigError) process.stdout.write(`${badJson(error.file, error.problems)}\n`)
    throw error
  }
}

const RELEASED = 'the kernel releases all lines at our end, and the board’s pulls decide'
const KEPT = 'outputs stay driven after our end'

/** What becomes of the pins, by backend. */
const AFTER_OUR_END: Readonly<Record<Config['gpio']['backend'] | 'auto with counters', string>> = {
  'auto with counters': `chardev, as there is a counter, ${RELEASED}`,
  auto: `onoff where this machine has it, ${KEPT}; else chardev, ${RELEASED}`,
  onoff: `GPIO by sysfs, ${KEPT}`,
  chardev: `the GPIO character device, ${RELEASED}`,
  mock: 'a board in memory',
}

function afterOurEnd({ backend, inputs }: Config['gpio']): string {
  const counts = backend === 'auto' && inputs.some(({ mode }) => mode === 'counter')
  return AFTER_OUR_END[counts ? 'auto with counters' : backend]
}

/** What a configuration yields, for a person. `outbox`: where it is kept. */
export function describe(config: Config, outbox: string): string {
  const telemetry = createTelemetry({ node: config.node.id, topics: config.topics, run: '' })
  const devices = ['status', 'info', 'health'].map((last) => `${config.topics.devices}/${last}`)
  const node: string[][] = [
    ['node', config.node.id],
    [
      'broker',
      `${config.mqtt.url} as ${config.mqtt.client_id}${config.mqtt.username === undefined ? '' : `, user ${config.mqtt.username}`}`,
    ],
    ['topics', devices.join('  ')],
    ['outbox', outbox],
    ...(config.remote === undefined || config.remote.actions.length === 0
      ? []
      : [['requests', `${telemetry.requestTopic}: ${config.remote.actions.join(', ')}`]]),
    ...(config.home_assistant === undefined
      ? []
      : [['Home Assistant', telemetry.discoveryTopic(config.home_assistant.prefix)]]),
    ...(config.gpio.outputs.length + config.gpio.inputs.length === 0
      ? []
      : [['pins', `${config.gpio.backend}: ${afterOurEnd(config.gpio)}`]]),
  ]
  const sensors = config.sensors.map((sensor) => {
    const quantities = mayMeasure(sensor)
    return [
      sensor.id ?? '(the node’s own)',
      sensor.type,
      `every ${formatDuration(sensor.interval)}`,
      telemetry.sensorTopics(sensor.id, quantities).join('  '),
    ]
  })
  const pins = [
    ...config.gpio.outputs.map((output) => [
      String(output.pin),
      output.name ?? '',
      `output, ${output.initial} at start, ${output.on_exit} at the end${output.interlock === undefined ? '' : `, interlock ${output.interlock}`}`,
      Object.values(telemetry.pinTopics(output.pin, 'output')).join('  '),
    ]),
    ...config.gpio.inputs.map((input) => [
      String(input.pin),
      input.name ?? '',
      input.mode === 'counter'
        ? `counter of ${input.edge} edges, every ${formatDuration(input.interval)}`
        : `input, ${formatDuration(input.debounce)} debounce`,
      Object.values(telemetry.pinTopics(input.pin, input.mode === 'counter' ? 'counter' : 'input')).join('  '),
    ]),
    ...config.sensors.flatMap((sensor) =>
      (sensorTypes[sensor.type].pins?.(sensor) ?? []).map((pin) => [
        String(pin),
        '',
        `data of ${sensor.id ?? sensor.type}`,
        '',
      ]),
    ),
  ]
  const rules = config.rules.map((rule) => [rule.id, conditionOf(rule), rule.then.map(describeAction).join(', ')])
  const parts = [table(node)]
  if (sensors.length > 0) parts.push(table([['SENSOR', 'TYPE', 'READ', 'TOPICS'], ...sensors]))
  if (pins.length > 0) parts.push(table([['PIN', 'NAME', 'USE', 'TOPICS'], ...pins]))
  if (rules.length > 0) parts.push(table([['RULE', 'WHEN', 'THEN'], ...rules]))
  return parts.join('\n\n')
}

function conditionOf({ when }: RuleConfig): string {
  const lasting = (ms: number | undefined): string => (ms === undefined || ms === 0 ? '' : ` for ${formatDuration(ms)}`)
  if (when.kind === 'offline') return `${when.sensor ?? 'the node’s own sensor'} is offline${lasting(when.offline)}`
  if (when.kind === 'pin') {
    const times = when.presses === undefined ? '' : `, ${when.presses} time${when.presses === 1 ? '' : 's'}`
    return `pin ${when.pin} becomes ${when.level === 1 ? 'on' : 'off'}${times}${lasting(when.held)}`
  }
  const { above, below } = when
  const limits = [
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(below === undefined ? [] : [`below ${below}`]),
  ]
  const inside = above !== undefined && below !== undefined && above < below
  const where = when.sensor === undefined ? '' : ` of ${when.sensor}`
  return `${when.metric}${where} ${limits.join(inside ? ' and ' : ' or ')}${lasting(when.for)}`
}

function describeAction({ alert, set, publish }: RuleConfig['then'][number]): string {
  const parts = [
    ...(alert === undefined ? [] : [`alert ${alert}`]),
    ...(set === undefined
      ? []
      : [`pin ${set.pin} ${set.state}${set.for === undefined ? '' : ` for ${formatDuration(set.for)}`}`]),
    ...(publish === undefined ? [] : [`publish on ${publish.topic}`]),
  ]
  return parts.join(', ')
}
