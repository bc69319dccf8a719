import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { told } from './told.ts'

const file = (keys: string, backend = 'auto'): string =>
  `gpio:\n  backend: ${backend}\n  inputs: [{ pin: 5, ${keys} }]\n`
const problemsOf = (keys: string, backend?: string): readonly string[] => told(file(keys, backend)).problems

function inputOf(keys: string): object | undefined {
  const { config } = parseConfig(file(keys), '/etc/sensor-node/config.yaml', { env: {}, hostname: 'h' })
  return config?.gpio.inputs[0]
}

describe('an input with mode: counter', () => {
  it('needs nothing more than that', () => {
    expect(inputOf('mode: counter')).toEqual({
      ...{ pin: 5, active_low: false, mode: 'counter', debounce: 0, edge: 'rising', interval: 10_000 },
      ...{ per_pulse: 1, pulses_per_unit: undefined, unit: undefined, offset: 0 },
      rate: { per: 'second', scale: 1, idle: 300_000 },
    })
  })

  it('takes all that there is to say of a meter', () => {
    const keys = [
      'mode: counter, name: Meter, active_low: true, pull: up, debounce: 2ms, edge: falling, interval: 1m',
      'pulses_per_unit: 1000, unit: kWh, offset: 4500.4, rate: { per: hour, scale: 1000, unit: W, idle: 10m }',
    ].join()
    expect(inputOf(keys)).toMatchObject({
      ...{ name: 'Meter', active_low: true, pull: 'up', debounce: 2, edge: 'falling', interval: 60_000 },
      ...{ pulses_per_unit: 1000, unit: 'kWh', offset: 4500.4 },
      rate: { per: 'hour', scale: 1000, unit: 'W', idle: 600_000 },
    })
  })

  it.each([
    ['mode: count', 'mode: must be state or counter; it is count (did you mean counter?)'],
    ['mode: counter, edge: both', 'edge: must be rising or falling; it is both'],
    ['mode: counter, interval: 100ms', 'interval: must be at least 1s; it is 100ms'],
    ['mode: counter, per_pulse: 0', 'per_pulse: must be at least 0.000000001; it is the number 0'],
    ['mode: counter, pulses_per_unit: 0.5', 'pulses_per_unit: must be a whole number; it is the number 0.5'],
    ['mode: counter, rate: { per: day }', 'rate.per: must be second, minute or hour; it is day'],
    ['mode: counter, rate: { scale: -1 }', 'rate.scale: must be more than 0; it is the number -1'],
    ['mode: counter, rate: { idle: 0s }', 'rate.idle: must be at least 1s; it is 0s'],
    ['mode: counter, rate: hour', 'rate: must be a section with keys of its own; it is hour'],
    ['mode: counter, per_puls: 2', 'per_puls: unknown key (did you mean per_pulse?)'],
  ])('%s is refused', (keys, reason) => {
    const problems = problemsOf(keys)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(reason)
  })

  it('says in one way only what a pulse is', () => {
    expect(problemsOf('mode: counter, per_pulse: 2, pulses_per_unit: 3')).toEqual([
      '3:68 gpio.inputs[0].pulses_per_unit: must not stand beside per_pulse: remove one of them; it is 3, and gpio.inputs[0].per_pulse at 3:48 is 2',
    ])
  })

  it('is an error with onoff, with the way out', () => {
    expect(problemsOf('mode: counter', 'onoff')).toEqual([
      '3:28 gpio.inputs[0].mode: can’t be had with gpio.backend: onoff, as sysfs loses edges (set gpio.backend: chardev, or auto, which then takes it)',
    ])
  })

  it.each(['auto', 'chardev', 'mock'])('is none with %s', (backend) => {
    expect(problemsOf('mode: counter', backend)).toEqual([])
  })

  it('makes auto take a backend that sets pulls: no warning of these, at any input', () => {
    const text = 'gpio: { inputs: [{ pin: 5, mode: counter, pull: up }, { pin: 27, pull: up }] }\n'
    expect(told(text)).toEqual({ problems: [], warnings: [] })
  })

  it('has topics of its own, which nothing else may have', () => {
    const sensor = 'sensors: [{ id: "5", type: simulated, metrics: { rate: {} } }]\ntopics: { sensors: gpio }\n'
    expect(told(`${sensor}${file('mode: counter')}`).problems.join()).toContain('the topic gpio/5/rate, which is taken')
    expect(told(`${sensor}${file('mode: state')}`).problems).toEqual([])
  })
})

describe('an input whose level is told', () => {
  it('is what an input is without a mode', () => {
    expect(inputOf('name: Door')).toEqual({ pin: 5, name: 'Door', active_low: false, mode: 'state', debounce: 20 })
  })

  it.each([
    'edge: rising',
    'interval: 10s',
    'per_pulse: 1',
    'pulses_per_unit: 1',
    'unit: mm',
    'offset: 0',
    'rate: { per: hour }',
  ])('has no use for %s, and says what is missing', (key) => {
    const problems = problemsOf(key)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(new RegExp(`inputs\\[0\\]\\.${key.split(':')[0]}: needs mode: counter beside it`))
  })
})
