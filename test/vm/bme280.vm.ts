/** The BME280 by the real i2c-bus and bme280-sensor, on a bus that fails as a Pi's does: never a made-up number. */
import { readdirSync } from 'node:fs'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { SensorError } from '../../src/errors.ts'
import { silentLog } from '../../src/log.ts'
import { bme280 } from '../../src/sensors/bme280.ts'
import type { Sensor } from '../../src/sensors/sensor.ts'
import type { AgentProcess } from '../fakes/agent-process.ts'
import { runAs } from './agent.ts'
import { defaultWeather, pokeBme280, setBme280, weather } from './hardware.ts'
import { clearRetained, type Subscriber, subscribe } from './subscriber.ts'

const CYCLES = 500
const PLACE = { bus: 1, address: 0x76, driver: 'user', metrics: {} } as const
/** BST-BME280-DS002, section 5.3: the identification, and the eight bytes of a measurement. */
const ID = 0xd0
const DATA = 0xf7
/** What stands there where a measurement was skipped (section 5.4.7 and following). */
const SKIPPED = [0x80, 0, 0, 0x80, 0, 0, 0x80, 0]

const open = (): Promise<Sensor> =>
  bme280.open(PLACE, { clock: systemClock, log: silentLog(), root: '/', name: 'attic' })
