import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { calledOff, systemClock } from '../src/clock.ts'

const DAY = 86_400_000

afterEach(() => {
  vi.useRealTimers()
})

describe('the system clock', () => {
  it('never wakes early', async () => {
    for (let times = 0; times < 20; times += 1) {
      const before = systemClock.monotonic()
      await systemClock.sleep(1.5)
      expect(systemClock.monotonic() - before).toBeGreaterThanOrEqual(1.5)
    }
  })

  it.each([0, -5, Number.NEGATIVE_INFINITY])('a sleep of %f ms ends in a later turn, not in this one', async (ms) => {
    let woken = false
    const sleeping = systemClock.sleep(ms).then(() => {
      woken = true
    })
    await Promise.resolve()
    expect(woken).toBe(false)
    await sleeping
  })

  it('sleeps for longer than one timer of Node.js can', async () => {
    vi.useFakeTimers()
    let woken = false
    const sleeping = systemClock.sleep(60 * DAY).then(() => {
      woken = true
    })
    await vi.advanceTimersByTimeAsync(59 * DAY)
    expect(woken).toBe(false)
    await vi.advanceTimersByTimeAsync(DAY)
    await sleeping
    expect(vi.getTimerCount()).toBe(0)
  })

  it('an abort ends a sleep with its reason, and leaves neither timer nor listener', async () => {
    vi.useFakeTimers()
    const controller = new AbortController()
    const sleeping = systemClock.sleep(DAY, controller.signal)
    const reason = new Error('stop')
    controller.abort(reason)
    await expect(sleeping).rejects.toBe(reason)
    expect(vi.getTimerCount()).toBe(0)
    expect(getEventListeners(controller.signal, 'abort').length).toBe(0)
  })

  it('a sleep that ends by itself leaves no listener', async () => {
    const { signal } = new AbortController()
    await systemClock.sleep(1, signal)
    expect(getEventListeners(signal, 'abort').length).toBe(0)
  })

  it('a signal that is aborted already ends the sleep before it begins', async () => {
    const reason = new Error('stop')
    await expect(systemClock.sleep(DAY, AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  it('work for later is done once, not before its time and by one timer, unless it is called off', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] })
    const done: string[] = []
    systemClock.after(10.2, () => done.push('short'))
    const callOff = systemClock.after(10, () => done.push('in time'))
    await vi.advanceTimersByTimeAsync(10)
    callOff()
    expect(done).toEqual(['in time'])
    systemClock.after(5, () => done.push('never'))()
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(done).toEqual(['in time', 'short'])
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('calledOff', () => {
  it('is true for the signal’s own reason only', () => {
    const reason = new Error('stop')
    const signal = AbortSignal.abort(reason)
    expect(calledOff(reason, signal)).toBe(true)
    expect(calledOff(new Error('stop'), signal)).toBe(false)
    expect(calledOff(undefined, new AbortController().signal)).toBe(false)
  })
})
