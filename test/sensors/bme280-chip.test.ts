import { describe, expect, it } from 'vitest'
import { SensorError } from '../../src/errors.ts'
import { type Bench, bench, type ChipOptions, openAndRead, opening, transfersOf } from '../fakes/bme280-bench.ts'
import { FakeBme280, type Raw } from '../fakes/fake-bme280.ts'
import { addonError } from '../fakes/fake-i2c.ts'
import { failureOf, NEVER, turned } from '../fakes/turned.ts'

const CONTROL = 0xf4

describe('a measurement', () => {
  it('is made afresh for every read, not taken from the last one', async () => {
    const setup = bench()
    const sensor = await turned(setup.clock, opening(setup))
    const first = await turned(setup.clock, sensor.read(NEVER))
    setup.chip.raw = { temperature: 400_001, pressure: 300_000, humidity: 35_000 }
    const second = await turned(setup.clock, sensor.read(NEVER))
    expect(second.temperature).toBeLessThan((first.temperature ?? 0) - 10)
    await sensor.close()
  })

  it('waits for a chip that takes longer than it should', async () => {
    const setup = bench()
    setup.chip.conversionMs = 150
    expect(await turned(setup.clock, openAndRead(setup))).toMatchObject({ temperature: 25.08 })
  })

  it('that takes longer than the one before is waited for: its predecessor’s values are still there', async () => {
    const setup = bench()
    const sensor = await turned(setup.clock, opening(setup))
    setup.chip.raw = { ...setup.chip.raw, temperature: 400_001 }
    await turned(setup.clock, sensor.read(NEVER))
    setup.chip.raw = { ...setup.chip.raw, temperature: 519_888 }
    setup.chip.conversionMs = 150
    expect(await turned(setup.clock, sensor.read(NEVER))).toMatchObject({ temperature: 25.08 })
    await sensor.close()
  })

  it.each<[string, Partial<Raw>]>([
    ['temperature', { temperature: 0x80000 }],
    ['pressure', { pressure: 0x80000 }],
    ['humidity', { humidity: 0x8000 }],
  ])('whose %s by chance reads as if it were skipped is made again', async (_name, once) => {
    const setup = bench()
    const usual = setup.chip.raw
    setup.chip.raw = { ...usual, ...once }
    let conversions = 0
    setup.i2c.before = (_count, { register, value }) => {
      if (register === CONTROL && value === 0xb5 && ++conversions === 2) setup.chip.raw = usual
    }
    expect(await turned(setup.clock, openAndRead(setup))).toMatchObject({ temperature: 25.08 })
    expect(conversions).toBe(2)
  })
})

describe.each<[string, ChipOptions]>([
  ['BME280', { id: 0x60 }],
  ['BMP280', { id: 0x58 }],
])('a %s in trouble at any transfer of open and read', (_name, options) => {
  it('that fails gives a SensorError, never a number, closes the bus, and works the next time', async () => {
    const transfers = await transfersOf(options)
    for (let failing = 0; failing < transfers; failing += 1) {
      const setup = bench(options)
      setup.i2c.before = (count) => {
        if (count === failing) throw addonError('EIO')
      }
      const error = await failureOf(setup.clock, openAndRead(setup))
      expect(error.kind, `transfer ${failing}`).toBe('bus')
      expect(setup.i2c, `transfer ${failing}`).toMatchObject({ opened: 1, closed: 1, descriptors: 0, misuse: [] })
      expect(setup.clock.sleeping).toBe(0)
      expect(await turned(setup.clock, openAndRead(setup))).toMatchObject({ temperature: 25.08 })
    }
  })

  it('where it is unplugged gives a SensorError, never a number', async () => {
    const transfers = await transfersOf(options)
    for (let pulled = 0; pulled < transfers; pulled += 1) {
      const setup = bench(options)
      setup.i2c.before = (count) => {
        if (count === pulled) setup.i2c.detach(1, 0x76)
      }
      const error = await failureOf(setup.clock, openAndRead(setup))
      expect(error.kind, `transfer ${pulled}`).toBe('not-found')
      expect(setup.i2c).toMatchObject({ closed: 1, descriptors: 0, misuse: [] })
    }
  })

  it.each([0x00, 0xff])('where the bus sticks at %i gives a SensorError, never a number', async (stuck) => {
    const transfers = await transfersOf(options)
    for (let from = 0; from < transfers; from += 1) {
      const setup = bench(options)
      setup.i2c.before = (count) => {
        if (count === from) setup.chip.stuck = stuck
      }
      await failureOf(setup.clock, openAndRead(setup))
      expect(setup.i2c).toMatchObject({ closed: 1, descriptors: 0, misuse: [] })
    }
  })

  it.each([0x00, 0xff])('where one transfer alone reads as %i gives an error or the truth', async (stuck) => {
    const transfers = await transfersOf(options)
    let errors = 0
    for (let glitch = 0; glitch < transfers; glitch += 1) {
      const setup = bench(options)
      setup.i2c.before = (count) => {
        setup.chip.stuck = count === glitch ? stuck : undefined
      }
      errors += await errorOrTruth(setup, options)
    }
    expect(errors).toBeGreaterThan(4)
  })

  it('where its power fails for a moment gives an error or the truth, never default numbers', async () => {
    const transfers = await transfersOf(options)
    let errors = 0
    for (let brownOut = 0; brownOut < transfers; brownOut += 1) {
      const setup = bench(options)
      setup.i2c.before = (count) => {
        if (count === brownOut) setup.chip.powerCycle()
      }
      errors += await errorOrTruth(setup, options)
    }
    expect(errors).toBeGreaterThan(4)
  })

  it('whose power fails while a block is under way gives an error or the truth, never a number that is half of each', async () => {
    let errors = 0
    for (let register = 0xf2; register <= 0xfe; register += 1) {
      const setup = bench(options)
      setup.i2c.before = (_count, transfer) => {
        if (transfer.register === 0xf7) setup.chip.powerFailsAt = register
      }
      errors += await errorOrTruth(setup, options)
    }
    expect(errors).toBeGreaterThan(4)
  })
})

