/** The simulated BME280 by the kernel's own driver, bmp280: `type: iio`, and `type: bme280` with each `driver`. */
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { SensorError } from '../../src/errors.ts'
import type { Logger } from '../../src/log.ts'
import { bme280 } from '../../src/sensors/bme280.ts'
import { iio } from '../../src/sensors/iio-sensor.ts'
import type { Driver } from '../../src/sensors/kernel-driver.ts'
import type { Sensor } from '../../src/sensors/sensor.ts'
import type { AgentProcess } from '../fakes/agent-process.ts'
import { recordLog } from '../fakes/recording-log.ts'
import { runAs } from './agent.ts'
import { defaultWeather, pokeBme280, setBme280, weather } from './hardware.ts'
import { until } from './service.ts'
import { clearRetained, type Subscriber, subscribe } from './subscriber.ts'

const BUS = '/sys/bus/i2c/devices/i2c-1'
const CLIENT = '1-0076'
/** BST-BME280-DS002, section 5.3: the eight bytes of a measurement. */
const DATA = 0xf7
const EXAMPLE = {
  temperature: expect.closeTo(25.08, 2),
  humidity: expect.closeTo(43.81, 1),
  pressure: expect.closeTo(1006.53, 2),
}

/** What the overlay does at boot. */
function bind(): void {
  writeFileSync(`${BUS}/new_device`, 'bme280 0x76')
  expect(existsSync(`/sys/bus/i2c/drivers/bmp280/${CLIENT}`)).toBe(true)
}
function unbind(): void {
  if (existsSync(`/sys/bus/i2c/devices/${CLIENT}`)) writeFileSync(`${BUS}/delete_device`, '0x76')
}

