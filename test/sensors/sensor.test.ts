/** What a sensor type tells of its schemas without making them: nothing may say one thing here and another there. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { sensorTypes } from '../../src/sensors/index.ts'
import { sensorType } from '../../src/sensors/sensor.ts'

describe.each(Object.entries(sensorTypes))('the sensor type %s', (_, { options, metric, ownName, ownLimits }) => {
  it('says whether a name is an option of its own', () => {
    expect(ownName === true).toBe('name' in options.shape)
  })

  it('says whether limits of a metric are its own', () => {
    expect(ownLimits === true).toBe(metric !== undefined && 'min' in metric.shape && 'max' in metric.shape)
  })
})

describe('a schema of a sensor type', () => {
  const described = (made: string[]) => ({
    summary: 'a chip',
    options: () => {
      made.push('options')
      return z.object({ pin: z.int() })
    },
    measures: {},
    minIntervalMs: 1,
    defaultIntervalMs: 1,
    hardware: true,
    open: () => Promise.reject(new Error('not to be opened')),
  })

  it('is made when it is asked for, and once', () => {
    const made: string[] = []
    const type = sensorType(described(made))
    expect([made, 'options' in type, 'metric' in type]).toEqual([[], true, false])
    expect(type.options).toBe(type.options)
    expect(made).toEqual(['options'])
  })

  it('of its metrics, too', () => {
    const made: string[] = []
    const metric = () => {
      made.push('metric')
      return z.object({ min: z.number() })
    }
    const type = sensorType({ ...described(made), metric })
    expect([made, 'metric' in type]).toEqual([[], true])
    expect(type.metric).toBe(type.metric)
    expect(made).toEqual(['metric'])
  })
})
