/**
 * Topics that a configuration spoke on and the next one does not: whatever is retained there is nobody's any more.
 * Pure; called by the agent after a reload.
 */
import type { Config } from './config/schema.ts'
import { sensorTypes } from './sensors/index.ts'
import type { Telemetry } from './telemetry.ts'

type Topics = Pick<Telemetry, 'sensorTopics' | 'pinTopics'>

/** The retained topics of `before` that `after` lacks. */
export function topicsLeftBehind(before: Config, after: Config, telemetry: Topics): string[] {
  const still = new Set(retainedTopics(after, telemetry))
  return retainedTopics(before, telemetry).filter((topic) => !still.has(topic))
}

function retainedTopics({ sensors, gpio }: Config, { sensorTopics, pinTopics }: Topics): string[] {
  const all = [
    ...sensors.flatMap(({ id, type }) => sensorTopics(id, Object.keys(sensorTypes[type].measures))),
    ...gpio.outputs.flatMap(({ pin }) => Object.values(pinTopics(pin, 'output'))),
    ...gpio.inputs.flatMap(({ pin, mode }) => Object.values(pinTopics(pin, mode === 'counter' ? 'counter' : 'input'))),
  ]
  return all.filter((topic) => !/\/(data|command|error|result)$/.test(topic))
}
