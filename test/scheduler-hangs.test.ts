/** The loop of a sensor where something hangs, at its end, and its beat. */
import { describe, expect, it } from 'vitest'
import type { Clock } from '../src/clock.ts'
import { SensorError } from '../src/errors.ts'
import { runSensor } from '../src/scheduler.ts'
import { FakeClock, settled } from './fakes/fake-clock.ts'
import { createRandom, startLoop } from './fakes/loop-bench.ts'
import { recordLog } from './fakes/recording-log.ts'
import { type Script, scriptSensor, type Turn } from './fakes/scripted-sensor.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const bus = new SensorError('bus', 'a transfer failed')
const silent = new SensorError('silent', 'no answer')

describe('hangs', () => {
  it('a read that ignores its signal is given up at the deadline; the sensor is closed and opened again', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { read: (turn) => (turn === 1 ? { hang: true } : {}) }, { timeoutMs: 5 * SECOND })
    await clock.advance(15 * SECOND)
    expect(loop.failures.map(({ kind, message }) => `${kind}: ${message}`)).toEqual([
      'timeout: no answer within 5000 ms',
    ])
    expect(loop.events.at(-1)).toBe('offline')
    expect(loop.sensor.closes).toEqual([15 * SECOND])
    await clock.advance(SECOND)
    expect(loop.events.at(-1)).toBe('online')
    loop.sensor.release() // its late answer is nobody's any more
    await settled()
    expect(loop.samples.length).toBe(2)
    await loop.stop()
  })

  it('a read that obeys its signal is told by the deadline', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { read: (turn) => (turn === 0 ? { ms: HOUR } : {}) }, { timeoutMs: 2 * SECOND })
    await clock.advance(2 * SECOND)
    expect(loop.failures.map(({ kind }) => kind)).toEqual(['timeout'])
    expect(clock.sleeping).toBe(1) // the back-off alone: the read has let go of its own wait
    await loop.stop()
  })

  it('a close that hangs is left behind after 2 s, and told', async () => {
    const clock = new FakeClock()
    const script = { read: (turn: number) => (turn === 0 ? { throws: bus } : {}), close: () => ({ hang: true }) }
    const loop = startLoop(clock, script)
    await clock.advance(2 * SECOND + SECOND)
    expect(loop.sensor.opens).toEqual([0, 3 * SECOND])
    expect(loop.told('debug')).toContain('debug sensor did not close')
    await loop.stop()
    await clock.advance(2 * SECOND)
    expect(loop.over()).toBe(true)
  })

  it.each([
    ['rejects', { throws: new Error('EBADF') }],
    ['throws at once', { throws: new Error('EBADF'), atOnce: true }],
  ])('a close that %s stops nothing, and leaves no timer', async (_, turn) => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { read: (index) => (index === 0 ? { throws: bus } : {}), close: () => turn })
    await clock.advance(SECOND)
    expect(loop.events.at(-1)).toBe('online')
    await loop.stop()
    expect(loop.over()).toBe(true)
    expect(clock.sleeping).toBe(0)
  })

  it('an open that hangs is given up after 10 s; when it succeeds later, that sensor is closed at once', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { open: (turn) => (turn === 0 ? { hang: true } : {}) })
    await clock.advance(10 * SECOND)
    expect(loop.failures[0]).toMatchObject({ kind: 'timeout', message: 'the sensor did not open within 10 s' })
    await clock.advance(SECOND)
    expect(loop.events).toEqual(['failed', 'offline', 'open', 'sample', 'online'])
    expect(loop.sensor.held).toBe(1)
    loop.sensor.release()
    await settled()
    expect(loop.sensor.closes.length).toBe(1)
    expect(loop.sensor.held).toBe(1) // the second one lives on
    expect(loop.sensor.misuses).toEqual([])
    await loop.stop()
  })

  it('of one sensor delay no other by a millisecond', async () => {
    const clock = new FakeClock()
    const hung = startLoop(clock, {
      read: (turn) => (turn % 2 === 1 ? { hang: true } : {}),
      close: () => ({ hang: true }),
    })
    const well = startLoop(clock, {})
    await clock.advance(HOUR)
    expect(well.sensor.reads).toEqual(Array.from({ length: 361 }, (_, tick) => tick * 10 * SECOND))
    expect(hung.failures.length).toBeGreaterThan(100)
    expect(well.failures).toEqual([])
    await Promise.all([hung.stop(), well.stop()])
    await clock.advance(2 * SECOND)
    expect([hung.over(), well.over()]).toEqual([true, true])
    expect(clock.sleeping).toBe(0)
  })
})

