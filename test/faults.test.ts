import { describe, expect, it } from 'vitest'
import { FaultLog } from '../src/faults.ts'
import { recordLog } from './fakes/recording-log.ts'

const silent = { kind: 'silent', message: 'no answer' }
const garbled = { kind: 'checksum', message: 'garbled' }

describe('a fault', () => {
  it('that repeats is told once, below that at debug, and its end with how often it happened', () => {
    const { log, lines } = recordLog()
    const faults = new FaultLog(log, 'sensor')
    for (let times = 0; times < 5; times += 1) faults.happened(silent, { sensor: 'attic' })
    faults.ended({ sensor: 'attic' })
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'debug', 'debug', 'debug', 'debug', 'info'])
    expect(lines[0]).toMatchObject({ sensor: 'attic', kind: 'silent', reason: 'no answer', msg: 'sensor failed' })
    expect(lines[5]).toMatchObject({ sensor: 'attic', kind: 'silent', failures: 5, msg: 'sensor recovered' })
  })

  it('that repeats with other words is the same fault', () => {
    const { log, told } = recordLog()
    const faults = new FaultLog(log, 'sensor')
    faults.happened(silent)
    faults.happened({ kind: 'silent', message: 'no answer, again' })
    expect(told('warn')).toEqual(['warn sensor failed'])
    expect(faults.current?.message).toBe('no answer, again')
  })

  it('that changes its kind is told again, and the count at the end is of all', () => {
    const { log, lines } = recordLog()
    const faults = new FaultLog(log, 'broker connection')
    faults.happened(silent)
    faults.happened(silent)
    faults.happened(garbled)
    faults.ended()
    expect(lines.map(({ level, kind }) => `${level} ${kind}`)).toEqual([
      ...['warn silent', 'debug silent', 'warn checksum'],
      'info checksum',
    ])
    expect(lines.at(-1)).toMatchObject({ failures: 3 })
  })

  it('that never was has no end', () => {
    const { log, lines } = recordLog()
    new FaultLog(log, 'sensor').ended()
    expect(lines).toEqual([])
  })

  it('that begins again after its end is told, and counted, afresh', () => {
    const { log, lines } = recordLog()
    const faults = new FaultLog(log, 'sensor')
    faults.happened(silent)
    faults.ended()
    expect(faults.current).toBeUndefined()
    faults.ended()
    faults.happened(silent)
    faults.ended()
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info', 'warn', 'info'])
    expect(lines.at(-1)).toMatchObject({ failures: 1 })
  })
})
