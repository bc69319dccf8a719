import { describe, expect, it } from 'vitest'
import { backoff, fullJitter } from '../src/backoff.ts'

const options = { firstMs: 1000, longestMs: 300_000 }

describe('backoff', () => {
  it('doubles from the first wait to the longest', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((failures) => backoff(failures, options) / 1000)
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
  })

  it('stays at the longest however often it fails', () => {
    for (const failures of [100, 1e6, Number.MAX_SAFE_INTEGER]) expect(backoff(failures, options)).toBe(300_000)
  })
})

describe('full jitter', () => {
  it.each([
    [0, 0],
    [0.5, 4000],
    [0.999, 7992],
  ])('a chance of %f gives %i ms of the 8 s after a fourth failure', (chance, ms) => {
    expect(fullJitter(4, options, () => chance)).toBeCloseTo(ms)
  })
})
