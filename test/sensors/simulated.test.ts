import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { silentLog } from '../../src/log.ts'
import { QUANTITIES, QUANTITY_NAMES, type Sample } from '../../src/reading.ts'
import { type Sensor, type SensorEnv, type SensorType, sensorType } from '../../src/sensors/sensor.ts'
import { simulated, standIn } from '../../src/sensors/simulated.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const idle = new AbortController().signal

function envOf(clock: FakeClock, name = 'trial'): SensorEnv {
  return { clock, log: silentLog(), root: '/nowhere', name }
}

/** Options as the config gives them: parsed, with each metric parsed by the type's own schema. */
function optionsOf(options: object, metrics: Record<string, object> = {}) {
  const parsed = Object.entries(metrics).map(([quantity, own]) => [quantity, simulated.metric?.parse(own)])
  return { ...simulated.options.parse(options), metrics: Object.fromEntries(parsed) }
}

async function draw(metric: object, timesMs: readonly number[]): Promise<(number | undefined)[]> {
  const clock = new FakeClock()
  const sensor = await simulated.open(optionsOf({}, { temperature: metric }), envOf(clock))
  const values: (number | undefined)[] = []
  for (const time of timesMs) {
    await clock.advance(time - clock.monotonic())
    values.push((await sensor.read(idle)).temperature)
  }
  return values
}

async function readMany(sensor: Sensor, count: number): Promise<Sample[]> {
  const samples: Sample[] = []
  for (let n = 0; n < count; n += 1) samples.push(await sensor.read(idle))
  return samples
}

function failureOf(sensor: Sensor): Promise<unknown> {
  return sensor.read(idle).then(
    () => 'no failure',
    (error: unknown) => error,
  )
}

const wave = { min: 20, max: 30, period: '8s' }

describe('a simulated signal', () => {
  it('stands still as a constant, at the value or in the middle of min and max', async () => {
    expect(await draw({ shape: 'constant', value: 7 }, [0, 1000, 9000])).toEqual([7, 7, 7])
    expect(await draw({ shape: 'constant', min: 20, max: 30 }, [0, 9000])).toEqual([25, 25])
  })

  it('rises as a ramp from min towards max, and starts again', async () => {
    expect(await draw({ ...wave, shape: 'ramp' }, [0, 2000, 4000, 7999, 8000, 10_000])).toEqual([
      20, 22.5, 25, 29.99875, 20, 22.5,
    ])
  })

  it('swings as a sine from the middle to max, then to min', async () => {
    const values = await draw({ ...wave, shape: 'sine' }, [0, 2000, 4000, 6000, 8000, 8000 + 2000 / 3])
    expect(values.map((value) => Number(value?.toFixed(9)))).toEqual([25, 30, 25, 20, 25, 27.5])
  })

  it('is a sine of one minute where the config says nothing of its shape', async () => {
    const values = await draw({ min: 20, max: 30 }, [0, 15_000, 45_000])
    expect(values.map((value) => Number(value?.toFixed(9)))).toEqual([25, 30, 20])
  })

  it('steps from min to max in the middle of a period', async () => {
    expect(await draw({ ...wave, shape: 'step' }, [0, 3999, 4000, 7999, 8000])).toEqual([20, 20, 30, 30, 20])
  })

  it('counts reads from 0 as a counter, whatever the time and its min and max', async () => {
    expect(await draw({ ...wave, shape: 'counter' }, [0, 1, 2, 90_000])).toEqual([0, 1, 2, 3])
  })

  it('takes its phase from the first opening, on the monotonic clock alone', async () => {
    const clock = new FakeClock()
    await clock.advance(5000)
    const sensor = await simulated.open(optionsOf({}, { temperature: { ...wave, shape: 'ramp' } }), envOf(clock))
    clock.step(-3_600_000)
    await clock.advance(4000)
    expect(await sensor.read(idle)).toEqual({ temperature: 25 })
  })

  it('keeps its usual width where only one end is given and lies beyond the usual other one', async () => {
    expect(await draw({ shape: 'step', min: 100, period: '2s' }, [0, 1000])).toEqual([100, 105])
    expect(await draw({ shape: 'step', max: -10, period: '2s' }, [0, 1000])).toEqual([-15, -10])
    expect(await draw({ shape: 'step', min: 20, period: '2s' }, [0, 1000])).toEqual([20, 24])
  })
})

