import { describe, expect, it } from 'vitest'
import { Dialect } from '../src/dialect.ts'
import { ConnectionError, refusal } from '../src/mqtt-errors.ts'
import type { Message } from '../src/telemetry.ts'
import { recordLog } from './fakes/recording-log.ts'

const will: Message = { topic: 'devices/n/status', payload: 'offline', qos: 1, retain: true }
const cut = new ConnectionError('closed', 'the broker ended the connection')
const absent = new ConnectionError('ECONNREFUSED', 'nothing listens')

describe('how to speak to a broker', () => {
  const create = (): { dialect: Dialect; told: () => string[] } => {
    const { log, told } = recordLog()
    return { dialect: new Dialect(5, will, log), told: () => told('warn') }
  }

  it.each([1, 132])('is MQTT 3.1.1 for good once it refuses the version, with reason code %i', (code) => {
    const { dialect, told } = create()
    expect(dialect.adapt(refusal(code))).toBe(true)
    dialect.ended()
    expect(dialect.protocol).toBe(4)
    expect(told()).toHaveLength(1)
  })

  it('is MQTT 3.1.1 for one connection after three were cut before an answer', () => {
    const { dialect } = create()
    expect([cut, cut, cut].map((error) => dialect.adapt(error))).toEqual([false, false, true])
    expect(dialect.protocol).toBe(4)
    dialect.ended()
    expect(dialect.protocol).toBe(5)
    expect(dialect.adapt(cut)).toBe(false)
  })

  it('stays MQTT 5 at a broker that is away, or cut off now and then', () => {
    const { dialect } = create()
    for (const error of [cut, cut, absent, cut, cut, absent]) expect(dialect.adapt(error)).toBe(false)
    dialect.adapt(cut)
    dialect.adapt(cut)
    dialect.ended()
    expect(dialect.adapt(cut)).toBe(false)
    expect(dialect.protocol).toBe(5)
  })

  it('has a will at quality of service 0 where 1 is refused, and says so once', () => {
    const { dialect, told } = create()
    expect(dialect.adapt(refusal(0x9b))).toBe(true)
    expect(dialect.will).toEqual({ ...will, qos: 0 })
    expect(dialect.adapt(refusal(0x9b))).toBe(false)
    expect(told()).toHaveLength(1)
  })

  it('has a will that is not retained where that is refused', () => {
    const { dialect } = create()
    expect(dialect.adapt(refusal(0x9a))).toBe(true)
    expect(dialect.will).toEqual({ ...will, retain: false })
  })

  it('is told once of each thing that the broker can’t', () => {
    const { dialect, told } = create()
    const full = { receiveMaximum: 20, maximumQos: 1, retainAvailable: true, maximumPacketSize: 1e6 } as const
    dialect.accepted(full)
    expect(told()).toEqual([])
    for (let times = 0; times < 3; times += 1) dialect.accepted({ ...full, maximumQos: 0, retainAvailable: false })
    expect(told()).toEqual([
      expect.stringContaining('delivered when it is written to the socket'),
      expect.stringContaining('can’t retain messages: states reach only'),
    ])
  })

  it.each([3, 5, 134, 135, 136, 142])('is not changed by reason code %i', (code) => {
    const { dialect } = create()
    expect(dialect.adapt(refusal(code))).toBe(false)
    expect([dialect.protocol, dialect.will]).toEqual([5, will])
  })
})
