import { describe, expect, it } from 'vitest'
import { silentLog } from '../../src/log.ts'
import { ads1115, createAds1115 } from '../../src/sensors/ads1115.ts'
import { type ChipCase, chipBench } from '../fakes/chip-bench.ts'
import { FakeAds1115 } from '../fakes/fake-ads1115.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { FakeI2c } from '../fakes/fake-i2c.ts'
import { failureOf, NEVER, turned } from '../fakes/turned.ts'
import { chipContract } from './chip-contract.ts'

type Channel = 0 | 1 | 2 | 3 | '0-1' | '0-3' | '1-3' | '2-3'
type Gain = 6.144 | 4.096 | 2.048 | 1.024 | 0.512 | 0.256

const caseOf = (channel: Channel, gain: Gain, voltage: number): ChipCase<FakeAds1115> => ({
  open: (load, env) => createAds1115(load).open({ bus: 1, address: 0x48, channel, gain, metrics: {} }, env),
  address: 0x48,
  chip: (clock) => new FakeAds1115(clock),
  truth: { voltage },
})

// A single garbled result can't be told: any 16 bits are a voltage. What sticks is seen in the config register.
chipContract('ADS1115', caseOf(1, 4.096, 2), { register: 0x00 })
// What the chip has after a reset, but for the rate.
chipContract('ADS1115 set as after its reset', caseOf('0-1', 2.048, -1), { register: 0x00 })

describe('the options', () => {
  it('have the defaults of most boards, and need a channel', () => {
    expect(ads1115.options.parse({ channel: 0 })).toEqual({ bus: 1, address: 0x48, channel: 0, gain: 4.096 })
    expect(ads1115.options.safeParse({}).success).toBe(false)
  })

  it.each([
    [{ channel: 4 }, 'must be 0, 1, 2 or 3, or a pair: 0-1, 0-3, 1-3 or 2-3'],
    [{ channel: '1-0' }, 'must be 0, 1, 2 or 3, or a pair: 0-1, 0-3, 1-3 or 2-3'],
    [{ channel: '0' }, 'must be 0, 1, 2 or 3, or a pair: 0-1, 0-3, 1-3 or 2-3'],
    [{ channel: 0, gain: 4 }, 'must be the full scale in V: 6.144, 4.096, 2.048, 1.024, 0.512, 0.256'],
    [{ channel: 0, address: 0x4c }, 'must be 0x48, 0x49, 0x4a or 0x4b, without quotes'],
  ])('refuse %j in words', (given, message) => {
    expect(ads1115.options.safeParse(given).error?.issues.map((issue) => issue.message)).toEqual([message])
  })
})

describe('the config register', () => {
  it.each<[Channel, Gain, string]>([
    ['0-1', 6.144, '816b'],
    ['0-3', 4.096, '936b'],
    ['1-3', 2.048, 'a56b'],
    ['2-3', 1.024, 'b76b'],
    [0, 0.512, 'c96b'],
    [1, 0.256, 'db6b'],
    [2, 4.096, 'e36b'],
    [3, 4.096, 'f36b'],
  ])('is what the datasheet says for channel %s at %d V: %s', async (channel, gain, wanted) => {
    const { clock, i2c, chip, openAndRead } = chipBench(caseOf(channel, gain, 0))
    chip.volts = [0, 0, 0, 0]
    await turned(clock, openAndRead())
    const [idle, start] = i2c.transfers.flatMap(({ bytes }) => (bytes === undefined ? [] : [Buffer.from(bytes)]))
    expect(start?.toString('hex')).toBe(`01${wanted}`)
    // Opening sets the chip up and starts nothing; the comparator's polarity tells one start from the next.
    expect(idle?.readUInt16BE(1)).toBe(Number.parseInt(wanted, 16) & 0x7ff7)
  })
})

describe('the values', () => {
  it.each<[string, Gain, number]>([
    ['187.5 µV', 6.144, 187.5e-6],
    ['125 µV', 4.096, 125e-6],
    ['62.5 µV', 2.048, 62.5e-6],
    ['31.25 µV', 1.024, 31.25e-6],
    ['15.625 µV', 0.512, 15.625e-6],
    ['7.8125 µV', 0.256, 7.8125e-6],
  ])('are in steps of %s at a full scale of %d V, with their sign', async (_name, gain, step) => {
    for (const counts of [1, -1, 0, 20_000, -20_000, 0x7ffe, -0x7fff]) {
      const { clock, chip, openAndRead } = chipBench(caseOf('2-3', gain, 0))
      chip.volts = [0, 0, counts * step, 0]
      expect((await turned(clock, openAndRead())).voltage).toBeCloseTo(counts * step, 9)
    }
  })

  it.each<[Channel, number]>([
    [0, 1],
    [1, 2],
    [2, 0.5],
    [3, -0.25],
    ['0-1', -1],
    ['0-3', 1.25],
    ['1-3', 2.25],
    ['2-3', 0.75],
  ])('are those of channel %s', async (channel, voltage) => {
    const { clock, openAndRead } = chipBench(caseOf(channel, 4.096, voltage))
    expect(await turned(clock, openAndRead())).toEqual({ voltage })
  })

  it.each([5, -5])('are none at the end of the scale (%d V at 4.096): it may be anything', async (volts) => {
    const { clock, chip, openAndRead } = chipBench(caseOf('0-1', 4.096, 0))
    chip.volts = [volts, 0, 0, 0]
    const error = await failureOf(clock, openAndRead())
    expect(error.kind).toBe('invalid-data')
    expect(error.message).toContain('4.096 V or beyond, which needs another gain')
  })
})

