import { describe, expect, it } from 'vitest'
import { aht20, createAht20 } from '../../src/sensors/aht20.ts'
import { type ChipCase, chipBench } from '../fakes/chip-bench.ts'
import { FakeAht20 } from '../fakes/fake-aht20.ts'
import { failureOf, NEVER, turned } from '../fakes/turned.ts'
import { chipContract } from './chip-contract.ts'

const CASE: ChipCase<FakeAht20> = {
  open: (load, env) => createAht20(load).open({ bus: 1, address: 0x38, metrics: {} }, env),
  address: 0x38,
  chip: (clock) => new FakeAht20(clock),
  truth: { temperature: 25, humidity: 50 },
}

chipContract('AHT20', CASE)

chipContract('AHT20 that needs no initialisation', {
  ...CASE,
  chip: (clock) => Object.assign(new FakeAht20(clock), { calibratedAtOnce: true }),
})

it('has one address', () => {
  expect(aht20.options.parse({})).toEqual({ bus: 1, address: 0x38 })
  const [issue] = aht20.options.safeParse({ address: 0x39 }).error?.issues ?? []
  expect(issue?.message).toBe('must be 0x38, without quotes')
})

describe('the values', () => {
  it.each([
    ['a frame that a real part gave: 1c3b5e8688b2', 0x688b2, 0x3b5e8, 31.67, 23.19],
    ['the middle of both scales', 0x80000, 0x80000, 50, 50],
    ['freezing', 0x40000, 0xfffff, 0, 100],
    ['dry', 0x60000, 0x00000, 25, 0],
  ])('are those of the datasheet’s formulas: %s', async (_name, rawT, rawH, temperature, humidity) => {
    const { clock, chip, openAndRead } = chipBench(CASE)
    chip.raw = { temperature: rawT, humidity: rawH }
    const sample = await turned(clock, openAndRead())
    expect(sample.temperature).toBeCloseTo(temperature, 2)
    expect(sample.humidity).toBeCloseTo(humidity, 2)
  })

  it.each([0x00000, 0xfffff])('are none where the raw temperature is %i, which no air has', async (temperature) => {
    const { clock, chip, openAndRead } = chipBench(CASE)
    chip.raw = { temperature, humidity: 0x80000 }
    const error = await failureOf(clock, openAndRead())
    expect(error.kind).toBe('invalid-data')
    expect(error.message).toContain('no measurement (raw ')
  })
})

describe('opening', () => {
  it('initialises a chip without its calibration, and leaves one that has it alone', async () => {
    const commands = async (calibratedAtOnce: boolean) => {
      const { clock, i2c, chip, openAndRead } = chipBench(CASE)
      chip.calibratedAtOnce = calibratedAtOnce
      await turned(clock, openAndRead())
      return i2c.transfers.filter(({ kind }) => kind === 'write').map(({ register }) => register)
    }
    expect(await commands(false)).toEqual([0xba, 0xbe, 0xac])
    expect(await commands(true)).toEqual([0xba, 0xac])
  })

  it('refuses a chip that does not take its calibration', async () => {
    const { clock, i2c, chip, open } = chipBench(CASE)
    chip.calibrates = false
    const error = await failureOf(clock, open())
    expect(error.kind).toBe('invalid-data')
    expect(error.message).toContain('calibration (raw 10)')
    expect(i2c).toMatchObject({ closed: 1, descriptors: 0 })
  })
})

describe('a read', () => {
  it('leaves the chip in peace until it may be ready, and then asks for its status once', async () => {
    const { clock, i2c, open } = chipBench(CASE)
    const sensor = await turned(clock, open())
    const begun = clock.monotonic()
    const asked: number[] = []
    i2c.before = (_count, { length }) => {
      if (length === 1) asked.push(clock.monotonic() - begun)
    }
    await turned(clock, sensor.read(NEVER))
    expect(asked).toEqual([80])
    await sensor.close()
  })

  it('that another program disturbs is an error', async () => {
    const { clock, i2c, chip, open } = chipBench(CASE)
    const sensor = await turned(clock, open())
    i2c.before = (_count, { length }) => {
      if (length === 7) chip.receive([0xac, 0x33, 0x00])
    }
    const error = await failureOf(clock, sensor.read(NEVER))
    expect(error.kind).toBe('invalid-data')
    expect(error.message).toContain('no measurement')
    await sensor.close()
  })

  it('waits for a chip that takes longer than it should', async () => {
    const { clock, chip, openAndRead } = chipBench(CASE)
    chip.measuringMs = 200
    expect(await turned(clock, openAndRead())).toEqual(CASE.truth)
  })

  it('of a chip that is busy for ever gives up', async () => {
    const { clock, chip, open } = chipBench(CASE)
    const sensor = await turned(clock, open())
    chip.measuringMs = 1e9
    const started = clock.monotonic()
    const error = await failureOf(clock, sensor.read(NEVER))
    expect(error.kind).toBe('timeout')
    expect(error.message).toContain('measuring')
    expect(clock.monotonic() - started).toBeLessThan(1000)
    await sensor.close()
  })

  it('of a chip that lost its calibration is an error that a reopen mends', async () => {
    const { clock, chip, open, openAndRead } = chipBench(CASE)
    const sensor = await turned(clock, open())
    chip.powerCycle()
    await clock.advance(1000)
    const error = await failureOf(clock, sensor.read(NEVER))
    expect(error.kind).toBe('invalid-data')
    expect(error.message).toContain('not calibrated')
    await sensor.close()
    expect(await turned(clock, openAndRead())).toEqual(CASE.truth)
  })

  it.each([1, 2, 3, 4, 5, 6])('whose byte %i is garbled is an ordinary fault', async (byte) => {
    const { clock, chip, open } = chipBench(CASE)
    const sensor = await turned(clock, open())
    chip.garbled = Array.from({ length: 7 }, (_, index) => (index === byte ? 0x80 : 0))
    expect(await failureOf(clock, sensor.read(NEVER))).toMatchObject({ kind: 'checksum', ordinary: true })
    await sensor.close()
  })
})
