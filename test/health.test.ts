import { describe, expect, it } from 'vitest'
import { type BrokerHealth, createHealth, type Health } from '../src/health.ts'
import { FakeClock } from './fakes/fake-clock.ts'

const SECOND = 1000
const rejected = { quantity: 'temperature', value: 999, reason: 'out-of-range' } as const

function bench(): {
  clock: FakeClock
  health: Health
  broker: { -readonly [K in keyof BrokerHealth]: BrokerHealth[K] }
} {
  const clock = new FakeClock(Date.UTC(2026, 0, 1))
  const broker = { connected: true, reconnects: 0, lastError: undefined, queued: 0, dropped: {} }
  return { clock, broker, health: createHealth(clock, () => broker) }
}

describe('stuck', () => {
  it('is nobody at first, and nobody who beats in time', async () => {
    const { clock, health } = bench()
    expect(health.stuck()).toEqual([])
    for (let times = 0; times < 10; times += 1) {
      health.beat('sensor attic', 5 * SECOND)
      await clock.advance(5 * SECOND)
      expect(health.stuck()).toEqual([])
    }
  })

  it('is every loop that has missed its own allowance, by name, until it beats again', async () => {
    const { clock, health } = bench()
    health.beat('a', SECOND)
    health.beat('b', 3 * SECOND)
    health.beat('c', 60 * SECOND)
    await clock.advance(SECOND + 1)
    expect(health.stuck()).toEqual(['a'])
    await clock.advance(2 * SECOND)
    expect(health.stuck()).toEqual(['a', 'b'])
    health.beat('a', SECOND)
    expect(health.stuck()).toEqual(['b'])
  })

  it('is not a matter of the wall clock', () => {
    const { clock, health } = bench()
    health.beat('a', SECOND)
    clock.step(86_400_000)
    expect(health.stuck()).toEqual([])
  })

  it('is not a loop that has ended as it should', async () => {
    const { clock, health } = bench()
    health.beat('a', SECOND)
    health.beat('b', SECOND)
    health.ended('a')
    await clock.advance(2 * SECOND)
    expect(health.stuck()).toEqual(['b'])
  })

  it('is not a matter of the broker', () => {
    const { broker, health } = bench()
    health.beat('a', SECOND)
    Object.assign(broker, { connected: false, lastError: 'away', queued: 10_000 })
    expect(health.stuck()).toEqual([])
  })
})

describe('the status line', () => {
  it('counts two sensors of one name: the id of one may be the type of the other', () => {
    const { health } = bench()
    health.sensor('bme280', undefined, 'bme280').status('online')
    health.sensor('bme280', 'bme280', 'bme280').status('offline')
    expect(health.line()).toBe('online, 1 sensor ok, failing: bme280, 0 queued')
    expect(health.report()).toMatchObject({ sensors: [{ status: 'online' }, { id: 'bme280', status: 'offline' }] })
  })

  it('of a node without troubles', () => {
    const { health } = bench()
    for (const key of ['attic', 'board', 'bme280']) health.sensor(key, key, 'simulated').status('online')
    expect(health.line()).toBe('online, 3 sensors ok, 0 queued')
  })

  it('knows one from many, and does not count a sensor that has said nothing yet', () => {
    const { health } = bench()
    health.sensor('attic', 'attic', 'dht11').status('online')
    health.sensor('board', 'board', 'system')
    expect(health.line()).toBe('online, 1 sensor ok, 0 queued')
  })

  it('names what fails, and forgets it when it works again', () => {
    const { health, broker } = bench()
    Object.assign(broker, { connected: false, queued: 42 })
    const attic = health.sensor('attic', 'attic', 'dht11')
    attic.status('offline')
    health.sensor('dht22', undefined, 'dht22').status('offline')
    health.pin(17, 'busy')
    health.pin(4, 'busy')
    expect(health.line()).toBe('broker away, 0 sensors ok, failing: attic dht22, pins failing: 17 4, 42 queued')
    attic.status('online')
    health.pin(17, undefined)
    health.pin(4, undefined)
    expect(health.line()).toBe('broker away, 1 sensor ok, failing: dht22, 42 queued')
  })
})

