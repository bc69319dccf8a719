import { afterEach, describe, expect, it } from 'vitest'
import { asJson, asTable, choose } from '../src/cli/read.ts'
import { type Clock, systemClock } from '../src/clock.ts'
import { parseConfig } from '../src/config/load.ts'
import type { Config } from '../src/config/schema.ts'
import { silentLog } from '../src/log.ts'
import { readOnce } from '../src/read-once.ts'
import type { Outcome } from '../src/read-outcome.ts'
import { FakeClock } from './fakes/fake-clock.ts'
import { fixture, machine, NEVER, removeMachines } from './fakes/machine.ts'
import { turned } from './fakes/turned.ts'

afterEach(removeMachines)

function configOf(sensors: string): Config {
  const { config, problems } = parseConfig(`node: { id: rpi001 }\nsensors: [${sensors}]\n`, '/x.yaml', {
    env: {},
    hostname: 'rpi001',
  })
  if (config === undefined || problems.length > 0) throw new Error(JSON.stringify(problems))
  return config
}

interface Circumstances {
  readonly root?: string
  readonly simulate?: boolean
  /** Turned until the end; by default time goes by, for real files, and faster than usual. */
  readonly clock?: FakeClock
}

async function read(config: Config, { root = '/nowhere', simulate = false, clock }: Circumstances = {}) {
  const options = { simulate, clock: clock ?? hasty(), log: silentLog(), root }
  const reading = readOnce(config.sensors, options, NEVER)
  return clock === undefined ? await reading : await turned(clock, reading)
}

/** Twenty seconds go by in one. */
function hasty(): Clock {
  return {
    now: () => Date.UTC(2026, 0, 1),
    monotonic: () => systemClock.monotonic() * 20,
    sleep: (ms, signal) => systemClock.sleep(ms / 20, signal),
    after: (ms, work) => systemClock.after(ms / 20, work),
  }
}

const valuesOf = (outcomes: readonly Outcome[]) => outcomes.map(({ reading }) => reading?.values)
const STEADY = 'metrics: { temperature: { shape: constant, value: 20.04, offset: 1, digits: 1 } }'

describe('reading once', () => {
  it('gives every sensor’s values after the agent’s filters, in the order of the file', async () => {
    const config = configOf(`
      { id: a, type: simulated, ${STEADY} },
      { id: b, type: simulated, metrics: { pressure: { shape: constant, value: 1000, scale: 1.01, median: 5 } } }`)
    expect(valuesOf(await read(config))).toEqual([{ temperature: 21 }, { pressure: 1010 }])
  })

  it('one that fails gives its reason, and the others their values', async () => {
    const config = configOf(`{ type: bme280 }, { id: b, type: simulated, ${STEADY} }, { id: c, type: iio, name: x }`)
    const outcomes = await read(config)
    expect(valuesOf(outcomes)).toEqual([undefined, { temperature: 21 }, undefined])
    expect(outcomes[0]?.error?.message).toMatch(/^bme280: there is no \/dev\/i2c-1/)
    expect(outcomes[2]?.error?.kind).toBe('not-found')
  })

  it('one that never answers is given up at its own deadline', async () => {
    const clock = new FakeClock()
    const config = configOf('{ type: simulated, hang_every: 1, timeout: 3s }')
    const [outcome] = await read(config, { clock })
    expect(outcome?.error?.message).toBe('no answer within 3000 ms')
    expect(clock.monotonic()).toBe(3000)
  })

  it('one that is read every hour is not waited for as long', async () => {
    const config = configOf('{ type: simulated, hang_every: 1, interval: 1h }')
    expect((await read(config, { clock: new FakeClock() }))[0]?.error?.message).toBe('no answer within 15000 ms')
  })

  it('asks again where the agent would: an empty answer is no failure until the third in a row', async () => {
    const clock = hasty()
    const begun = clock.monotonic()
    const folder = 'sys/devices/w1_bus_master1/28-0316a2795c1d'
    const root = await machine({
      [`${folder}/w1_slave`]: '',
      'sys/bus/w1/devices/28-0316a2795c1d': { to: '../../../devices/w1_bus_master1/28-0316a2795c1d' },
    })
    const [outcome] = await read(configOf('{ type: ds18b20 }'), { root })
    expect(outcome?.error?.kind).toBe('silent')
    expect(clock.monotonic() - begun).toBeGreaterThanOrEqual(2000) // two pauses of a second
  })

  it('reads below the root that it is given', async () => {
    const config = configOf('{ type: ds18b20 }, { id: b, type: iio, name: bme280 }')
    expect(valuesOf(await read(config, { root: fixture('w1-one') }))[0]).toEqual({ temperature: expect.any(Number) })
    expect(valuesOf(await read(config, { root: fixture('iio-bme280') }))[1]).toMatchObject({
      humidity: expect.any(Number),
    })
  })

  it('puts stand-ins in the place of hardware, where that is asked for', async () => {
    const outcomes = await read(configOf('{ type: bme280 }, { id: b, type: dht22, pin: 4 }'), { simulate: true })
    expect(outcomes.map(({ reading }) => Object.keys(reading?.values ?? {}))).toEqual([
      ['temperature', 'humidity', 'pressure'],
      ['temperature', 'humidity'],
    ])
  })

  it('ends when it is called off, and tells what it has', async () => {
    const controller = new AbortController()
    const clock = new FakeClock()
    const config = configOf(`{ type: simulated, hang_every: 1, timeout: 1h }, { id: b, type: simulated, ${STEADY} }`)
    const reading = readOnce(config.sensors, { simulate: false, clock, log: silentLog(), root: '/' }, controller.signal)
    await clock.advance(1000)
    controller.abort()
    const [hung, good] = await reading
    expect(hung).toEqual({ config: config.sensors[0] })
    expect(good?.reading?.values).toEqual({ temperature: 21 })
  })
})