const opened: Sensor[] = []
const env = (log: Logger) => ({ clock: systemClock, log, root: '/', name: 'attic' })
async function openIio(): Promise<Sensor> {
  const sensor = await iio.open({ name: 'bme280', metrics: {} }, env(recordLog().log))
  opened.push(sensor)
  return sensor
}
/** The sensor, and how it is read. */
async function openBme280(driver: Driver): Promise<{ sensor: Sensor; told: string[] }> {
  const { log, told } = recordLog()
  const sensor = await bme280.open({ bus: 1, address: 0x76, driver, metrics: {} }, env(log))
  opened.push(sensor)
  return { sensor, told: told('debug') }
}
const read = (sensor: Sensor) => sensor.read(AbortSignal.timeout(30_000))
async function errorOf(work: Promise<unknown>): Promise<SensorError> {
  const error = await work.then(
    (value) => expect.fail(`no error but ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  )
  if (error instanceof SensorError) return error
  throw new Error('not a SensorError', { cause: error })
}

beforeAll(() => {
  execFileSync('modprobe', ['bmp280-i2c'])
})
afterEach(async () => {
  for (const sensor of opened.splice(0)) await sensor.close()
  unbind()
  setBme280('present', 1)
  setBme280('fail_count', 0)
  defaultWeather()
})

describe('a BME280 that the kernel reads', () => {
  it('by type: iio gives what the datasheet’s example gives, and follows the weather', async () => {
    bind()
    const sensor = await openIio()
    expect(sensor.quantities).toEqual(['temperature', 'humidity', 'pressure'])
    expect(await read(sensor)).toEqual(EXAMPLE)
    weather(-20, 95, 700)
    const cold = await read(sensor)
    expect(cold.temperature).toBeCloseTo(-20, 1)
    expect(cold.humidity).toBeCloseTo(95, 0)
    expect(cold.pressure).toBeCloseTo(700, 0)
  })

  it.each(['auto', 'kernel'] as const)('is read by its driver with type: bme280, driver: %s', async (driver) => {
    bind()
    const { sensor, told } = await openBme280(driver)
    expect(told).toContain('debug IIO device found')
    expect(await read(sensor)).toEqual(EXAMPLE)
  })

  it('is refused to driver: user, with who has it', async () => {
    bind()
    const { message } = await errorOf(openBme280('user'))
    expect(message).toMatch(/0x76.*driver/)
  })

  it('is not there without its driver: type: iio and driver: kernel say so, with the overlay line', async () => {
    expect(await errorOf(openIio())).toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('dtoverlay'),
    })
    expect(await errorOf(openBme280('kernel'))).toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('dtoverlay=i2c-sensor,bme280,addr=0x76'),
    })
  })

  it('is read by our own driver with driver: auto where the kernel does not have it, to the same values', async () => {
    const { sensor, told } = await openBme280('auto')
    expect(told).toContain('debug chip identified')
    expect(await read(sensor)).toEqual(EXAMPLE)
  })

  it.each([
    { what: 'skipped', data: [0x80, 0, 0, 0x80, 0, 0, 0x80, 0] },
    { what: 'all ones', data: Array<number>(8).fill(0xff) },
    { what: 'all zeros', data: Array<number>(8).fill(0) },
  ])('a measurement that is $what is an error and no number', async ({ data }) => {
    bind()
    const sensor = await openIio()
    const repair = pokeBme280(DATA, data)
    await errorOf(read(sensor))
    repair()
    expect(await read(sensor)).toEqual(EXAMPLE)
  })

  it('a transfer that fails is an error, and the next read is good', async () => {
    bind()
    const sensor = await openIio()
    setBme280('fail_count', -1)
    expect((await errorOf(read(sensor))).kind).toBe('bus')
    setBme280('fail_count', 0)
    expect(await read(sensor)).toEqual(EXAMPLE)
  })

  it('a chip that lost its power between two reads gives an error or the right values', async () => {
    bind()
    const sensor = await openIio()
    await read(sensor)
    setBme280('present', 0)
    setBme280('present', 1)
    const outcome = await read(sensor).catch((error: unknown) => error)
    if (outcome instanceof Error) expect(outcome).toBeInstanceOf(SensorError)
    else expect(outcome).toEqual(EXAMPLE)
  })
})

describe('the agent with a BME280 that the kernel reads', () => {
  let agent: AgentProcess
  let subscriber: Subscriber
  const start = async (sensors: string): Promise<void> => {
    bind()
    subscriber = await subscribe()
    agent = runAs('pi', `node: { id: rpi001 }\nmqtt: { url: 'mqtt://localhost:1883' }\nsensors:\n${sensors}`)
  }
  afterEach(async () => {
    await agent.end('SIGKILL')
    await subscriber.end()
    clearRetained()
  })
  afterAll(unbind)

  const status = (id: string, level: string) => subscriber.until(`sensors/rpi001/${id}/status`, level, 'past')
  const skipped = () => execFileSync('dmesg', { encoding: 'utf8' }).split('reading temperature skipped').length
  const temperatures = () =>
    subscriber.messages.filter(({ topic }) => topic.endsWith('/temperature')).map(({ payload }) => payload)

  it('unplugged it is offline and says what its driver will need, and after that it is back by itself', async () => {
    await start(`
  - { id: kernel, type: iio, name: bme280, interval: 1s }
  - { id: attic, type: bme280, interval: 1s }`)
    for (const id of ['kernel', 'attic']) await status(id, 'online')
    subscriber.clear()
    setBme280('present', 0)
    for (const id of ['kernel', 'attic']) await status(id, 'offline')
    subscriber.clear()
    // A driver that missed the chip does not set it up; what it reads from that one is no measurement, and told as none.
    const before = skipped()
    setBme280('present', 1)
    await until('the driver has read from it', () => skipped() > before)
    const [, command] = /have its driver set it up again: ([^"]*? tee unbind bind)/.exec(agent.output()) ?? []
    expect(command).toBeDefined()
    expect(temperatures()).toEqual([])
    execFileSync('sh', ['-c', String(command)], { stdio: 'pipe' })
    for (const id of ['kernel', 'attic']) {
      await status(id, 'online')
      const { payload } = await subscriber.until(`sensors/rpi001/${id}/data`, /^/, 'past')
      expect(JSON.parse(payload)).toMatchObject({ temperature: 25.08, pressure: 1006.53 })
    }
    expect(new Set(temperatures())).toEqual(new Set(['25.08']))
  })

  it('driver: auto follows when the kernel lets go of it, and when the kernel takes it again', async () => {
    await start('  - { id: attic, type: bme280, interval: 1s }')
    await status('attic', 'online')
    for (const change of [unbind, bind]) {
      subscriber.clear()
      change()
      await status('attic', 'offline')
      await status('attic', 'online')
    }
    await subscriber.until('sensors/rpi001/attic/data')
    expect(new Set(temperatures())).toEqual(new Set(['25.08']))
  })
})