const read = (sensor: Sensor) => sensor.read(AbortSignal.timeout(10_000))
/** The kind of the SensorError; another error, or none, fails the test. */
async function kindOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    (value) => expect.fail(`no error but ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(SensorError)
  return error instanceof SensorError ? error.kind : ''
}

const repairs: (() => unknown)[] = []
afterEach(async () => {
  for (const repair of repairs.splice(0).reverse()) await repair()
  setBme280('present', 1)
  setBme280('fail_count', 0)
})

describe('a BME280 on a kernel’s bus', () => {
  let sensor: Sensor
  const start = async (): Promise<void> => {
    sensor = await open()
    repairs.push(() => sensor.close())
  }

  it('gives what the datasheet’s example gives, and follows the weather', async () => {
    await start()
    expect(sensor.quantities).toEqual(['temperature', 'humidity', 'pressure'])
    const sample = await read(sensor)
    expect(sample.temperature).toBeCloseTo(25.08, 2)
    expect(sample.pressure).toBeCloseTo(1006.53, 2)
    expect(sample.humidity).toBeCloseTo(43.81, 1)
    repairs.push(defaultWeather)
    weather(-20, 95, 700)
    const cold = await read(sensor)
    expect(cold.temperature).toBeCloseTo(-20, 1)
    expect(cold.pressure).toBeCloseTo(700, 0)
    expect(cold.humidity).toBeCloseTo(95, 0)
  })

  it('a chip that is unplugged gives an error, and no number after it is plugged in again, asleep', async () => {
    await start()
    await read(sensor)
    setBme280('present', 0)
    expect(await kindOf(read(sensor))).toBe('not-found')
    setBme280('present', 1)
    // Asleep, it would answer 26.46 °C and 820 hPa without any error.
    const outcome = await read(sensor).catch((error: unknown) => error)
    if (outcome instanceof Error) expect(outcome).toBeInstanceOf(SensorError)
    else expect(outcome).toMatchObject({ temperature: expect.closeTo(25.08, 2), pressure: expect.closeTo(1006.53, 2) })
  })

  it('a transfer that fails in the middle of a read is an error, wherever it is, and the next read is good', async () => {
    await start()
    let failures = 0
    // Later and later: the first transfers take 4 ms each, so that the failure meets each of them once.
    for (let wait = 0; wait < 10; wait += 1) {
      const reading = read(sensor).catch((error: unknown) => error)
      await new Promise((resolve) => setTimeout(resolve, wait * 3))
      setBme280('fail_count', 1)
      const outcome = await reading
      setBme280('fail_count', 0)
      if (outcome instanceof SensorError) failures += 1
      else expect(outcome).toMatchObject({ temperature: expect.closeTo(25.08, 2) })
      await expect(read(sensor)).resolves.toMatchObject({ temperature: expect.closeTo(25.08, 2) })
    }
    expect(failures).toBeGreaterThan(0)
  })

  it.each([
    { what: 'another chip', id: 0x61, says: '0x61' },
    { what: 'a bus that is stuck high', id: 0xff, says: '0xff' },
    { what: 'a bus that is stuck low', id: 0x00, says: '0x00' },
  ])('$what is refused at open', async ({ id, says }) => {
    repairs.push(pokeBme280(ID, [id]))
    const error = await open().then(
      () => expect.fail('it was opened'),
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(SensorError)
    expect(String(error)).toContain(says)
  })

  it('a chip without humidity says so, and never has any', async () => {
    repairs.push(pokeBme280(ID, [0x58]))
    await start()
    expect(sensor.quantities).toEqual(['temperature', 'pressure'])
    expect(Object.keys(await read(sensor)).toSorted()).toEqual(['pressure', 'temperature'])
  })

  it.each([
    { what: 'skipped', data: SKIPPED },
    { what: 'all ones', data: Array<number>(8).fill(0xff) },
    { what: 'all zeros', data: Array<number>(8).fill(0) },
  ])('a measurement that is $what is an error and no number', async ({ data }) => {
    await start()
    repairs.push(pokeBme280(DATA, data))
    await kindOf(read(sensor))
  })

  it('a bus that hangs is given up at the deadline', async () => {
    await start()
    setBme280('delay_ms', 1000)
    const reading = sensor.read(AbortSignal.timeout(300)).then(
      () => 'a number',
      (error: unknown) => (error instanceof Error ? error.name : error),
    )
    expect(await reading).toBe('TimeoutError')
    setBme280('delay_ms', 0)
  })

  it(`${CYCLES} times unplugged and opened again, it leaves no descriptor behind`, async () => {
    const descriptors = (): number => readdirSync('/proc/self/fd').length
    await (await open()).close()
    const before = descriptors()
    for (let cycle = 0; cycle < CYCLES; cycle += 1) {
      const one = await open()
      setBme280('present', 0)
      // Every other one fails already while it is opened.
      if (cycle % 2 === 0) await kindOf(read(one))
      else await kindOf(open())
      await one.close()
      setBme280('present', 1)
    }
    expect(descriptors()).toBe(before)
  })
})

describe('the agent with a BME280 that is unplugged', () => {
  let agent: AgentProcess
  let subscriber: Subscriber
  beforeEach(async () => {
    subscriber = await subscribe()
    agent = runAs(
      'pi',
      `
node: { id: rpi001 }
mqtt: { url: 'mqtt://localhost:1883' }
sensors:
  - { id: attic, type: bme280, interval: 1s }
  - { id: trial, type: simulated, interval: 1s, metrics: { temperature: { shape: sine, min: 20, max: 30, period: 1m } } }
`,
    )
  })
  afterAll(async () => {
    await agent.end('SIGKILL')
    await subscriber.end()
    clearRetained()
  })

  it('says offline of that sensor alone, reads the others, and comes back by itself with right numbers', async () => {
    await subscriber.until('sensors/rpi001/attic/status', 'online')
    await subscriber.until('sensors/rpi001/attic/data')
    setBme280('present', 0)
    await subscriber.until('sensors/rpi001/attic/status', 'offline')
    subscriber.clear()
    await subscriber.until('sensors/rpi001/trial/data')
    await subscriber.until('sensors/rpi001/trial/data')
    setBme280('present', 1)
    await subscriber.until('sensors/rpi001/attic/status', 'online')
    const first = await subscriber.until('sensors/rpi001/attic/data', /^/, 'past')
    expect(JSON.parse(first.payload)).toMatchObject({ temperature: 25.08, humidity: 43.8, pressure: 1006.53 })
    const told = subscriber.messages.filter(({ topic }) => topic.endsWith('/trial/status'))
    expect(told).toEqual([])
  })
})
