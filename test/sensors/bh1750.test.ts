import { describe, expect, it } from 'vitest'
import { bh1750, createBh1750 } from '../../src/sensors/bh1750.ts'
import { type ChipCase, chipBench } from '../fakes/chip-bench.ts'
import { FakeBh1750 } from '../fakes/fake-bh1750.ts'
import { failureOf, NEVER, turned } from '../fakes/turned.ts'
import { chipContract } from './chip-contract.ts'

const CASE: ChipCase<FakeBh1750> = {
  open: (load, env) => createBh1750(load).open({ bus: 1, address: 0x23, metrics: {} }, env),
  address: 0x23,
  chip: (clock) => new FakeBh1750(clock),
  truth: { illuminance: 0x8390 / 1.2 },
}

// Zeros are what darkness looks like, and the chip has nothing else to say.
chipContract('BH1750', CASE, { stuck: [0x00] })

describe('the options', () => {
  it('have the defaults of most boards', () => {
    expect(bh1750.options.parse({})).toEqual({ bus: 1, address: 0x23 })
    const [issue] = bh1750.options.safeParse({ address: 0x24 }).error?.issues ?? []
    expect(issue?.message).toBe('must be 0x23 or 0x5c, without quotes')
  })
})

describe('the values', () => {
  it.each([
    ['the datasheet’s example', 0x8390, 28_067],
    ['one count', 0x0001, 0.83],
    ['darkness', 0x0000, 0],
    ['the brightest', 0xfffe, 54_611.7],
  ])('are those of the datasheet’s formula: %s', async (_name, raw, illuminance) => {
    const { clock, chip, openAndRead } = chipBench(CASE)
    chip.raw = raw
    const sample = await turned(clock, openAndRead())
    expect(Math.abs((sample.illuminance ?? Number.NaN) - illuminance)).toBeLessThan(0.5)
  })
})

describe('a chip at its other address', () => {
  it('is pointed to, and nothing is written there', async () => {
    const { clock, i2c, chip, open } = chipBench(CASE)
    i2c.detach(1, 0x23)
    i2c.attach(1, 0x5c, chip)
    const error = await failureOf(clock, open())
    expect(error.kind).toBe('not-found')
    expect(error.message).toContain('set address: 0x5c')
    expect(i2c.transfers.map(({ address, kind }) => [address, kind])).toEqual([
      [0x23, 'write'],
      [0x5c, 'probe'],
    ])
  })
})

describe('a read', () => {
  it('at the end of the scale is no number: the light may be anything', async () => {
    const { clock, chip, openAndRead } = chipBench(CASE)
    chip.raw = 0xffff
    const error = await failureOf(clock, openAndRead())
    expect(error.kind).toBe('invalid-data')
    expect(error.message).toContain('too bright, or a stuck bus (raw ffff)')
  })

  it('is made afresh: where the chip is too slow, its last result is not taken for the next', async () => {
    const { clock, chip, open } = chipBench(CASE)
    const sensor = await turned(clock, open())
    await turned(clock, sensor.read(NEVER))
    chip.measuringMs = 250
    chip.raw = 1200
    const sample = await turned(clock, sensor.read(NEVER))
    expect(sample.illuminance).not.toBe(CASE.truth.illuminance)
    await sensor.close()
  })

  it('of a chip that lost its power before it answered is made again: 0 is not darkness yet', async () => {
    const { clock, i2c, chip, openAndRead } = chipBench(CASE)
    let answers = 0
    i2c.before = (_count, { kind }) => {
      if (kind !== 'read') return
      if (answers === 0) chip.powerCycle()
      answers += 1
    }
    expect(await turned(clock, openAndRead())).toEqual(CASE.truth)
    expect(answers).toBe(2)
  })

  it('is right also after another program changed the sensitivity', async () => {
    const { clock, chip, openAndRead } = chipBench(CASE)
    chip.sensitivity = 31
    expect(await turned(clock, openAndRead())).toEqual(CASE.truth)
    expect(chip.sensitivity).toBe(69)
  })
})
