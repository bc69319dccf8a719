import { describe, expect, it } from 'vitest'
import { type Start, startOf } from '../src/output-start.ts'
import type { PinTimes } from '../src/output-times.ts'

const NOW = 100_000
const MINUTE = 60_000
type Initial = 'off' | 'on' | 'keep' | 'last'
const ALL: readonly Initial[] = ['off', 'on', 'keep', 'last']

const ends = (level: 0 | 1, inMs: number): PinTimes => ({ pulse: { at: NOW + inMs, level } })

function level(
  initial: Initial,
  left: PinTimes,
  rest: { max_on?: number; last?: 0 | 1; away?: number } = {},
): Start['level'] {
  const rule = { state: 'off', after: MINUTE } as const
  const config = { initial, max_on: rest.max_on, ...(rest.away === undefined ? {} : { on_disconnect: rule }) }
  return startOf(config, left, rest.last, rest.away, NOW).level
}

describe('the level at the start', () => {
  it('is what initial says where nothing was left', () => {
    expect(ALL.map((initial) => level(initial, {}, { last: 1 }))).toEqual([0, 1, 'keep', 1])
    expect(level('last', {})).toBe(0)
  })

  it.each<[string, PinTimes, object]>([
    ['a for that switched on and is over', ends(0, -1), {}],
    ['one that ends this very moment', ends(0, 0), {}],
    ['a max_on that is over', { onSince: NOW - MINUTE }, { max_on: MINUTE }],
    ['a limit of another boot', { expired: true }, {}],
    ['a broker that is away for longer than it may be', {}, { away: NOW - MINUTE }],
  ])('is off after %s, whatever initial says', (_, left, rest) => {
    expect(ALL.map((initial) => level(initial, left, { last: 1, ...rest }))).toEqual([0, 0, 0, 0])
  })

  it('of a for that is on still is what the line has, to the end of it; initial: off cuts it short', () => {
    const left = { ...ends(0, 5000), onSince: NOW - 1000 }
    for (const initial of ['on', 'keep', 'last'] as const) {
      const { pulse, onSince } = left
      expect(startOf({ initial }, left, 0, undefined, NOW)).toEqual({ level: 'keep', pulse, onSince })
    }
    expect(startOf({ initial: 'off' }, left, 0, undefined, NOW)).toEqual({ level: 0 })
  })

  it('of a for that is off still is off, and on once it is over; initial: off stays off', () => {
    const { pulse } = ends(1, 5000)
    expect(startOf({ initial: 'keep' }, { pulse }, 1, undefined, NOW)).toEqual({ level: 0, pulse })
    expect(ALL.map((initial) => level(initial, ends(1, -1)))).toEqual([0, 1, 1, 1])
    expect(startOf({ initial: 'off' }, { pulse }, 1, undefined, NOW)).toEqual({ level: 0 })
  })

  it('is on after a limit that runs still, which goes on from where it began', () => {
    const left = { onSince: NOW - MINUTE + 1 }
    expect(startOf({ initial: 'last', max_on: MINUTE }, left, 1, undefined, NOW)).toEqual({ level: 1, ...left })
    expect(startOf({ initial: 'keep', max_on: MINUTE }, left, undefined, undefined, NOW)).toEqual({
      level: 'keep',
      ...left,
    })
  })

  it('with max_on is never on anew where nobody knows since when: the line is taken as it is', () => {
    expect(level('last', {}, { max_on: MINUTE, last: 1 })).toBe('keep')
    expect(level('last', {}, { max_on: MINUTE, last: 0 })).toBe(0)
  })

  it('follows the max_on of today, not that of yesterday', () => {
    const left = { onSince: NOW - 10 * MINUTE }
    expect(level('keep', left, { max_on: 9 * MINUTE })).toBe(0)
    expect(level('keep', left, { max_on: 11 * MINUTE })).toBe('keep')
    expect(level('keep', left)).toBe('keep')
  })

  it('waits out the rest of the grace time of on_disconnect', () => {
    expect(level('on', {}, { away: NOW - MINUTE + 1 })).toBe(1)
  })
})
