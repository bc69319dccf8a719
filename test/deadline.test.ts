import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { Deadlines, LATE, withDeadline } from '../src/deadline.ts'
import { FakeClock, settled } from './fakes/fake-clock.ts'

const never = (): Promise<never> => new Promise(() => {})

describe('withDeadline', () => {
  it('gives what the work gives, and leaves no timer', async () => {
    const clock = new FakeClock()
    expect(await withDeadline(async () => 7, 1000, clock)).toBe(7)
    expect(clock.sleeping).toBe(0)
  })

  it('gives LATE at the deadline, not before, where the work ignores its signal', async () => {
    const clock = new FakeClock()
    let result: unknown
    const waiting = withDeadline(never, 1000, clock).then((value) => {
      result = value
    })
    await clock.advance(999)
    expect(result).toBeUndefined()
    await clock.advance(1)
    await waiting
    expect(result).toBe(LATE)
  })

  it('gives LATE, not the error, where the work obeys its signal and rejects', async () => {
    const clock = new FakeClock()
    const waiting = withDeadline((signal) => clock.sleep(5000, signal), 1000, clock)
    await clock.advance(1000)
    expect(await waiting).toBe(LATE)
    expect(clock.sleeping).toBe(0)
  })

  it('throws what the work throws before the deadline', async () => {
    const clock = new FakeClock()
    const error = new Error('broken')
    await expect(withDeadline(() => Promise.reject(error), 1000, clock)).rejects.toBe(error)
    expect(clock.sleeping).toBe(0)
  })

  it('throws what the work throws before it has made a promise, and leaves neither timer nor listener', async () => {
    const clock = new FakeClock()
    const { signal } = new AbortController()
    const error = new TypeError('early')
    const work = (): never => {
      throw error
    }
    await expect(withDeadline(work, 1000, clock, signal)).rejects.toBe(error)
    expect(clock.sleeping).toBe(0)
    expect(getEventListeners(signal, 'abort').length).toBe(0)
  })

  it('throws the reason of an abort at once, and hands it to the work', async () => {
    const clock = new FakeClock()
    const controller = new AbortController()
    let seen: unknown
    const work = (signal: AbortSignal): Promise<never> => {
      signal.addEventListener('abort', () => {
        seen = signal.reason
      })
      return never()
    }
    const waiting = withDeadline(work, 1000, clock, controller.signal)
    const reason = new Error('stop')
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    expect(seen).toBe(reason)
    expect(clock.sleeping).toBe(0)
    expect(getEventListeners(controller.signal, 'abort').length).toBe(0)
  })

  it('does not begin the work where the signal is aborted already', async () => {
    const clock = new FakeClock()
    let begun = false
    const work = async (): Promise<void> => {
      begun = true
    }
    const reason = new Error('stop')
    await expect(withDeadline(work, 1000, clock, AbortSignal.abort(reason))).rejects.toBe(reason)
    expect(begun).toBe(false)
    expect(clock.sleeping).toBe(0)
  })

  it('a failure after the deadline is nobody’s: it does not end the process', async () => {
    const clock = new FakeClock()
    const unhandled: unknown[] = []
    const note = (reason: unknown): void => {
      unhandled.push(reason)
    }
    process.on('unhandledRejection', note)
    try {
      let fail = (_: Error): void => {}
      const waiting = withDeadline(
        () =>
          new Promise((_, reject) => {
            fail = reject
          }),
        1000,
        clock,
      )
      await clock.advance(1000)
      expect(await waiting).toBe(LATE)
      fail(new Error('much later'))
      await settled()
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', note)
    }
  })
})

describe('Deadlines', () => {
  it('give work after work the same signal, for as long as none is late, and each a deadline of its own', async () => {
    const clock = new FakeClock()
    const deadlines = new Deadlines(clock)
    const seen: AbortSignal[] = []
    const work =
      (ms: number) =>
      (signal: AbortSignal): Promise<void> => {
        seen.push(signal)
        return clock.sleep(ms, signal)
      }
    for (let turn = 0; turn < 3; turn += 1) {
      const working = deadlines.run(work(800), 1000)
      await clock.advance(800)
      expect(await working).toBeUndefined()
    }
    expect(new Set(seen).size).toBe(1)
    expect(seen[0]?.aborted).toBe(false)
    deadlines.close()
    expect(clock.sleeping).toBe(0)
  })

  it('share a timer: each is late at its own time, be it sooner or later than that of the one before', async () => {
    const clock = new FakeClock()
    const deadlines = new Deadlines(clock)
    const lateAfter = async (ms: number): Promise<number> => {
      const begun = clock.monotonic()
      const working = deadlines.run(never, ms)
      while ((await Promise.race([working, settled()])) !== LATE) await clock.advance(50)
      return clock.monotonic() - begun
    }
    for (const ms of [1000, 200, 3000]) {
      await deadlines.run(async () => {}, 2000)
      expect(clock.sleeping).toBe(1)
      expect(await lateAfter(ms)).toBe(ms)
    }
  })

  it('hear nothing of what comes after its deadline, though the next work is under way', async () => {
    const clock = new FakeClock()
    const deadlines = new Deadlines(clock)
    let answer = (_: string): void => {}
    const late = deadlines.run(() => new Promise((resolve) => (answer = resolve)), 1000)
    await clock.advance(1000)
    expect(await late).toBe(LATE)
    const next = deadlines.run(never, 1000)
    answer('at last')
    await clock.advance(1000)
    expect(await next).toBe(LATE)
  })

  it('that are closed leave neither timer nor listener, also where nothing was late', async () => {
    const clock = new FakeClock()
    const { signal } = new AbortController()
    const deadlines = new Deadlines(clock, signal)
    await deadlines.run(async () => {}, 1000)
    deadlines.close()
    expect(clock.sleeping).toBe(0)
    expect(getEventListeners(signal, 'abort').length).toBe(0)
  })

  it('after work that was late or failed, the next one begins with a signal that is not aborted', async () => {
    const clock = new FakeClock()
    const deadlines = new Deadlines(clock)
    const seen: AbortSignal[] = []
    const hang = (signal: AbortSignal): Promise<never> => {
      seen.push(signal)
      return never()
    }
    const late = deadlines.run(hang, 1000)
    await clock.advance(1000)
    expect(await late).toBe(LATE)
    expect(seen[0]?.aborted).toBe(true)
    await expect(deadlines.run(() => Promise.reject(new Error('broken')), 1000)).rejects.toThrow('broken')
    expect(await deadlines.run(async (signal) => signal.aborted, 1000)).toBe(false)
  })

  it('have one listener on the signal above, however much is done, and none after it aborts', async () => {
    const clock = new FakeClock()
    const controller = new AbortController()
    const deadlines = new Deadlines(clock, controller.signal)
    for (let turn = 0; turn < 5; turn += 1) await deadlines.run(async () => turn, 1000)
    expect(getEventListeners(controller.signal, 'abort').length).toBe(1)
    const reason = new Error('stop')
    controller.abort(reason)
    expect(getEventListeners(controller.signal, 'abort').length).toBe(0)
    expect(clock.sleeping).toBe(0)
    await expect(deadlines.run(async () => 1, 1000)).rejects.toBe(reason)
  })
})
