/**
 * Every topic on which this configuration publishes what the broker keeps. What is kept and not among these is left over
 * from another configuration. Pure.
 */
import type { Config, RuleConfig, SensorConfig } from './config/schema.ts'
import type { Quantity } from './reading.ts'
import type { Telemetry } from './telemetry.ts'

/** `quantitiesOf`: what a sensor has, or may have where that is not known. */
export function keptTopics(
  {
    sensors,
    gpio,
    rules,
    home_assistant: homeAssistant,
  }: Pick<Config, 'sensors' | 'gpio' | 'rules' | 'home_assistant'>,
  telemetry: Telemetry,
  quantitiesOf: (sensor: SensorConfig) => readonly Quantity[],
): Set<string> {
  return new Set([
    ...telemetry.keptNodeTopics,
    ...sensors.flatMap((sensor) => telemetry.keptSensorTopics(sensor.id, quantitiesOf(sensor))),
    ...gpio.outputs.flatMap(({ pin }) => telemetry.keptPinTopics(pin, 'output')),
    ...gpio.inputs.flatMap(({ pin, mode }) => telemetry.keptPinTopics(pin, mode === 'counter' ? 'counter' : 'input')),
    ...rules.flatMap((rule) => ofRule(rule, telemetry)),
    ...(homeAssistant === undefined ? [] : [telemetry.discoveryTopic(homeAssistant.prefix)]),
  ])
}

/** Its alerts, and what it publishes to be kept. */
function ofRule({ then: actions, escalate }: RuleConfig, { alertTopic, publicationTopic }: Telemetry): string[] {
  return [...actions, ...(escalate?.then ?? [])].flatMap(({ alert, publish }) => [
    ...(alert === undefined ? [] : [alertTopic(alert)]),
    ...(publish?.retain === true ? [publicationTopic(publish.topic)] : []),
  ])
}