describe('a random signal', () => {
  const many = { random: { shape: 'random', min: 20, max: 30 } }
  const open = (name: string, quantities: readonly string[] = ['temperature']) =>
    simulated.open(
      optionsOf({}, Object.fromEntries(quantities.map((quantity) => [quantity, many.random]))),
      envOf(new FakeClock(), name),
    )

  it('gives the same sequence again for the same sensor', async () => {
    expect(await readMany(await open('attic'), 20)).toEqual(await readMany(await open('attic'), 20))
  })

  it('gives another sequence to another sensor, and to another quantity of the same one', async () => {
    const attic = await readMany(await open('attic', ['temperature', 'humidity']), 5)
    const cellar = await readMany(await open('cellar', ['temperature', 'humidity']), 5)
    expect(attic.map(({ temperature }) => temperature)).not.toEqual(cellar.map(({ temperature }) => temperature))
    expect(attic.map(({ temperature }) => temperature)).not.toEqual(attic.map(({ humidity }) => humidity))
  })

  it('stays inside min and max, and uses all the room between', async () => {
    const values = (await readMany(await open('attic'), 400)).map(({ temperature }) => temperature ?? Number.NaN)
    expect(values.every((value) => value >= 20 && value < 30)).toBe(true)
    const tenths = new Set(values.map((value) => Math.floor(value)))
    expect([...tenths].sort()).toEqual([20, 21, 22, 23, 24, 25, 26, 27, 28, 29])
    expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(25, 0)
  })

  it('goes on where it was after a reopen', async () => {
    const options = optionsOf({}, { temperature: many.random })
    const env = envOf(new FakeClock(), 'attic')
    const first = await simulated.open(options, env)
    const before = await readMany(first, 3)
    await first.close()
    const after = await readMany(await simulated.open(options, env), 3)
    expect([...before, ...after]).toEqual(await readMany(await open('attic'), 6))
  })
})

describe('a simulated sensor', () => {
  it('has temperature and humidity where the config lists no metrics', async () => {
    const sensor = await simulated.open(optionsOf({}), envOf(new FakeClock()))
    expect(sensor.quantities).toEqual(['temperature', 'humidity'])
    expect(await sensor.read(idle)).toEqual({ temperature: 21.5, humidity: 47.5 })
  })

  it('has what the config lists, and no more', async () => {
    const sensor = await simulated.open(optionsOf({}, { co2: {}, pressure: {} }), envOf(new FakeClock()))
    expect([...sensor.quantities].sort()).toEqual(['co2', 'pressure'])
    expect(Object.keys(await sensor.read(idle)).sort()).toEqual(['co2', 'pressure'])
  })

  it('can draw every quantity, inside its range and with its digits', async () => {
    const everything = Object.fromEntries(QUANTITY_NAMES.map((quantity) => [quantity, { shape: 'random' }]))
    const sensor = await simulated.open(optionsOf({}, everything), envOf(new FakeClock()))
    for (const sample of await readMany(sensor, 20)) {
      for (const quantity of QUANTITY_NAMES) {
        const { min, max, digits } = QUANTITIES[quantity]
        expect(simulated.measures[quantity]).toMatchObject({ min, max, digits })
        expect(sample[quantity], quantity).toBeGreaterThanOrEqual(min)
        expect(sample[quantity], quantity).toBeLessThanOrEqual(max)
      }
    }
  })

  it('has no range for a counter, and one for every other shape', () => {
    const { metric, unbounded: rule } = simulated
    const unbounded = (shape: string) => metric !== undefined && rule?.(metric.parse({ shape }))
    expect(unbounded('counter')).toBe(true)
    for (const shape of ['constant', 'ramp', 'sine', 'step', 'random']) expect(unbounded(shape), shape).toBe(false)
  })

  it('refuses a read whose deadline has passed, without using up a count', async () => {
    const sensor = await simulated.open(optionsOf({}, { count: { shape: 'counter' } }), envOf(new FakeClock()))
    const reason = new Error('too late')
    await expect(sensor.read(AbortSignal.abort(reason))).rejects.toBe(reason)
    expect(await sensor.read(idle)).toEqual({ count: 0 })
  })
})