describe('stop', () => {
  it.each<[string, Script, number]>([
    ['an open', { open: () => ({ hang: true }) }, 3 * SECOND],
    ['a read', { read: () => ({ hang: true }) }, 3 * SECOND],
    ['the sleep between two reads', {}, 3 * SECOND],
    ['the sleep before a retry', { read: () => ({ throws: silent }) }, 500],
    ['the back-off after a fault', { read: () => ({ throws: bus }) }, 10 * SECOND],
    ['the back-off after a failed open', { open: () => ({ throws: bus }) }, 10 * SECOND],
  ])('during %s returns at once, closes what is open, and leaves neither timer nor listener', async (_, script, ms) => {
    const clock = new FakeClock()
    const loop = startLoop(clock, script)
    await clock.advance(ms)
    expect(loop.over()).toBe(false)
    await loop.stop()
    expect(loop.over()).toBe(true)
    await loop.ended
    loop.sensor.release()
    await settled()
    expect(loop.sensor.held).toBe(0)
    expect(loop.sensor.misuses).toEqual([])
    expect(clock.sleeping).toBe(0)
    expect(loop.listeners()).toBe(0)
    expect(loop.events.filter((event) => event === 'failed').length).toBe(loop.failures.length)
  })

  it('is no failure of the sensor', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, { read: (turn) => (turn === 1 ? { ms: 5 * SECOND } : {}) })
    await clock.advance(12 * SECOND)
    await loop.stop()
    expect(loop.failures).toEqual([])
    expect(loop.told('warn', 'error')).toEqual([])
  })

  it('before the start opens nothing', async () => {
    const clock = new FakeClock()
    const sensor = scriptSensor(clock)
    const never = (): never => {
      throw new Error('not to be called')
    }
    const options = { name: 'x', intervalMs: 1, timeoutMs: 1, retryMs: 1, open: sensor.open, clock, beat: never }
    const told = { log: recordLog().log, onOpen: never, onSample: never, onFailure: never, onStatus: never }
    await runSensor({ ...options, ...told }, AbortSignal.abort())
    expect(sensor.opens).toEqual([])
  })

  it('a long life leaves no listeners behind', async () => {
    const clock = new FakeClock()
    const loop = startLoop(clock, {
      read: (turn) => (turn % 7 === 0 ? { throws: bus } : turn % 5 === 0 ? { throws: silent } : {}),
    })
    await clock.advance(6 * HOUR)
    expect(loop.listeners()).toBe(2) // of its reads, and of its rests
    expect(clock.sleeping).toBeLessThanOrEqual(2)
    await loop.stop()
    expect(loop.listeners()).toBe(0)
    expect(clock.sleeping).toBe(0)
  })
})

describe('the beat', () => {
  const troubles: Turn[] = [
    {},
    { ms: 7 * SECOND },
    { throws: silent },
    { throws: bus },
    { hang: true },
    { throws: 'a string' },
    { ms: MINUTE },
  ]

  it('covers every wait: in a day of faults the loop is never taken for stuck', async () => {
    const clock = new FakeClock()
    const random = createRandom()
    const trouble = (): Turn => troubles[Math.floor(random() * troubles.length)] ?? {}
    const loop = startLoop(clock, { open: trouble, read: trouble, close: trouble }, { intervalMs: 30 * SECOND })
    for (let second = 0; second < DAY / SECOND; second += 60) {
      await clock.advance(60 * SECOND)
      expect(loop.stuck()).toEqual([])
    }
    expect(loop.failures.length).toBeGreaterThan(50)
    expect(loop.samples.length).toBeGreaterThan(50)
    await loop.stop()
  })

  it.each<[string, Script, number]>([
    ['open', { open: () => ({ hang: true }) }, 10 * SECOND],
    ['read', { read: () => ({ hang: true }) }, 5 * MINUTE],
    ['close', { read: () => ({ throws: bus }), close: () => ({ hang: true }) }, 2 * SECOND],
    ['sleep', {}, HOUR],
    ['back-off', { read: () => ({ throws: bus }) }, SECOND],
    ['retry', { read: () => ({ throws: silent }) }, SECOND],
  ])('comes before each %s, and allows for the longest that it may take and 10 s', async (_, script, longest) => {
    const clock = new FakeClock()
    const loop = startLoop(clock, script, { intervalMs: HOUR, timeoutMs: 5 * MINUTE })
    await clock.advance(0)
    expect(loop.beats.at(-1)).toBe(longest + 10 * SECOND)
    await loop.stop()
  })

  it('covers the longest wait to the end: an interval of a week, and the longest back-off', async () => {
    const clock = new FakeClock()
    const weekly = startLoop(clock, {}, { intervalMs: 7 * DAY })
    await clock.advance(7 * DAY - 1)
    expect(weekly.stuck()).toEqual([])
    await weekly.stop()
    const failing = startLoop(clock, { open: () => ({ throws: bus }) })
    await clock.advance(HOUR)
    for (let second = 0; second < 300; second += 10) {
      await clock.advance(10 * SECOND)
      expect(failing.stuck()).toEqual([])
    }
    await failing.stop()
  })

  it('is missed by a loop whose wait never ends', async () => {
    const clock = new FakeClock()
    let lost = false
    const broken: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      sleep: (ms, signal) => (lost ? new Promise(() => {}) : clock.sleep(ms, signal)),
      after: (ms, work) => (lost ? () => {} : clock.after(ms, work)),
    }
    const loop = startLoop(clock, {}, { clock: broken })
    await clock.advance(15 * SECOND)
    lost = true
    await clock.advance(5 * SECOND)
    expect(loop.stuck()).toEqual([])
    await clock.advance(20 * SECOND + 1)
    expect(loop.stuck()).toEqual(['sensor attic'])
  })
})
