import { describe, expect, it } from 'vitest'
import { PulseRate } from '../src/pulse-rate.ts'

const MINUTE = 60_000
const IDLE = 5 * MINUTE
const pulses = (count: number, newestMs?: number, outages = 0) => ({ count, newestMs, unseen: 0, outages })

describe('the rate of pulses', () => {
  it('is that of the kernel’s times, whenever anybody looks', () => {
    const rate = new PulseRate(IDLE, 0)
    rate.saw(pulses(1, 500_000), 900)
    rate.saw(pulses(1001, 501_000), 2900)
    expect(rate.hz(2900)).toBe(1000)
    rate.saw(pulses(1501, 502_000), 9999)
    expect(rate.hz(9999)).toBe(500)
  })

  it('is not known before the second pulse, and 0 only after a silence', () => {
    const rate = new PulseRate(IDLE, 0)
    expect(rate.hz(0)).toBeUndefined()
    expect(rate.hz(IDLE - 1)).toBeUndefined()
    expect(rate.hz(IDLE)).toBe(0)
    const other = new PulseRate(IDLE, 0)
    other.saw(pulses(3, 1000), 1000)
    expect(other.hz(10_000)).toBeUndefined()
  })

  it('of a slow meter stays steady between its pulses, as long as the next one is not late', () => {
    const rate = new PulseRate(IDLE, 0)
    rate.saw(pulses(1, 0), 0)
    rate.saw(pulses(2, 40_000), 40_000)
    const rates = [40, 50, 60, 70, 80].map((second) => rate.hz(second * 1000))
    expect(rates).toEqual([0.025, 0.025, 0.025, 0.025, 0.025])
  })

  it('falls with the silence, to what it still allows, and to 0 when that has been long enough', () => {
    const rate = new PulseRate(IDLE, 0)
    rate.saw(pulses(1, 0), 0)
    rate.saw(pulses(11, 10_000), 10_000)
    expect(rate.hz(10_000)).toBe(1)
    expect(rate.hz(12_000)).toBe(0.5)
    expect(rate.hz(20_000)).toBe(0.1)
    expect(rate.hz(10_000 + IDLE)).toBe(0)
  })

  it('after a silence is measured from the first pulse of the new beginning, not across the silence', () => {
    const rate = new PulseRate(IDLE, 0)
    rate.saw(pulses(1, 0), 0)
    rate.saw(pulses(2, 1000), 1000)
    rate.hz(2 * IDLE)
    rate.saw(pulses(3, 2 * IDLE), 2 * IDLE)
    expect(rate.hz(2 * IDLE)).toBe(0)
    rate.saw(pulses(4, 2 * IDLE + 10_000), 2 * IDLE + 10_000)
    expect(rate.hz(2 * IDLE + 10_000)).toBe(0.1)
  })

  it('is not made up across a line that was lost', () => {
    const rate = new PulseRate(IDLE, 0)
    rate.saw(pulses(1, 0), 0)
    rate.saw(pulses(2, 1000), 1000)
    expect(rate.hz(1000)).toBe(1)
    rate.saw(pulses(2, 1000, 1), 60_000)
    expect(rate.hz(60_000)).toBeUndefined()
    rate.saw(pulses(3, 70_000, 1), 70_000)
    expect(rate.hz(70_000)).toBeUndefined()
    rate.saw(pulses(4, 71_000, 1), 71_000)
    expect(rate.hz(71_000)).toBe(1)
  })

  it('is finite where pulses carry the same time', () => {
    const rate = new PulseRate(IDLE, 0)
    rate.saw(pulses(1, 1000), 1000)
    rate.saw(pulses(2, 1000), 2000)
    expect(rate.hz(2000)).toBeUndefined()
  })
})
