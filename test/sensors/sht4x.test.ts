import { describe, expect, it } from 'vitest'
import { createSht4x, sht4x } from '../../src/sensors/sht4x.ts'
import { type ChipCase, chipBench } from '../fakes/chip-bench.ts'
import { FakeSht3x } from '../fakes/fake-sht3x.ts'
import { FakeSht4x } from '../fakes/fake-sht4x.ts'
import { failureOf, NEVER, turned } from '../fakes/turned.ts'
import { chipContract } from './chip-contract.ts'

const CASE: ChipCase<FakeSht4x> = {
  open: (load, env) => createSht4x(load).open({ bus: 1, address: 0x44, metrics: {} }, env),
  address: 0x44,
  chip: (clock) => new FakeSht4x(clock),
  truth: { temperature: 25, humidity: -6 + (125 * 0x6666) / 65_535 },
}

chipContract('SHT4x', CASE)

describe('the options', () => {
  it('have the default of most boards, and the three addresses that are sold', () => {
    expect(sht4x.options.parse({})).toEqual({ bus: 1, address: 0x44 })
    for (const address of [0x44, 0x45, 0x46]) expect(sht4x.options.parse({ address })).toMatchObject({ address })
    const [issue] = sht4x.options.safeParse({ address: 0x47 }).error?.issues ?? []
    expect(issue?.message).toBe('must be 0x44, 0x45 or 0x46, without quotes')
  })
})

describe('the values', () => {
  it.each([
    ['dry, below the scale: cropped to 0', 0x0000, 0x0000, -45, 0],
    ['just at 0 %', 0x6666, 0x0c49, 25, 0],
    ['room', 0x6666, 0x72b0, 25, 50],
    ['just at 100 %', 0x6666, 0xd916, 25, 100],
    ['wet, above the scale: cropped to 100', 0xffff, 0xffff, 130, 100],
  ])('are those of the datasheet’s formulas: %s', async (_name, rawT, rawH, temperature, humidity) => {
    const { clock, chip, openAndRead } = chipBench(CASE)
    chip.raw = { temperature: rawT, humidity: rawH }
    const sample = await turned(clock, openAndRead())
    expect(sample.temperature).toBeCloseTo(temperature, 2)
    expect(sample.humidity).toBeCloseTo(humidity, 2)
    expect(sample.humidity).toBeGreaterThanOrEqual(0)
    expect(sample.humidity).toBeLessThanOrEqual(100)
  })
})

describe('opening', () => {
  it('begins with a reset, which ends whatever another program has begun, and a heater', async () => {
    const { clock, i2c, openAndRead } = chipBench(CASE)
    await turned(clock, openAndRead())
    expect(i2c.transfers.flatMap(({ bytes = [] }) => bytes)).toEqual([0x94, 0x89, 0xfd])
  })

  it('refuses a serial number whose CRC is wrong', async () => {
    const { clock, i2c, chip, open } = chipBench(CASE)
    chip.garbled = [0, 0, 0, 1]
    expect((await failureOf(clock, open())).kind).toBe('checksum')
    expect(i2c).toMatchObject({ closed: 1, descriptors: 0 })
  })

  it('finds no SHT4x in an SHT3x, which has the same address and other commands', async () => {
    const { clock, i2c, open } = chipBench(CASE)
    i2c.attach(1, 0x44, new FakeSht3x(clock))
    expect((await failureOf(clock, open())).kind).toBe('not-found')
    expect(i2c).toMatchObject({ closed: 1, descriptors: 0 })
  })
})

describe('a read', () => {
  it.each([0, 1, 2, 3, 4, 5])(
    'whose byte %i is garbled is an ordinary fault, and the next one is good',
    async (byte) => {
      const { clock, chip, open } = chipBench(CASE)
      const sensor = await turned(clock, open())
      chip.garbled = Array.from({ length: 6 }, (_, index) => (index === byte ? 0x01 : 0))
      expect(await failureOf(clock, sensor.read(NEVER))).toMatchObject({ kind: 'checksum', ordinary: true })
      chip.garbled = []
      expect(await turned(clock, sensor.read(NEVER))).toEqual(CASE.truth)
      await sensor.close()
    },
  )

  it('of a chip that measures for ever is an error', async () => {
    const { clock, chip, open } = chipBench(CASE)
    const sensor = await turned(clock, open())
    chip.measuringMs = 1e9
    expect((await failureOf(clock, sensor.read(NEVER))).kind).toBe('not-found')
    await sensor.close()
  })
})