describe('a fault on demand', () => {
  it('fails every Nth read, and says that it was asked to', async () => {
    const sensor = await simulated.open(optionsOf({ fail_every: 3 }), envOf(new FakeClock()))
    for (const number of [3, 6]) {
      await readMany(sensor, 2)
      expect(await failureOf(sensor)).toMatchObject({
        name: 'SensorError',
        kind: 'simulated',
        ordinary: false,
        message: `read ${number} failed on demand, because of fail_every: 3`,
      })
    }
  })

  it('fails every read at fail_every: 1', async () => {
    const sensor = await simulated.open(optionsOf({ fail_every: 1 }), envOf(new FakeClock()))
    expect(await failureOf(sensor)).toMatchObject({ kind: 'simulated' })
    expect(await failureOf(sensor)).toMatchObject({ kind: 'simulated' })
  })

  it('counts successful reads only, over every reopen that a failure brings', async () => {
    const options = optionsOf({ fail_every: 3 }, { count: { shape: 'counter' } })
    const counted: unknown[] = []
    let sensor = await simulated.open(options, envOf(new FakeClock()))
    for (let n = 1; n <= 9; n += 1) {
      const outcome = await sensor.read(idle).catch(() => 'failed')
      counted.push(typeof outcome === 'string' ? outcome : outcome.count)
      if (outcome !== 'failed') continue
      await sensor.close()
      sensor = await simulated.open(options, envOf(new FakeClock()))
    }
    expect(counted).toEqual([0, 1, 'failed', 2, 3, 'failed', 4, 5, 'failed'])
  })

  it('keeps the phase over a reopen, too', async () => {
    const clock = new FakeClock()
    const options = optionsOf({}, { temperature: { ...wave, shape: 'ramp' } })
    await (await simulated.open(options, envOf(clock))).close()
    await clock.advance(4000)
    expect(await (await simulated.open(options, envOf(clock))).read(idle)).toEqual({ temperature: 25 })
  })

  it('shares nothing between two sensors that are configured alike', async () => {
    const one = await simulated.open(
      optionsOf({ fail_every: 2 }, { count: { shape: 'counter' } }),
      envOf(new FakeClock()),
    )
    const two = await simulated.open(
      optionsOf({ fail_every: 2 }, { count: { shape: 'counter' } }),
      envOf(new FakeClock()),
    )
    expect(await one.read(idle)).toEqual({ count: 0 })
    expect(await two.read(idle)).toEqual({ count: 0 })
  })

  it('hangs every Nth read until the abort, rejects with its reason and leaves no listener behind', async () => {
    const sensor = await simulated.open(
      optionsOf({ hang_every: 2 }, { count: { shape: 'counter' } }),
      envOf(new FakeClock()),
    )
    const deadline = new AbortController()
    expect(await sensor.read(deadline.signal)).toEqual({ count: 0 })
    expect(getEventListeners(deadline.signal, 'abort')).toHaveLength(0)

    let settled = false
    const hanging = sensor.read(deadline.signal)
    const watched = hanging.catch(() => {}).finally(() => (settled = true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(settled).toBe(false)
    const reason = new Error('no result within 2000 ms')
    deadline.abort(reason)
    await expect(hanging).rejects.toBe(reason)
    await watched
    expect(getEventListeners(deadline.signal, 'abort')).toHaveLength(0)

    expect(await sensor.read(idle)).toEqual({ count: 1 })
  })

  it('fails where a read is due to fail and to hang', async () => {
    const sensor = await simulated.open(optionsOf({ fail_every: 1, hang_every: 1 }), envOf(new FakeClock()))
    expect(await failureOf(sensor)).toMatchObject({ kind: 'simulated' })
  })

  it.each(QUANTITY_NAMES)('makes a spike of %s that lies outside its range', async (quantity) => {
    const sensor = await simulated.open(optionsOf({ spike_every: 2 }, { [quantity]: {} }), envOf(new FakeClock()))
    const [good, spike] = await readMany(sensor, 2)
    const { min, max } = QUANTITIES[quantity]
    expect(good?.[quantity]).toBeGreaterThanOrEqual(min)
    expect(good?.[quantity]).toBeLessThanOrEqual(max)
    expect(Number.isFinite(spike?.[quantity])).toBe(true)
    expect(spike?.[quantity]).toBeGreaterThan(max)
  })

  it('lets a counter count on through a spike', async () => {
    const metrics = { count: { shape: 'counter' }, temperature: { shape: 'constant', value: 20 } }
    const sensor = await simulated.open(optionsOf({ spike_every: 2 }, metrics), envOf(new FakeClock()))
    const [first, spike, third] = await readMany(sensor, 3)
    expect(first).toEqual({ count: 0, temperature: 20 })
    expect(spike?.count).toBe(1)
    expect(spike?.temperature).toBeGreaterThan(QUANTITIES.temperature.max)
    expect(third).toEqual({ count: 2, temperature: 20 })
  })
})

describe('the schema of a simulated sensor', () => {
  const complaints = (schema: z.ZodObject, value: object) =>
    schema.safeParse(value).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)

  it.each([
    ['fail_every', 0, 'must be at least 1'],
    ['hang_every', 1.5, 'must be a whole number'],
    ['spike_every', '3', 'must be a whole number'],
  ])('refuses %s: %s', (key, value, message) => {
    expect(complaints(simulated.options, { [key]: value })).toEqual([`${key}: ${message}`])
  })

  it.each([
    ['shape', 'triangle', 'must be constant, ramp, sine, step, random or counter'],
    ['period', 5, 'must be a duration with its unit, such as 500ms, 10s, 5m, 2h or 7d'],
    ['period', '0s', 'must be longer than 0'],
    ['min', 'low', 'must be a number'],
    ['max', null, 'must be a number'],
    ['value', true, 'must be a number'],
  ])('refuses %s: %s below a metric', (key, value, message) => {
    expect(complaints(simulated.metric ?? z.object(), { [key]: value })).toEqual([`${key}: ${message}`])
  })

  it('describes every key, for the reference that is made from it', () => {
    const shapes = { ...simulated.options.shape, ...simulated.metric?.shape }
    for (const [key, schema] of Object.entries(shapes)) expect(schema.description, key).toBeTruthy()
  })
})

describe('the stand-in for hardware', () => {
  const chip = sensorType({
    summary: 'a chip',
    options: () => z.object({ address: z.int().default(0x76) }),
    measures: {
      temperature: { min: -40, max: 85, digits: 2, typical: [19, 24] },
      humidity: { min: 0, max: 100, digits: 1, typical: [35, 60] },
    },
    minIntervalMs: 100,
    defaultIntervalMs: 10_000,
    hardware: true,
    open: () => Promise.reject(new Error('the hardware was touched')),
  })
  const replaced = standIn(chip as unknown as SensorType) // as the registry holds it
  const options = () => ({ address: 0x76, metrics: {} })

  it('keeps everything of the type but its opening', () => {
    const { open, ...rest } = replaced
    const { open: own, ...expected } = chip
    expect(rest).toEqual(expected)
    expect(open).not.toBe(own)
  })

  it('measures all that the type measures, and touches no hardware', async () => {
    const sensor = await replaced.open(options(), envOf(new FakeClock()))
    expect(sensor.quantities).toEqual(['temperature', 'humidity'])
    expect(await sensor.read(idle)).toEqual({ temperature: 21.5, humidity: 47.5 })
  })

  it('swings slowly through what is typical, each quantity at its own pace', async () => {
    const clock = new FakeClock()
    const sensor = await replaced.open(options(), envOf(clock))
    const samples: Sample[] = []
    for (let minute = 0; minute < 60; minute += 1) {
      samples.push(await sensor.read(idle))
      await clock.advance(60_000)
    }
    const temperatures = samples.map(({ temperature }) => temperature ?? Number.NaN)
    const humidities = samples.map(({ humidity }) => humidity ?? Number.NaN)
    expect(Math.min(...temperatures)).toBeGreaterThanOrEqual(19)
    expect(Math.max(...temperatures)).toBeLessThanOrEqual(24)
    expect(Math.max(...temperatures) - Math.min(...temperatures)).toBeGreaterThan(4)
    expect(Math.min(...humidities)).toBeGreaterThanOrEqual(35)
    expect(Math.max(...humidities)).toBeLessThanOrEqual(60)
    const steps = temperatures.slice(1).map((value, n) => Math.abs(value - (temperatures[n] ?? Number.NaN)))
    expect(Math.max(...steps)).toBeLessThan(2)
    const back = 10 // minutes: one whole wave of the first quantity, and not of the second
    expect(temperatures[back]).toBeCloseTo(21.5, 9)
    expect(Math.abs((humidities[back] ?? Number.NaN) - 47.5)).toBeGreaterThan(1)
  })

  it('goes on where it was after a reopen', async () => {
    const clock = new FakeClock()
    const same = options()
    await (await replaced.open(same, envOf(clock))).close()
    await clock.advance(150_000)
    const sample = await (await replaced.open(same, envOf(clock))).read(idle)
    expect(sample.temperature).toBeCloseTo(24, 9)
  })

  it('refuses a read whose deadline has passed', async () => {
    const sensor = await replaced.open(options(), envOf(new FakeClock()))
    const reason = new Error('too late')
    await expect(sensor.read(AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})