describe('entries that share a chip', () => {
  it('read each its own channel, however their reads coincide', async () => {
    const clock = new FakeClock()
    const i2c = new FakeI2c()
    i2c.attach(1, 0x48, new FakeAds1115(clock))
    const env = { clock, log: silentLog(), root: '/', name: 'attic' }
    const type = createAds1115(i2c.load)
    const channels = [0, 1, 2, 3] as const
    const options = channels.map((channel) => ({ bus: 1, address: 0x48, channel, gain: 4.096, metrics: {} }) as const)
    const sensors = await turned(clock, Promise.all(options.map((each) => type.open(each, env))))
    for (let round = 0; round < 3; round += 1) {
      const samples = await turned(clock, Promise.all(sensors.map((sensor) => sensor.read(NEVER))))
      expect(samples).toEqual([{ voltage: 1 }, { voltage: 2 }, { voltage: 0.5 }, { voltage: -0.25 }])
    }
    await Promise.all(sensors.map((sensor) => sensor.close()))
    expect(i2c).toMatchObject({ opened: 4, closed: 4, descriptors: 0, misuse: [] })
  })
})

describe('opening', () => {
  it('refuses a chip that does not hold what it is given', async () => {
    const { clock, i2c, open } = chipBench(caseOf(0, 4.096, 1))
    i2c.attach(1, 0x48, { read: () => 0x19, write: () => {} })
    const error = await failureOf(clock, open())
    expect(error.kind).toBe('invalid-data')
    expect(error.message).toContain('config register is 1919 and not 4363')
    expect(i2c).toMatchObject({ closed: 1, descriptors: 0 })
  })

  it('points to a chip at another address', async () => {
    const { clock, i2c, chip, open } = chipBench(caseOf(0, 4.096, 1))
    i2c.detach(1, 0x48)
    i2c.attach(1, 0x4a, chip)
    const error = await failureOf(clock, open())
    expect(error.message).toContain('set address: 0x4a')
    expect(i2c.transfers.filter(({ address }) => address === 0x4a).map(({ kind }) => kind)).toEqual(['probe'])
  })
})

describe('a read', () => {
  it('leaves the chip in peace until it may be ready, and asks before and after it takes the result', async () => {
    const { clock, i2c, open } = chipBench(caseOf(0, 4.096, 1))
    const sensor = await turned(clock, open())
    const before = i2c.transfers.length
    await turned(clock, sensor.read(NEVER))
    expect(i2c.transfers.slice(before).map(({ kind, register }) => [kind, register])).toEqual([
      ['write', 0x01],
      ['read', 0x01],
      ['read', 0x00],
      ['read', 0x01],
    ])
    await sensor.close()
  })

  it('waits for a chip that takes longer than it should', async () => {
    const { clock, chip, openAndRead } = chipBench(caseOf(0, 4.096, 1))
    chip.slowness = 5
    expect(await turned(clock, openAndRead())).toEqual({ voltage: 1 })
  })

  it('of a chip that never ends converting gives up', async () => {
    const { clock, chip, open } = chipBench(caseOf(0, 4.096, 1))
    const sensor = await turned(clock, open())
    chip.hangs = true
    const started = clock.monotonic()
    expect((await failureOf(clock, sensor.read(NEVER))).kind).toBe('timeout')
    expect(clock.monotonic() - started).toBeLessThan(1000)
    await sensor.close()
  })

  it('whose start did not reach the chip is an error, not the last result once more', async () => {
    const { clock, i2c, open } = chipBench(caseOf(0, 4.096, 1))
    const sensor = await turned(clock, open())
    await turned(clock, sensor.read(NEVER))
    i2c.before = (_count, { kind }) => {
      i2c.stuck = kind === 'write' ? 0x00 : undefined
    }
    expect((await failureOf(clock, sensor.read(NEVER))).kind).toBe('invalid-data')
    await sensor.close()
  })

  it('that another program disturbs is an error', async () => {
    const { clock, i2c, chip, openAndRead } = chipBench(caseOf(0, 4.096, 1))
    i2c.before = (_count, { register, length }) => {
      if (register === 0x00 && length === 2) chip.receive([1, 0xd3, 0x63])
    }
    const error = await failureOf(clock, openAndRead())
    expect(error.kind).toBe('invalid-data')
    expect(error.message).toContain('another program')
  })
})
