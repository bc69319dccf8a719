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
    const full = { receiveMaximum: 20, maximumQos: 2, retainAvailable: true, maximumPacketSize: 1e6 } as const
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

describe('messages at quality of service 2', () => {
  const takenAfter = (protocol: 4 | 5, arrived: readonly boolean[]): number => {
    const dialect = new Dialect(protocol, will, recordLog().log)
    for (const one of arrived) dialect.sentAt2(one)
    return dialect.takes.maximumQos
  }

  it('go at 1 after two that a broker of MQTT 3.1.1 hung up at, and stay so', () => {
    expect([takenAfter(4, [false]), takenAfter(4, [false, false]), takenAfter(4, [false, false, true])]).toEqual([
      2, 1, 1,
    ])
  })

  it('stay what they are where one arrives in between, and by MQTT 5, which has a word for it', () => {
    expect([takenAfter(4, [false, true, false]), takenAfter(5, [false, false, false])]).toEqual([2, 2])
  })
})

describe('how to speak to a broker of MQTT 3.1.1 that hangs up before an answer', () => {
  interface Broker {
    readonly maximumQos: 0 | 1
    readonly retainAvailable: boolean
    /** Cuts every connection. */
    readonly none?: true
  }
  const FULL: Broker = { maximumQos: 1, retainAvailable: true }
  const { log, told } = recordLog()
  const seen = (): string[] => told('warn')

  /** One connection as `mqtt.ts` makes it: `cut` (with a pause after it, or at once), `trial`, or what it is used with. */
  const connect = (dialect: Dialect, broker: Broker): string => {
    const { qos, retain } = dialect.will
    const { maximumQos, retainAvailable } = dialect.takes
    expect([qos, retain]).toEqual([Math.min(maximumQos, 1), retainAvailable])
    if (broker.none === true || qos > broker.maximumQos || (retain && !broker.retainAvailable))
      return dialect.adapt(cut) ? 'cut, at once' : 'cut'
    return dialect.usable() ? `${qos} ${retain}` : 'trial'
  }
  const connects = (dialect: Dialect, broker: Broker, times: number): string[] =>
    Array.from({ length: times }, () => connect(dialect, broker))

  it.each([
    { maximumQos: 0, retainAvailable: true, trials: ['trial'], used: '0 true', warnings: 1 },
    { maximumQos: 1, retainAvailable: false, trials: ['cut, at once', 'trial'], used: '1 false', warnings: 1 },
    {
      maximumQos: 0,
      retainAvailable: false,
      trials: ['cut, at once', 'cut, at once', 'trial'],
      used: '0 false',
      warnings: 2,
    },
  ] as const)('is found by trial: %o', ({ trials, used, warnings, ...broker }) => {
    const before = seen().length
    const dialect = new Dialect(4, will, log)
    expect(connects(dialect, broker, 5 + trials.length)).toEqual([
      ...['cut', 'cut', 'cut, at once'],
      ...trials,
      ...['cut, at once', used],
    ])
    dialect.ended()
    // A whole will is tried again at each connect: the broker may have been set up anew.
    expect(connects(dialect, broker, 2)).toEqual(['cut, at once', used])
    dialect.ended()
    expect(connects(dialect, FULL, 1)).toEqual(['1 true'])
    expect(seen().length - before).toBe(warnings)
  })

  it('is not lowered where a broker was only about to start', () => {
    const dialect = new Dialect(4, will, log)
    const before = seen().length
    expect(connects(dialect, { ...FULL, none: true }, 3)).toEqual(['cut', 'cut', 'cut, at once'])
    expect(connects(dialect, FULL, 2)).toEqual(['trial', '1 true'])
    dialect.ended()
    expect(connects(dialect, FULL, 1)).toEqual(['1 true'])
    expect(seen()).toHaveLength(before)
  })

  it('is not lowered where nothing helps, and each round has its pauses', () => {
    const dialect = new Dialect(4, will, log)
    const round = ['cut', 'cut', 'cut, at once', 'cut, at once', 'cut, at once', 'cut']
    expect(connects(dialect, { ...FULL, none: true }, 12)).toEqual([...round, ...round])
    expect(connects(dialect, FULL, 1)).toEqual(['1 true'])
  })

  it('begins anew where what was proven does not hold any more', () => {
    const dialect = new Dialect(4, will, log)
    expect(connects(dialect, { maximumQos: 0, retainAvailable: true }, 6).at(-1)).toBe('0 true')
    dialect.ended()
    const other = { maximumQos: 1, retainAvailable: false } as const
    expect(connects(dialect, other, 9)).toEqual([
      ...['cut, at once', 'cut', 'cut, at once', 'cut, at once', 'trial', 'cut, at once', '1 false'],
      ...['1 false', '1 false'],
    ])
  })

  it('is not tried for a broker that is away', () => {
    const dialect = new Dialect(4, will, log)
    for (const error of [cut, cut, absent, cut, cut, absent]) expect(dialect.adapt(error)).toBe(false)
    expect(dialect.will).toEqual(will)
    expect(connects(dialect, { ...FULL, none: true }, 3).at(-1)).toBe('cut, at once')
    expect(dialect.adapt(absent)).toBe(false) // the trial is over
    expect(dialect.will).toEqual(will)
  })
})
