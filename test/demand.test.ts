import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { Demand, type Taken } from '../src/demand.ts'
import { SensorError } from '../src/errors.ts'
import { FakeClock, settled } from './fakes/fake-clock.ts'
import { createRandom, type Loop, startLoop } from './fakes/loop-bench.ts'
import type { Script } from './fakes/scripted-sensor.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND
const DAY = 24 * HOUR

const bus = new SensorError('bus', 'a transfer failed')
const silent = new SensorError('silent', 'no answer')

interface Asked {
  taken?: Taken
  error?: unknown
  /** When it was settled, monotonic ms. */
  at?: number
}

interface Bench {
  readonly clock: FakeClock
  readonly loop: Loop
  readonly demand: Demand
  ask(signal?: AbortSignal): Asked
}

/** Read every 10 s, and never twice within 1 s, unless `options` say otherwise. */
function bench(
  script: Script = {},
  options: { intervalMs?: number; retryMs?: number; timeoutMs?: number } = {},
): Bench {
  const clock = new FakeClock()
  const demand = new Demand()
  return {
    clock,
    demand,
    loop: startLoop(clock, script, { demand, ...options }),
    ask(signal = new AbortController().signal) {
      const asked: Asked = {}
      void demand
        .ask(signal)
        .then(
          (taken) => Object.assign(asked, { taken }),
          (error: unknown) => Object.assign(asked, { error }),
        )
        .then(() => {
          asked.at = clock.monotonic()
        })
      return asked
    },
  }
}

describe('a read that is asked for', () => {
  it('happens at once, is given to who asks, and moves no tick', async () => {
    const { clock, loop, ask } = bench({ read: () => ({ ms: 100 }) })
    await clock.advance(4 * SECOND)
    const asked = ask()
    await clock.advance(100)
    expect(asked).toMatchObject({ at: 4100, taken: { sample: { temperature: 2 }, monotonic: 4100 } })
    expect(asked.taken?.at).toBe(clock.now())
    await clock.advance(30 * SECOND)
    await loop.stop()
    expect(loop.sensor.reads).toEqual([0, 4, 10, 20, 30].map((s) => s * SECOND))
    expect(loop.samples.map(({ monotonic }) => monotonic)).toEqual([100, 10_100, 20_100, 30_100])
    expect(loop.sensor.misuses).toEqual([])
  })

  it('keeps the distance that the sensor needs from the read before', async () => {
    const { clock, loop, ask } = bench({}, { retryMs: 2 * SECOND })
    await clock.advance(500)
    const [first, second] = [ask(), ask()]
    await clock.advance(2 * SECOND)
    expect([first.at, second.at]).toEqual([2000, 2000])
    const third = ask()
    await clock.advance(8 * SECOND)
    expect(third.at).toBe(4000)
    await loop.stop()
    expect(loop.sensor.reads).toEqual([0, 2, 4, 10].map((s) => s * SECOND))
  })

  it('is that of the next tick, where it would come too soon before it', async () => {
    const { clock, loop, ask } = bench({}, { retryMs: 2 * SECOND })
    await clock.advance(8001)
    const asked = ask()
    await clock.advance(1998)
    expect(asked.at).toBeUndefined()
    await clock.advance(1)
    expect(asked).toMatchObject({ at: 10_000, taken: { sample: { temperature: 2 } } })
    await clock.advance(10 * SECOND)
    await loop.stop()
    expect(loop.sensor.reads).toEqual([0, 10, 20].map((s) => s * SECOND))
    expect(loop.samples).toHaveLength(3)
  })

  it('is that of the next tick, where reads take so long that it would be missed', async () => {
    const { clock, loop, ask } = bench({ read: (turn) => ({ ms: turn === 0 ? 6 * SECOND : 10 }) })
    await clock.advance(13 * SECOND)
    const early = ask()
    await clock.advance(10)
    expect(early.at).toBe(13_010)
    await clock.advance(2 * SECOND)
    const late = ask()
    await clock.advance(20 * SECOND)
    await loop.stop()
    expect(late.at).toBe(20_010)
    expect(loop.sensor.reads).toEqual([0, 10, 13, 20, 30].map((s) => s * SECOND))
  })

  it('never meets another: who asks during a read gets the one after it', async () => {
    const { clock, loop, ask } = bench({ read: () => ({ ms: 3 * SECOND }) })
    await clock.advance(SECOND)
    const asked = ask()
    await clock.advance(9 * SECOND)
    await loop.stop()
    expect(asked).toMatchObject({ at: 6000, taken: { sample: { temperature: 2 } } })
    expect(loop.sensor.reads).toEqual([0, 3, 10].map((s) => s * SECOND))
    expect(loop.sensor.misuses).toEqual([])
  })

  it('is one for all who ask before it begins', async () => {
    const { clock, loop, ask } = bench()
    await clock.advance(500)
    const all = Array.from({ length: 100 }, () => ask())
    await clock.advance(SECOND)
    await loop.stop()
    expect(new Set(all.map(({ at }) => at))).toEqual(new Set([1000]))
    expect(loop.sensor.reads).toHaveLength(2)
  })

  it('whoever asks again and again: for a day every tick has its read, at its time', async () => {
    const random = createRandom()
    const { clock, loop, ask } = bench({ read: () => ({ ms: 400 }) })
    for (let asked = 0; asked < 1500; asked += 1) {
      ask()
      await clock.advance(random() * 30 * SECOND)
    }
    await loop.stop()
    const ticks = loop.samples.map(({ monotonic }) => Math.round(monotonic) - 400)
    expect(ticks).toEqual(ticks.map((_, index) => index * 10 * SECOND))
    const gaps = loop.sensor.reads.map((at, index) => at - (loop.sensor.reads[index - 1] ?? -SECOND))
    expect(Math.min(...gaps)).toBeGreaterThan(SECOND - 0.001)
    expect(loop.sensor.reads.length).toBeGreaterThan(loop.samples.length + 900)
    expect(loop.sensor.misuses).toEqual([])
    expect(loop.stuck()).toEqual([])
  })

  it('waits for a sensor that opens', async () => {
    const { clock, loop, ask } = bench({ open: () => ({ ms: 3 * SECOND }) })
    const asked = ask()
    await clock.advance(4 * SECOND)
    await loop.stop()
    expect(asked.at).toBe(3000)
  })
})

