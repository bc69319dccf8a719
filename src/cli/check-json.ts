/** What a configuration yields, for a script: `sensor-node check --json`. Keys stay as they are; what does not apply is absent. */
import type { Config } from '../config/schema.ts'
import type { Problem } from '../errors.ts'
import { mayMeasure } from '../may-measure.ts'
import { sensorTypes } from '../sensors/index.ts'
import { createTelemetry } from '../telemetry.ts'

/** One that can't be used. */
export function badJson(file: string, problems: readonly Problem[]): string {
  return JSON.stringify({ file, ok: false, problems, warnings: [] }, undefined, 2)
}

/** @param outbox where it is kept */
export function goodJson(file: string, config: Config, warnings: readonly Problem[], outbox: string): string {
  const { node, mqtt, topics, remote, home_assistant: homeAssistant, gpio } = config
  const telemetry = createTelemetry({ node: node.id, topics, run: '' })
  const { url, client_id, username } = mqtt
  const named = (name: string | undefined): object => (name === undefined ? {} : { name })
  const report = {
    ...{ file, ok: true, problems: [], warnings },
    node: node.id,
    broker: { url, client_id, ...(username === undefined ? {} : { username }) },
    topics: Object.fromEntries(
      (['status', 'info', 'health'] as const).map((last) => [last, telemetry.nodeTopic(last)]),
    ),
    outbox,
    ...(remote === undefined || remote.actions.length === 0
      ? {}
      : { requests: { topic: telemetry.requestTopic, actions: remote.actions } }),
    ...(homeAssistant === undefined ? {} : { home_assistant: telemetry.discoveryTopic(homeAssistant.prefix) }),
    sensors: config.sensors.map((sensor) => {
      const quantities = mayMeasure(sensor)
      return {
        ...(sensor.id === undefined ? {} : { id: sensor.id }),
        ...{ type: sensor.type, interval: sensor.interval / 1000, quantities },
        topics: telemetry.sensorTopics(sensor.id, quantities),
      }
    }),
    gpio: gpio.backend,
    pins: [
      ...gpio.outputs.map(({ pin, name }) => ({
        ...{ pin, ...named(name), use: 'output', topics: telemetry.pinTopics(pin, 'output') },
      })),
      ...gpio.inputs.map(({ pin, name, mode }) => {
        const use = mode === 'counter' ? 'counter' : 'input'
        return { pin, ...named(name), use, topics: telemetry.pinTopics(pin, use) }
      }),
      ...config.sensors.flatMap((sensor) =>
        (sensorTypes[sensor.type].pins?.(sensor) ?? []).map((pin) => ({
          ...{ pin, use: 'sensor', sensor: sensor.id ?? sensor.type },
        })),
      ),
    ],
    rules: config.rules.map(({ id }) => id),
  }
  return JSON.stringify(report, undefined, 2)
}
