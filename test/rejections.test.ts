import { describe, expect, it } from 'vitest'
import { createRejectionLog } from '../src/rejections.ts'
import { recordLog } from './fakes/recording-log.ts'

describe('values that are dropped', () => {
  const bad = { values: {}, rejected: [{ quantity: 'temperature', value: 999, reason: 'out-of-range' }] } as const
  const good = { values: { temperature: 21 }, rejected: [] } as const

  const told = (readings: readonly (typeof bad | typeof good)[]): unknown[] => {
    const { log, lines } = recordLog()
    const tell = createRejectionLog(log, 'attic')
    for (const reading of readings) tell(reading)
    return lines
      .filter(({ level }) => level !== 'debug')
      .map(({ msg, dropped }) => (dropped === undefined ? msg : `${msg}: ${dropped}`))
  }
  const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

  it('are told when they begin, not each time', () => {
    expect(told(times(100, bad))).toEqual(['value dropped'])
  })

  it('now and then are one fault', () => {
    expect(told(times(50, [bad, ...times(9, good)]).flat())).toEqual(['value dropped'])
  })

  it('have an end that is told with their number, and may begin again', () => {
    const readings = [...times(3, bad), ...times(20, good), bad]
    expect(told(readings)).toEqual(['value dropped', 'values are good again: 3', 'value dropped'])
  })

  it('that never were are not told to be good again', () => {
    expect(told(times(100, good))).toEqual([])
  })
})
