import { describe, expect, it } from 'vitest'
import { createSht3x, sht3x } from '../../src/sensors/sht3x.ts'
import { type ChipCase, chipBench } from '../fakes/chip-bench.ts'
import { FakeSht3x } from '../fakes/fake-sht3x.ts'
import { failureOf, NEVER, turned } from '../fakes/turned.ts'
import { chipContract } from './chip-contract.ts'

const CASE: ChipCase<FakeSht3x> = {
  open: (load, env) => createSht3x(load).open({ bus: 1, address: 0x44, metrics: {} }, env),
  address: 0x44,
  chip: (clock) => new FakeSht3x(clock),
  truth: { temperature: 25, humidity: (100 * 0x8000) / 65_535 },
}

chipContract('SHT3x', CASE)

describe('the options', () => {
  it('have the defaults of most boards', () => {
    expect(sht3x.options.parse({})).toEqual({ bus: 1, address: 0x44 })
  })

  it.each([0x46, '0x44'])('refuse %j in words', (address) => {
    const [issue] = sht3x.options.safeParse({ address }).error?.issues ?? []
    expect(issue?.message).toBe('must be 0x44 or 0x45, without quotes')
  })
})

describe('the values', () => {
  it.each([
    ['the lowest', 0x0000, 0x0000, -45, 0],
    ['room temperature', 0x6666, 0x6666, 25, 40],
    ['freezing', 0x41d4, 0xcccc, 0.0, 80],
    ['the highest', 0xffff, 0xffff, 130, 100],
  ])('are those of the datasheet’s formulas: %s', async (_name, rawT, rawH, temperature, humidity) => {
    const { clock, chip, openAndRead } = chipBench(CASE)
    chip.raw = { temperature: rawT, humidity: rawH }
    const sample = await turned(clock, openAndRead())
    expect(sample.temperature).toBeCloseTo(temperature, 2)
    expect(sample.humidity).toBeCloseTo(humidity, 2)
  })
})

describe('opening', () => {
  it('stops a chip that another program has set to measure by itself', async () => {
    const { clock, chip, openAndRead } = chipBench(CASE)
    chip.periodic = true
    expect(await turned(clock, openAndRead())).toEqual(CASE.truth)
  })

  it('switches off a heater that another program has left on', async () => {
    const { clock, chip, openAndRead } = chipBench(CASE)
    chip.heater = true
    await turned(clock, openAndRead())
    expect(chip.heater).toBe(false)
  })

  it('refuses a chip whose heater stays on: its air is not the room’s', async () => {
    const { clock, i2c, chip, open } = chipBench(CASE)
    chip.heater = true
    chip.heaterStuck = true
    const error = await failureOf(clock, open())
    expect(error.kind).toBe('wrong-device')
    expect(error.message).toContain('heater')
    expect(i2c).toMatchObject({ closed: 1, descriptors: 0 })
  })

  it('refuses a chip that answers with a wrong CRC', async () => {
    const { clock, i2c, chip, open } = chipBench(CASE)
    chip.garbled = [0, 0, 1]
    expect((await failureOf(clock, open())).kind).toBe('checksum')
    expect(i2c).toMatchObject({ closed: 1, descriptors: 0 })
  })
})

describe('a read', () => {
  it.each([0, 1, 2, 3, 4, 5])(
    'whose byte %i is garbled is an ordinary fault, and the next one is good',
    async (byte) => {
      const { clock, chip, open } = chipBench(CASE)
      const sensor = await turned(clock, open())
      chip.garbled = Array.from({ length: 6 }, (_, index) => (index === byte ? 0x10 : 0))
      expect(await failureOf(clock, sensor.read(NEVER))).toMatchObject({ kind: 'checksum', ordinary: true })
      chip.garbled = []
      expect(await turned(clock, sensor.read(NEVER))).toEqual(CASE.truth)
      await sensor.close()
    },
  )

  it('waits for the longest time that the datasheet gives, and not for a chip that takes longer', async () => {
    const { clock, chip, open } = chipBench(CASE)
    const sensor = await turned(clock, open())
    chip.measuringMs = 1e9
    expect((await failureOf(clock, sensor.read(NEVER))).kind).toBe('not-found')
    await sensor.close()
  })
})
