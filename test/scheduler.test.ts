import { describe, expect, it } from 'vitest'
import type { Clock } from '../src/clock.ts'
import { SensorError } from '../src/errors.ts'
import { FakeClock } from './fakes/fake-clock.ts'
import { createRandom, startLoop } from './fakes/loop-bench.ts'
import type { Turn } from './fakes/scripted-sensor.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const bus = new SensorError('bus', 'a transfer failed')
const silent = new SensorError('silent', 'no answer')

describe('the rate', () => {
  it('reads at once, and then exactly at whole intervals for a day, however long each read takes', async () => {
    const clock = new FakeClock()
    const random = createRandom()
    const loop = startLoop(clock, { read: () => ({ ms: random() * 9999 }) })
    await clock.advance(DAY)
    await loop.stop()
    expect(loop.sensor.reads.length).toBe(DAY / (10 * SECOND) + 1)
    const drift = loop.sensor.reads.map((at, tick) => Math.abs(at - tick * 10 * SECOND))
    expect(Math.max(...drift)).toBeLessThan(1e-3)
    expect(loop.sensor.misuses).toEqual([])
  })

  it('keeps to whole intervals where the interval is no whole number of milliseconds', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, {}, { intervalMs: 100 / 3, retryMs: 10 })
    await clock.advance(10 * SECOND)
    await loop.stop()
    expect(loop.sensor.reads.length).toBeGreaterThanOrEqual(300)
    expect(loop.sensor.reads.length).toBeLessThanOrEqual(301)
  })

  it('skips ticks after a slow read and never bursts', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { read: (turn) => (turn === 1 ? { ms: 35 * SECOND } : {}) }, { timeoutMs: MINUTE })
    await clock.advance(80 * SECOND)
    await loop.stop()
    expect(loop.sensor.reads).toEqual([0, 10, 50, 60, 70, 80].map((s) => s * SECOND))
    expect(loop.sensor.misuses).toEqual([])
  })

  it('does not read again at once after a read that takes exactly one interval', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { read: (turn) => (turn === 0 ? { ms: 10 * SECOND } : {}) }, { timeoutMs: MINUTE })
    await clock.advance(30 * SECOND)
    await loop.stop()
    expect(loop.sensor.reads).toEqual([0, 20, 30].map((s) => s * SECOND))
  })

  it('is not moved when the wall clock jumps, and each sample has the time at which it was there', async () => {
    const clock = new FakeClock(1_000_000)
    const loop = startLoop(clock, { read: () => ({ ms: 20 }) })
    await clock.advance(10 * SECOND)
    clock.step(HOUR)
    await clock.advance(SECOND)
    await loop.stop()
    expect(loop.samples).toEqual([
      { sample: { temperature: 1 }, at: 1_000_020, monotonic: 20 },
      { sample: { temperature: 2 }, at: 1_010_020 + HOUR, monotonic: 10_020 },
    ])
  })

  it('is not moved by a slow open', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { open: () => ({ ms: 700 }) })
    await clock.advance(20 * SECOND)
    await loop.stop()
    expect(loop.sensor.reads).toEqual([700, 10_000, 20_000])
  })
})

