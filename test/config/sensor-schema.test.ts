import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { schemaOfType, sensorSchema } from '../../src/config/sensor-schema.ts'
import { sensorType } from '../../src/sensors/sensor.ts'

const trial = sensorType({
  summary: 'a type with rules across its keys',
  options: () =>
    z
      .object({ low: z.number().default(0), high: z.number().default(9) })
      .refine(({ low, high }) => low < high, { error: 'low must be below high', path: ['low'] }),
  measures: { temperature: { min: 0, max: 50, digits: 1, typical: [18, 24] } },
  minIntervalMs: 2000,
  defaultIntervalMs: 90_000,
  hardware: false,
  metric: () =>
    z
      .object({ window: z.int().default(3) })
      .refine(({ window }) => window % 2 === 1, { error: 'must be odd', path: ['window'] }),
  open: () => Promise.reject(new Error('not to be opened')),
})

const schema = schemaOfType('trial', trial)
const messages = (value: object) =>
  (schema.safeParse({ type: 'trial', ...value }).error?.issues ?? []).map(({ path, message }) => [
    path.join('.'),
    message,
  ])

describe('the schema made of a sensor type', () => {
  it('has what every sensor has, with the defaults of the type', () => {
    expect(schema.parse({ type: 'trial' })).toEqual({ type: 'trial', interval: 90_000, metrics: {}, low: 0, high: 9 })
  })

  it('holds the shortest interval of the type', () => {
    expect(messages({ interval: '2s' })).toEqual([])
    expect(messages({ interval: '1999ms' })).toEqual([['interval', 'must be at least 2s for type trial']])
  })

  it('keeps the rules across keys that the type has', () => {
    expect(messages({ low: 9 })).toEqual([['low', 'low must be below high']])
    expect(messages({ metrics: { temperature: { window: 4 } } })).toEqual([
      ['metrics.temperature.window', 'must be odd'],
    ])
  })

  it('knows the quantities of the type alone', () => {
    expect(schema.safeParse({ type: 'trial', metrics: { humidity: {} } }).error?.issues).toMatchObject([
      { code: 'unrecognized_keys', keys: ['humidity'] },
    ])
  })
})

it('tells editors its durations as the file has them', () => {
  const { properties } = z.toJSONSchema(sensorSchema('bme280'), { io: 'input', unrepresentable: 'any' })
  expect(properties?.interval).toMatchObject({ type: 'string', default: '10s' })
})
