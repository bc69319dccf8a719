import { describe, expect, it } from 'vitest'
import { createFilters, type FilterOptions } from '../src/filters.ts'
import type { Quantity } from '../src/reading.ts'

const INTERVAL = 10_000

/** Feeds one quantity, one value per interval; gives the values that were valid. */
function run(
  options: Partial<FilterOptions>,
  raws: readonly number[],
  quantity: Quantity = 'temperature',
): (number | undefined)[] {
  const filters = createFilters({ [quantity]: { digits: 2, ...options } }, INTERVAL)
  return raws.map((raw, index) => filters.apply({ [quantity]: raw }, 0, index * INTERVAL).values[quantity])
}

/** The indexes at which the metric's own topic was due. */
function due(options: Partial<FilterOptions>, raws: readonly number[], quantity: Quantity = 'temperature'): number[] {
  const filters = createFilters({ [quantity]: { digits: 2, ...options } }, INTERVAL)
  return raws.flatMap((raw, index) =>
    filters.apply({ [quantity]: raw }, 0, index * INTERVAL).due.length > 0 ? [index] : [],
  )
}

describe('a value', () => {
  it.each<[string, Partial<FilterOptions>, number, number | undefined]>([
    ['without filters is rounded', {}, 21.456, 21.46],
    ['is rounded to no decimals', { digits: 0 }, 21.5, 22],
    ['is scaled before the offset is added', { scale: 2, offset: -1 }, 10, 19],
    ['is offset before it is rounded', { offset: 0.04, digits: 1 }, 21.42, 21.5],
    [
      'is checked raw: its range is that of the sensor, not of what is made of it',
      { max: 100, scale: 1000 },
      99,
      99_000,
    ],
    ['that only scaling brings into the range is rejected', { max: 100, scale: 0.001 }, 101, undefined],
    ['at the lower limit is valid', { min: -40 }, -40, -40],
    ['at the upper limit is valid', { max: 85 }, 85, 85],
    ['below the lower limit is not', { min: -40 }, -40.0001, undefined],
    ['above the upper limit is not', { max: 85 }, 85.0001, undefined],
    ['that is -0 is 0', {}, -0, 0],
    ['that is rounded to -0 is 0', { digits: 1 }, -0.04, 0],
    ['that a negative scale makes -0 is 0', { scale: -1 }, 0, 0],
    ['that is too large for fixed notation stays what it is', { digits: 2 }, 1e22, 1e22],
    ['that is tiny is rounded away, not published with an exponent', { digits: 3 }, 1e-9, 0],
    ['that scaling makes infinite is rejected', { scale: 1e300 }, 1e10, undefined],
  ])('%s', (_, options, raw, expected) => {
    const [value] = run(options, [raw])
    expect(value).toBe(expected)
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'of %f is rejected, never published',
    (raw) => {
      const reading = createFilters({}, INTERVAL).apply({ temperature: raw, humidity: 40 }, 5, 0)
      expect(reading).toEqual({
        at: 5,
        values: { humidity: 40 },
        due: ['humidity'],
        rejected: [{ quantity: 'temperature', value: raw, reason: 'not-a-number' }],
      })
    },
  )

  it('that is rejected takes no other with it, and is told with its raw value', () => {
    const filters = createFilters({ pressure: { digits: 1, min: 300, max: 1100 } }, INTERVAL)
    const { values, due, rejected } = filters.apply({ temperature: 20, pressure: 2000, humidity: 40 }, 0, 0)
    expect(values).toEqual({ temperature: 20, humidity: 40 })
    expect(due).toEqual(['temperature', 'humidity'])
    expect(rejected).toEqual([{ quantity: 'pressure', value: 2000, reason: 'out-of-range' }])
  })

  it('of a quantity without options has that quantity’s own rounding', () => {
    const { values } = createFilters({}, INTERVAL).apply({ humidity: 40.26, uptime: 12.9 }, 0, 0)
    expect(values).toEqual({ humidity: 40.3, uptime: 13 })
  })

  it('that is absent stays absent, never 0', () => {
    const sample = { temperature: 20, humidity: undefined } as unknown as { temperature: number } // as a careless driver gives it
    const reading = createFilters({}, INTERVAL).apply(sample, 0, 0)
    expect(Object.keys(reading.values)).toEqual(['temperature'])
    expect(reading.rejected).toEqual([])
  })

  it('keeps the place that it had in the sample', () => {
    const { values } = createFilters({}, INTERVAL).apply({ pressure: 1000, temperature: 20, humidity: 40 }, 0, 0)
    expect(Object.keys(values)).toEqual(['pressure', 'temperature', 'humidity'])
  })
})

describe('the median', () => {
  it.each<[string, number, number[], number[]]>([
    ['of 1 is no median', 1, [5, 1, 9], [5, 1, 9]],
    ['of 3 loses a single spike', 3, [20, 20, 99, 20, 20], [20, 20, 20, 20, 20]],
    ['of 3 begins with what there is', 3, [10, 20, 90, 30], [10, 15, 20, 30]],
    ['of 4 is the mean of the two in the middle', 4, [1, 2, 3, 10, 4], [1, 1.5, 2, 2.5, 3.5]],
    ['of 2 is the mean of the last two', 2, [1, 3, 7], [1, 2, 5]],
    ['sorts numbers as numbers', 3, [9, 10, 100], [9, 9.5, 10]],
    ['sorts negative ones, too', 3, [-1, -10, 2], [-1, -5.5, -1]],
  ])('%s', (_, median, raws, expected) => {
    expect(run({ median }, raws)).toEqual(expected)
  })

  it('is of valid raw values: what is out of range never enters its window', () => {
    expect(run({ median: 3, max: 50 }, [20, 99, 99, 22, 21])).toEqual([20, undefined, undefined, 21, 21])
  })

  it('is taken before scale, offset and rounding', () => {
    expect(run({ median: 2, scale: 10, offset: 1, digits: 0 }, [1, 1.05])).toEqual([11, 11])
  })

  it('of one quantity knows nothing of another', () => {
    const filters = createFilters(
      { temperature: { digits: 1, median: 3 }, humidity: { digits: 1, median: 3 } },
      INTERVAL,
    )
    filters.apply({ temperature: 10, humidity: 90 }, 0, 0)
    expect(filters.apply({ temperature: 12, humidity: 80 }, 0, 0).values).toEqual({ temperature: 11, humidity: 85 })
  })
})

describe('change', () => {
  it.each<[string, Partial<FilterOptions>, number[], number[]]>([
    ['is not asked for: every value is due', {}, [20, 20, 20], [0, 1, 2]],
    [
      'makes the first value due, and then what moved by as much',
      { change: 0.5 },
      [20, 20.4, 20.5, 20.9, 21],
      [0, 2, 4],
    ],
    [
      'counts from what was due last, so that a slow drift is seen',
      { change: 1 },
      [20, 20.4, 20.8, 21.2, 21.6],
      [0, 3],
    ],
    ['counts downwards, too', { change: 1 }, [20, 19.5, 19], [0, 2]],
    ['of 0 is any difference, and no difference is none', { change: 0 }, [20, 20, 20.01, 20.01, 20], [0, 2, 4]],
    ['is of the rounded value', { change: 0, digits: 0 }, [20.1, 20.4, 19.9, 20.6], [0, 3]],
    ['is of the scaled value', { change: 1, scale: 10 }, [2, 2.05, 2.1], [0, 2]],
    [
      'of 0.1 is met by 21.4 to 21.5, whatever floats make of it',
      { change: 0.1, digits: 1 },
      [21.4, 21.5, 21.6],
      [0, 1, 2],
    ],
    ['of 0.3 is met by 0.1 to 0.4', { change: 0.3, digits: 1 }, [0.1, 0.4], [0, 1]],
    ['of 1e-9 is not met by a tenth of it', { change: 1e-9, digits: 10 }, [1, 1 + 1e-10], [0]],
  ])('%s', (_, options, raws, expected) => {
    expect(due(options, raws)).toEqual(expected)
  })

  it('sees through the floats of large counters as well', () => {
    expect(due({ change: 0.1, digits: 1 }, [1e10 + 0.1, 1e10 + 0.2, 1e10 + 0.3, 1e10 + 0.4], 'energy')).toEqual([
      0, 1, 2, 3,
    ])
  })

  it('gates the metric’s own topic only: the record has every valid value', () => {
    expect(run({ change: 5 }, [20, 21, 22])).toEqual([20, 21, 22])
  })

  it('is not used up by a value that was rejected', () => {
    expect(due({ change: 1, max: 50 }, [20, 99, 20, 21])).toEqual([0, 3])
  })
})

describe('the heartbeat', () => {
  /** Gaps between two dues of a value that never changes, in ms. */
  function gaps(heartbeat: number, intervalMs: number, jitter: (tick: number) => number = () => 0): number[] {
    const filters = createFilters({ temperature: { digits: 2, change: 1, heartbeat } }, intervalMs)
    const sent: number[] = []
    for (let tick = 0; tick < 200; tick += 1) {
      const at = tick * intervalMs + jitter(tick)
      if (filters.apply({ temperature: 20 }, 0, at).due.length > 0) sent.push(at)
    }
    return sent.slice(1).map((at, index) => at - (sent[index] ?? 0))
  }

  it.each([
    [10_000, 10_000, 10_000],
    [20_000, 10_000, 20_000],
    [25_000, 10_000, 20_000],
    [29_500, 10_000, 20_000],
    [29_999, 10_000, 20_000],
    [30_000, 10_000, 30_000],
    [30_001, 10_000, 30_000],
    [600_000, 7000, 595_000],
    [5000, 10_000, 10_000],
    [1, 10_000, 10_000],
    [60_000, 333, 59_940],
  ])(
    'of %i ms with a read every %i ms is a due value every %i ms: never less often, as rarely as that allows',
    (heartbeat, intervalMs, expected) => {
      expect(new Set(gaps(heartbeat, intervalMs))).toEqual(new Set([expected]))
    },
  )

  it('is not sent twice as often for reads that take a little more or less time', () => {
    const seen = gaps(20_000, 10_000, (tick) => (tick % 3) * 80)
    expect(Math.min(...seen)).toBeGreaterThan(19_000)
    expect(Math.max(...seen)).toBeLessThan(20_200)
  })

  it('is kept where a value was due in between, off the beat', () => {
    const filters = createFilters({ temperature: { digits: 2, change: 1, heartbeat: 30_000 } }, INTERVAL)
    const isDue = (value: number, at: number): boolean => filters.apply({ temperature: value }, 0, at).due.length > 0
    expect(isDue(20, 6000)).toBe(true)
    expect([10_000, 20_000, 30_000].map((at) => isDue(20, at))).toEqual([false, false, true])
  })

  it('begins again with every change that was sent', () => {
    expect(due({ change: 1, heartbeat: 30_000 }, [20, 20, 22, 22, 22, 22, 22, 22])).toEqual([0, 2, 5])
  })

  it('is due at once after a long silence of the sensor', () => {
    const filters = createFilters({ temperature: { digits: 2, change: 1, heartbeat: 60_000 } }, INTERVAL)
    filters.apply({ temperature: 20 }, 0, 0)
    expect(filters.apply({ temperature: 20 }, 0, 3_600_000).due).toEqual(['temperature'])
  })
})