describe('what is shown', () => {
  const SENSORS = `
    { type: bme280 },
    { id: hot, type: simulated, spike_every: 1, metrics: { temperature: {} , humidity: { shape: counter } } },
    { id: good, type: simulated, ${STEADY} }`

  it('is a line for each value, with its unit, or for the reason why there is none', async () => {
    const config = configOf(SENSORS)
    const lines = asTable(config, await read(config)).split('\n')
    expect(lines).toEqual([
      'SENSOR  TYPE       QUANTITY     VALUE',
      expect.stringMatching(/^rpi001 {2}bme280 {5}failed {7}bme280: there is no \/dev\/i2c-1; enable I2C/),
      'hot     simulated  humidity     0 %',
      expect.stringMatching(/^ {19}temperature {2}refused: \d+\.\d+ °C is out of range$/),
      'good    simulated  temperature  21 °C',
    ])
  })

  it('is, for machines, what is good and what is not', async () => {
    const config = configOf(SENSORS)
    expect(JSON.parse(asJson(config, await read(config)))).toEqual({
      node: 'rpi001',
      sensors: [
        { type: 'bme280', ok: false, kind: 'not-found', error: expect.stringContaining('/dev/i2c-1') },
        {
          id: 'hot',
          type: 'simulated',
          ok: false,
          timestamp: '2026-01-01T00:00:00.000Z',
          values: { humidity: 0 },
          rejected: [{ quantity: 'temperature', value: expect.any(Number), reason: 'out-of-range' }],
        },
        { id: 'good', type: 'simulated', ok: true, timestamp: '2026-01-01T00:00:00.000Z', values: { temperature: 21 } },
      ],
    })
  })

  it('says of a sensor that was called off that it was not read', () => {
    const config = configOf(SENSORS)
    const [sensor] = config.sensors
    if (sensor === undefined) throw new Error('there is one')
    expect(asTable(config, [{ config: sensor }])).toContain('failed    not read')
    expect(JSON.parse(asJson(config, [{ config: sensor }]))).toMatchObject({ sensors: [{ ok: false }] })
  })
})

describe('the sensor that is meant', () => {
  const config = configOf('{ type: bme280 }, { id: attic, type: system }, { id: aht20, type: system }')
  const chosen = (wanted: string | undefined) => {
    const choice = choose(config, wanted)
    return 'problem' in choice ? choice.problem : choice.sensors.map(({ id, type }) => id ?? type)
  }

  it.each([
    [undefined, ['bme280', 'attic', 'aht20']],
    ['attic', ['attic']],
    ['aht20', ['aht20']],
    ['bme280', ['bme280']],
    ['rpi001', ['bme280']],
  ])('%j', (wanted, sensors) => {
    expect(chosen(wanted)).toEqual(sensors)
  })

  it('can’t be one that is not there: the error names those that are', () => {
    expect(chosen('atic')).toBe(
      'no sensor atic: the configuration has bme280 (the node’s own), attic and aht20; did you mean attic?',
    )
    expect(chosen('zzz')).toBe('no sensor zzz: the configuration has bme280 (the node’s own), attic and aht20')
    expect(choose({ ...config, sensors: [] }, undefined)).toEqual({
      problem: 'the configuration has no sensors: add one below sensors:',
    })
  })
})