describe('a configuration that was not taken over', () => {
  it('is in the status line by its first problem, and in the report whole, until one is', () => {
    const { health } = bench()
    health.config(['c.yaml:1:1: a: unknown key'])
    expect(health.line()).toBe('online, 0 sensors ok, 0 queued, config not reloaded: c.yaml:1:1: a: unknown key')
    health.config(['c.yaml:1:1: a: unknown key', 'c.yaml:2:1: b: unknown key'])
    expect(health.line()).toMatch(/config not reloaded: c.yaml:1:1: a: unknown key …$/)
    expect(health.report()).toMatchObject({ config_error: 'c.yaml:1:1: a: unknown key\nc.yaml:2:1: b: unknown key' })
    health.config([])
    expect([health.line(), health.report()]).toEqual([
      'online, 0 sensors ok, 0 queued',
      expect.not.objectContaining({ config_error: expect.anything() }),
    ])
  })

  it('with a thousand problems is told by twenty and their number', () => {
    const { health } = bench()
    health.config(Array.from({ length: 1000 }, (_, index) => `problem ${index}`))
    const { config_error: error } = health.report() as { config_error: string } // as made above
    expect([error.split('\n').length, error.split('\n').at(-1)]).toEqual([21, 'and 980 more'])
  })
})

describe('the report', () => {
  it('has no sensor and no counter that is gone', () => {
    const { health } = bench()
    const attic = health.sensor('attic', 'attic', 'dht11')
    health.sensor('board', 'board', 'system')
    health.counter(5, { pulses: 7, unseen: 0, outages: 0 })
    attic.gone()
    health.counter(5, undefined)
    expect(health.report()).toMatchObject({ sensors: [{ id: 'board' }] })
    expect(health.report()).not.toHaveProperty('counters')
  })

  it('tells time, memory, sensors, pins and the way to the broker', async () => {
    const { clock, broker, health } = bench()
    const attic = health.sensor('attic', 'attic', 'dht11')
    await clock.advance(10 * SECOND)
    attic.failed(new Error('no answer'))
    attic.ok([])
    attic.ok([rejected, rejected])
    attic.status('online')
    Object.assign(broker, { reconnects: 2, lastError: 'nothing listens', queued: 7, dropped: { full: 3 } })
    await clock.advance(5 * SECOND)
    expect(health.report()).toEqual({
      timestamp: '2026-01-01T00:00:15.000Z',
      uptime: 15,
      memory: { rss: expect.any(Number), heap_used: expect.any(Number) },
      sensors: [{ id: 'attic', type: 'dht11', status: 'online', ok: 2, failed: 1, rejected: 2, age: 5 }],
      pins: {},
      outbox: { depth: 7, dropped: { full: 3 } },
      reconnects: 2,
      last_error: 'nothing listens',
    })
  })

  it('has no age where there was no good read, and says the last error until the next one', () => {
    const { health } = bench()
    const own = health.sensor('bme280', undefined, 'bme280')
    expect(health.report()).toMatchObject({ sensors: [{ type: 'bme280', status: 'starting', ok: 0, failed: 0 }] })
    own.failed(new Error('nothing answers at 0x76'))
    own.status('offline')
    const [sensor] = (health.report() as { sensors: object[] }).sensors // as made above
    expect(sensor).toEqual({
      ...{ type: 'bme280', status: 'offline', ok: 0, failed: 1, rejected: 0 },
      error: 'nothing answers at 0x76',
    })
  })

  it('names the pins that fail, with their reason', () => {
    const { health } = bench()
    health.pin(22, 'held by "gpio-keys"')
    expect(health.report()).toMatchObject({ pins: { 22: 'held by "gpio-keys"' } })
  })

  it('says of each counter what it has come to, and nothing of counters where there are none', () => {
    const { health } = bench()
    expect(health.report()).not.toHaveProperty('counters')
    health.counter(5, { pulses: 7, unseen: 0, outages: 0 })
    health.counter(5, { pulses: 1200, unseen: 100, outages: 1 })
    expect(health.report()).toMatchObject({ counters: { 5: { pulses: 1200, unseen: 100, outages: 1 } } })
  })

  it('has an uptime that no jump of the wall clock changes', async () => {
    const { clock, health } = bench()
    await clock.advance(60 * SECOND)
    clock.step(-86_400_000)
    expect(health.report()).toMatchObject({ uptime: 60, timestamp: '2025-12-31T00:01:00.000Z' })
  })
})