describe('ordinary failures', () => {
  const sequence =
    (...turns: Turn[]) =>
    (turn: number): Turn =>
      turns[turn] ?? {}
  const miss = { throws: silent }

  it('two and then a good read: never offline, retried soon, not reopened', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { read: sequence({}, miss, miss, {}) })
    await clock.advance(25 * SECOND)
    await loop.stop()
    expect(loop.events.filter((event) => event !== 'sample')).toEqual(['open', 'online', 'failed', 'failed'])
    expect(loop.sensor.reads).toEqual([0, 10, 11, 12, 20].map((s) => s * SECOND))
    expect(loop.sensor.opens.length).toBe(1)
  })

  it('three in a row: offline without a reopen, then at the interval, online at the next good read', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { read: sequence({}, miss, miss, miss, miss, {}) })
    await clock.advance(45 * SECOND)
    await loop.stop()
    expect(loop.sensor.reads).toEqual([0, 10, 11, 12, 20, 30, 40].map((s) => s * SECOND))
    expect(loop.events).toEqual([
      ...['open', 'sample', 'online'],
      ...['failed', 'failed', 'failed', 'offline', 'failed'],
      ...['sample', 'online', 'sample'],
    ])
    expect(loop.sensor.opens.length).toBe(1)
    expect(loop.sensor.closes.length).toBe(1)
  })

  it('count in a row only: one good read between them begins the count again', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { read: (turn) => (turn % 3 === 2 ? {} : miss) })
    await clock.advance(10 * MINUTE)
    await loop.stop()
    expect(loop.events).not.toContain('offline')
  })

  it('wait for the tick where that is sooner than a retry', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { read: sequence({ ms: 5 * SECOND, ...miss }) }, { retryMs: 6 * SECOND })
    await clock.advance(15 * SECOND)
    await loop.stop()
    expect(loop.sensor.reads).toEqual([0, 10 * SECOND])
  })

  it('never bring two reads closer together than the sensor bears: the tick right after a retry is skipped', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { read: sequence({}, miss) }, { intervalMs: 5 * SECOND, retryMs: 3 * SECOND })
    await clock.advance(20 * SECOND)
    await loop.stop()
    expect(loop.sensor.reads).toEqual([0, 5, 8, 15, 20].map((s) => s * SECOND))
  })

  it('of sensors that began soon after each other come in one moment, and never sooner than an interval', async () => {
    const clock = new FakeClock()
    await clock.advance(1001)
    const first = startLoop(clock, {}, { intervalMs: SECOND, retryMs: 10 })
    await clock.advance(70)
    const second = startLoop(clock, {}, { intervalMs: SECOND, retryMs: SECOND })
    const slow = startLoop(clock, {}, { intervalMs: 2 * SECOND, retryMs: 10 })
    const quick = startLoop(clock, {}, { intervalMs: 20, retryMs: 10 })
    await clock.advance(3.1 * SECOND)
    for (const loop of [first, second, slow, quick]) await loop.stop()
    expect(first.sensor.reads).toEqual([1001, 2100, 3100, 4100])
    expect(second.sensor.reads).toEqual([1071, 2100, 3100, 4100])
    expect(slow.sensor.reads).toEqual([1071, 3100])
    expect(quick.sensor.reads.slice(0, 4)).toEqual([1071, 1100, 1120, 1140])
  })

  it('a sensor that is read as often as it bears misses no tick for a timer that is late', async () => {
    const clock = new FakeClock()
    const late: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      sleep: (ms, signal) => clock.sleep(ms + 5, signal),
      after: (ms, work) => clock.after(ms + 5, work),
    }
    const loop = startLoop(clock, {}, { clock: late, intervalMs: 3 * SECOND, retryMs: 3 * SECOND })
    await clock.advance(9.5 * SECOND)
    await loop.stop()
    expect(loop.sensor.reads).toEqual([0, 3005, 6005, 9005])
  })
})