/** 1 for a SensorError, 0 for exactly what the chip would have measured; anything else fails the test. */
async function errorOrTruth(setup: Bench, options: ChipOptions): Promise<0 | 1> {
  try {
    const sample = await turned(setup.clock, openAndRead(setup))
    const truth = bench(options)
    expect(sample).toEqual(await turned(truth.clock, openAndRead(truth)))
    return 0
  } catch (error) {
    if (!(error instanceof SensorError)) throw error
    return 1
  } finally {
    expect(setup.i2c).toMatchObject({ closed: 1, descriptors: 0, misuse: [] })
  }
}

describe('a read', () => {
  it('of a chip that was replugged between two reads is an error, and a reopen gives the truth', async () => {
    const setup = bench()
    const sensor = await turned(setup.clock, opening(setup))
    await turned(setup.clock, sensor.read(NEVER))
    setup.chip.powerCycle()
    const error = await failureOf(setup.clock, sensor.read(NEVER))
    expect(error.kind).toBe('invalid-data')
    expect(error.message).toContain('was reset')
    await sensor.close()
    expect(await turned(setup.clock, openAndRead(setup))).toMatchObject({ temperature: 25.08 })
  })

  it('of a chip that another program has set to measure all the time is an error', async () => {
    const setup = bench()
    const sensor = await turned(setup.clock, opening(setup))
    setup.chip.write(CONTROL, 0xb7)
    const error = await failureOf(setup.clock, sensor.read(NEVER))
    expect(error.message).toContain('another program')
    await sensor.close()
  })

  it('of a chip that never ends measuring gives up', async () => {
    const setup = bench()
    const sensor = await turned(setup.clock, opening(setup))
    setup.chip.hangs = true
    const started = setup.clock.monotonic()
    const error = await failureOf(setup.clock, sensor.read(NEVER))
    expect(error.kind).toBe('timeout')
    expect(setup.clock.monotonic() - started).toBeLessThan(1000)
    await sensor.close()
  })

  it.each<[string, Partial<Raw>]>([
    ['a temperature that it skipped', { temperature: 0x80000 }],
    ['a pressure that it skipped', { pressure: 0x80000 }],
    ['a humidity that it skipped', { humidity: 0x8000 }],
    ['a temperature at the end of its scale', { temperature: 0xfffff }],
    ['a pressure of 0', { pressure: 0 }],
    ['a humidity at the end of its scale', { humidity: 0xffff }],
  ])('of a chip that keeps giving %s is an error', async (_name, raw) => {
    const setup = bench()
    setup.chip.raw = { ...setup.chip.raw, ...raw }
    const sensor = await turned(setup.clock, opening(setup))
    const error = await failureOf(setup.clock, sensor.read(NEVER))
    expect(error.kind).toBe('invalid-data')
    expect(error.message).toContain('raw ')
    await sensor.close()
  })

  it('whose deadline passes while the chip measures stops there, with the signal’s reason', async () => {
    const setup = bench()
    const sensor = await turned(setup.clock, opening(setup))
    const abort = new AbortController()
    const reason = new Error('deadline')
    const outcome = sensor.read(abort.signal).catch((error: unknown) => error)
    await setup.clock.advance(10)
    const before = setup.i2c.transfers.length
    abort.abort(reason)
    expect(await outcome).toBe(reason)
    await setup.clock.advance(1000)
    expect(setup.i2c.transfers).toHaveLength(before)
    expect(setup.clock.sleeping).toBe(0)
    await sensor.close()
  })

  it('never mixes its transfers with those of another chip on the bus', async () => {
    const setup = bench()
    setup.i2c.attach(1, 0x77, new FakeBme280(setup.clock, { id: 0x58 }))
    const sensors = await turned(setup.clock, Promise.all([opening(setup, 0x76), opening(setup, 0x77)]))
    await turned(setup.clock, Promise.all(sensors.map((sensor) => sensor.read(NEVER))))
    const addresses = setup.i2c.transfers.map(({ address }) => address)
    const changes = addresses.filter((address, index) => index > 0 && address !== addresses[index - 1])
    // Open, open, read, read: each of the four in one piece.
    expect(changes).toEqual([0x77, 0x76, 0x77])
    await Promise.all(sensors.map((sensor) => sensor.close()))
  })
})