describe('a read that is asked for and fails', () => {
  it('gives the reason to who asks, and is a fault of the sensor as any other', async () => {
    const { clock, loop, ask } = bench({ read: (turn) => (turn === 1 ? { throws: bus } : {}) })
    await clock.advance(4 * SECOND)
    const asked = ask()
    await clock.advance(SECOND)
    expect(asked.error).toBe(bus)
    expect(loop.failures).toEqual([bus])
    expect(loop.events).toEqual(['open', 'sample', 'online', 'failed', 'offline', 'open', 'sample', 'online'])
    await clock.advance(10 * SECOND)
    await loop.stop()
    expect(loop.sensor.reads).toEqual([0, 4, 5, 10].map((s) => s * SECOND))
  })

  it('is tried again where that is ordinary for the sensor, three times at most', async () => {
    const { clock, loop, ask } = bench({ read: (turn) => (turn > 0 && turn !== 3 ? { throws: silent } : {}) })
    await clock.advance(2 * SECOND)
    const lucky = ask()
    await clock.advance(2 * SECOND)
    expect(lucky).toMatchObject({ at: 4000, taken: { sample: { temperature: 4 } } })
    const unlucky = ask()
    await clock.advance(5 * SECOND)
    expect(unlucky).toEqual({ at: 7000, error: silent })
    await loop.stop()
    expect(loop.sensor.reads).toEqual([0, 2, 3, 4, 5, 6, 7].map((s) => s * SECOND))
    expect(loop.samples).toHaveLength(1)
  })

  it('is refused at once with the last fault, while the sensor rests', async () => {
    const { clock, loop, ask } = bench({ open: () => ({ throws: bus }) })
    await clock.advance(HOUR)
    const asked = ask()
    await settled()
    expect(asked.at).toBe(HOUR)
    expect(asked.error).toMatchObject({
      kind: 'bus',
      message: 'a transfer failed; it is tried again within 300 s',
    })
    await loop.stop()
  })

  it('is refused by a loop that has ended, and by one that ends meanwhile', async () => {
    const { clock, loop, ask } = bench({ read: () => ({ hang: true }) })
    await clock.advance(SECOND)
    const during = ask()
    await loop.stop()
    const after = ask()
    await settled()
    for (const { error } of [during, after])
      expect(error).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('not read any more') })
    loop.sensor.release()
  })

  it('is called off by who asks, and then nobody is waited for', async () => {
    const { clock, loop, demand, ask } = bench({ read: () => ({ ms: 5 * SECOND }) })
    await clock.advance(SECOND)
    const controller = new AbortController()
    const asked = ask(controller.signal)
    await settled()
    expect(demand.waiting).toBe(true)
    controller.abort(new Error('enough'))
    await settled()
    expect(asked.error).toEqual(new Error('enough'))
    expect(demand.waiting).toBe(false)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    const late = ask(controller.signal)
    await clock.advance(DAY / 24)
    expect(late.error).toEqual(new Error('enough'))
    await loop.stop()
    expect(loop.listeners()).toBe(0)
    expect(loop.samples).toHaveLength(loop.sensor.reads.length - 1)
  })
})