describe('faults', () => {
  it.each<[string, unknown, Partial<SensorError>]>([
    ['a SensorError as it is', bus, { kind: 'bus', message: 'a transfer failed' }],
    ['a TypeError of the driver', new TypeError('x is not a function'), { kind: 'bus' }],
    ['a string', 'no luck', { kind: 'bus', message: 'the driver failed: no luck' }],
    ['undefined in a promise', null, { kind: 'bus', message: 'the driver failed: null' }],
  ])('%s takes the sensor offline, closes it, opens it again', async (_, thrown, expected) => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { read: (turn) => (turn === 1 ? { throws: thrown } : {}) })
    await clock.advance(10 * SECOND)
    expect(loop.events).toEqual(['open', 'sample', 'online', 'failed', 'offline'])
    expect(loop.sensor.closes).toEqual([10 * SECOND])
    await clock.advance(SECOND)
    await loop.stop()
    expect(loop.failures[0]).toMatchObject(expected)
    expect(loop.events.slice(5)).toEqual(['open', 'sample', 'online'])
    expect(loop.sensor.misuses).toEqual([])
  })

  it.each(['open', 'read'] as const)(
    'a driver whose %s throws before it returns a promise is no surprise',
    async (step) => {
      const clock = new FakeClock()
      const loop = startLoop(clock, { [step]: (turn: number) => (turn === 0 ? { throws: 'early', atOnce: true } : {}) })
      await clock.advance(SECOND)
      await loop.stop()
      expect(loop.failures.map(({ message }) => message)).toEqual(['the driver failed: early'])
      expect(loop.events.at(-1)).toBe('online')
    },
  )

  it('the back-off doubles from 1 s to 5 min, and begins again after a good read', async () => {
    const clock = new FakeClock()
    const good = 12
    const loop = startLoop(clock, { read: (turn) => (turn === good ? {} : { throws: bus }) })
    await clock.advance(HOUR)
    await loop.stop()
    const waits = loop.sensor.opens.slice(1).map((at, index) => (at - (loop.sensor.closes[index] ?? 0)) / SECOND)
    expect(waits.slice(0, 15)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 1, 2, 4])
  })

  it('the back-off grows where the open itself fails, too, and the fault is the sensor’s alone', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { open: (turn) => (turn < 5 ? { throws: new Error('ENOENT') } : {}) })
    await clock.advance(31 * SECOND)
    await loop.stop()
    expect(loop.sensor.opens.map((at) => at / SECOND)).toEqual([0, 1, 3, 7, 15, 31])
    expect(loop.events).toEqual([
      ...['failed', 'offline', 'failed', 'failed', 'failed', 'failed'],
      ...['open', 'sample', 'online'],
    ])
  })

  it('reads that fail after an open that works back off as well', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { read: () => ({ throws: bus }) })
    await clock.advance(7 * SECOND)
    await loop.stop()
    expect(loop.sensor.opens.map((at) => at / SECOND)).toEqual([0, 1, 3, 7])
  })

  it('a failure is told before the status that it causes, and a sample before the status that ends it', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { read: (turn) => (turn === 0 ? { throws: bus } : {}) })
    await clock.advance(SECOND)
    await loop.stop()
    expect(loop.events).toEqual(['open', 'failed', 'offline', 'open', 'sample', 'online'])
  })

  it('are logged when they begin, when they change their kind and when they end, with a count', async () => {
    const clock = new FakeClock()
    const other = new SensorError('not-found', 'nothing answers')
    const loop = startLoop(clock, { read: (turn) => (turn < 3 ? { throws: bus } : turn < 5 ? { throws: other } : {}) })
    await clock.advance(MINUTE)
    await loop.stop()
    expect(loop.lines.filter(({ level }) => level !== 'debug')).toEqual([
      { level: 'warn', sensor: 'attic', kind: 'bus', reason: 'a transfer failed', msg: 'sensor failed' },
      { level: 'warn', sensor: 'attic', kind: 'not-found', reason: 'nothing answers', msg: 'sensor failed' },
      { level: 'info', sensor: 'attic', kind: 'not-found', failures: 5, msg: 'sensor recovered' },
    ])
  })

  it('an error that is no sensor’s (a bug in what becomes of the sample) ends the loop, and closes the sensor', async () => {
    const clock = new FakeClock()
    const bug = new RangeError('a bug of ours')
    const loop = startLoop(
      clock,
      {},
      {
        onSample() {
          throw bug
        },
      },
    )
    await expect(loop.ended).rejects.toBe(bug)
    expect(loop.sensor.held).toBe(0)
    expect(clock.sleeping).toBe(0)
  })
})
