import { expect, it } from 'vitest'
import { parseConfig } from '../src/config/load.ts'
import { topicsLeftBehind } from '../src/left-behind.ts'
import { telemetry } from './fakes/link.ts'

function left(before: string, after: string): string[] {
  const [from, to] = [before, after].map((text) => parseConfig(text, 'config.yaml', { env: {}, hostname: 'n1' }).config)
  if (from === undefined || to === undefined) throw new Error('a configuration is wrong')
  return topicsLeftBehind(from, to, telemetry)
}

it('what is retained of a sensor or pin that is gone is left behind, and nothing of those that stay', () => {
  expect(
    left(
      'sensors: [{ type: dht11, pin: 4 }, { id: a, type: dht11, pin: 5 }]\ngpio: { outputs: [{ pin: 17 }, { pin: 22 }], inputs: [{ pin: 27 }] }',
      'sensors: [{ type: dht11, pin: 4 }]\ngpio: { outputs: [{ pin: 17, name: LED }] }',
    ),
  ).toEqual([
    'sensors/n1/a/temperature',
    'sensors/n1/a/humidity',
    'sensors/n1/a/status',
    'gpio/22/state',
    'gpio/27/state',
  ])
})

it('so are the quantities that a sensor of another type lacks, and the state of an input that counts now', () => {
  expect(
    left(
      'sensors: [{ id: a, type: bme280 }]\ngpio: { inputs: [{ pin: 27 }, { pin: 5, mode: counter }] }',
      'sensors: [{ id: a, type: dht11, pin: 4 }]\ngpio: { inputs: [{ pin: 27, mode: counter }], outputs: [{ pin: 5 }] }',
    ),
  ).toEqual(['sensors/n1/a/pressure', 'gpio/27/state', 'gpio/5/total', 'gpio/5/rate'])
})
