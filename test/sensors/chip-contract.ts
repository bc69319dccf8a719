/** What every sensor type that is a chip on I2C promises while its bus or its chip fails. Runs on each of them. */
import { describe, expect, it } from 'vitest'
import { DriverUnavailableError, SensorError } from '../../src/errors.ts'
import { type ChipCase, chipBench, type PoweredChip } from '../fakes/chip-bench.ts'
import { settled } from '../fakes/fake-clock.ts'
import { addonError } from '../fakes/fake-i2c.ts'
import { failureOf, NEVER, turned } from '../fakes/turned.ts'

export interface Blindness {
  /** What a stuck bus may read as without the chip's checks seeing it, and why nothing can be done. */
  readonly stuck?: readonly number[]
  /** Reads of this register have no check of their own: one that alone is garbled can't be told. */
  readonly register?: number
}

export function chipContract<C extends PoweredChip>(name: string, one: ChipCase<C>, blind: Blindness = {}): void {
  const transfersOf = async (): Promise<number> => {
    const { clock, i2c, openAndRead } = chipBench(one)
    await turned(clock, openAndRead())
    return i2c.transfers.length
  }
  /** Runs `check` once for each transfer that a good open and read take, with its number. */
  const atEach = async (check: (transfer: number) => Promise<void>): Promise<void> => {
    const transfers = await transfersOf()
    expect(transfers).toBeGreaterThan(2)
    for (let transfer = 0; transfer < transfers; transfer += 1) await check(transfer)
  }
  const given = { opened: 1, closed: 1, descriptors: 0, misuse: [] }

  describe(`a ${name}`, () => {
    it('gives what it measures, and everything back', async () => {
      const { clock, i2c, openAndRead } = chipBench(one)
      const sample = await turned(clock, openAndRead())
      expect(Object.keys(sample).sort()).toEqual(Object.keys(one.truth).sort())
      for (const [quantity, value] of Object.entries(sample)) expect(one.truth).toHaveProperty(quantity, value)
      expect(i2c).toMatchObject(given)
      expect(clock.sleeping).toBe(0)
    })

    it('that is not there is not found, and the message says where and what to do', async () => {
      const { clock, i2c, open } = chipBench(one)
      i2c.detach(1, one.address)
      const error = await failureOf(clock, open())
      expect(error.kind).toBe('not-found')
      const words = ['attic', `address 0x${one.address.toString(16)}`, 'bus 1', 'wiring', 'i2cdetect -y 1']
      for (const word of words) expect(error.message).toContain(word)
      expect(i2c).toMatchObject(given)
    })

    it('without the package i2c-bus is a SensorError', async () => {
      const { clock, open } = chipBench(one)
      const load = (packageName: string) => {
        throw new DriverUnavailableError(packageName, 'it is not installed', 'install it')
      }
      const error = await failureOf(clock, open(load))
      expect(error.kind).toBe('unavailable')
    })
  })

  describe(`a ${name} in trouble at any transfer of open and read`, () => {
    it('that fails gives a SensorError, never a number, closes the bus, and works the next time', () =>
      atEach(async (failing) => {
        const { clock, i2c, openAndRead } = chipBench(one)
        i2c.before = (count) => {
          if (count === failing) throw addonError('EIO')
        }
        const error = await failureOf(clock, openAndRead())
        expect(error.kind, `transfer ${failing}`).toBe('bus')
        expect(i2c, `transfer ${failing}`).toMatchObject(given)
        expect(clock.sleeping).toBe(0)
        await clock.advance(1000)
        expect(await turned(clock, openAndRead())).toEqual(one.truth)
      }))

    it('that is short of bytes gives a SensorError', () =>
      atEach(async (failing) => {
        const { clock, i2c, openAndRead } = chipBench(one)
        i2c.before = (count) => {
          i2c.short = count === failing ? 1 : 0
        }
        const error = await failureOf(clock, openAndRead())
        expect(error.kind).toBe('bus')
        expect(error.message).toContain('instead of')
      }))

    it('where it is unplugged gives a SensorError, and plugged in again it works', () =>
      atEach(async (pulled) => {
        const { clock, i2c, chip, openAndRead } = chipBench(one)
        i2c.before = (count) => {
          if (count === pulled) i2c.detach(1, one.address)
        }
        const error = await failureOf(clock, openAndRead())
        expect(error.kind, `transfer ${pulled}`).toBe('not-found')
        expect(i2c).toMatchObject(given)
        chip.powerCycle()
        i2c.attach(1, one.address, chip)
        await clock.advance(1000)
        expect(await turned(clock, openAndRead())).toEqual(one.truth)
      }))

    it('where the bus sticks gives a SensorError, never a number', () =>
      atEach(async (from) => {
        for (const stuck of [0x00, 0xff]) {
          if (blind.stuck?.includes(stuck)) continue
          const { clock, i2c, openAndRead } = chipBench(one)
          i2c.before = (count) => {
            if (count === from) i2c.stuck = stuck
          }
          await failureOf(clock, openAndRead())
          expect(i2c).toMatchObject(given)
        }
      }))

    it('where one transfer alone reads as nothing but ones or zeros gives an error or the truth', () =>
      atEach(async (glitch) => {
        for (const stuck of [0x00, 0xff]) {
          const { clock, i2c, openAndRead } = chipBench(one)
          i2c.before = (count, { kind, register }) => {
            const seen = kind === 'write' || blind.register === undefined || register !== blind.register
            i2c.stuck = count === glitch && seen ? stuck : undefined
          }
          await errorOrTruth(turned(clock, openAndRead()))
          expect(i2c).toMatchObject(given)
        }
      }))

    it('where its power fails for a moment gives an error or the truth, never default numbers', async () => {
      let errors = 0
      await atEach(async (brownOut) => {
        const { clock, i2c, chip, openAndRead } = chipBench(one)
        i2c.before = (count) => {
          if (count === brownOut) chip.powerCycle()
        }
        errors += await errorOrTruth(turned(clock, openAndRead()))
        expect(i2c).toMatchObject(given)
      })
      expect(errors + (blind.stuck?.length ?? 0)).toBeGreaterThan(0)
    })

    it('that hangs is given up at the deadline, and the bus is given back when it ends', () =>
      atEach(async (hanging) => {
        const { clock, i2c, openAndRead } = chipBench(one)
        const gate = new AbortController()
        const released = new Promise<void>((resolve) => gate.signal.addEventListener('abort', () => resolve()))
        i2c.before = (count) => (count === hanging ? released : undefined)
        const deadline = new AbortController()
        const reason = new SensorError('timeout', 'the deadline of the read')
        const late = clock.sleep(8000).then(() => deadline.abort(reason))
        const error = await failureOf(clock, openAndRead(deadline.signal))
        expect(error.kind, `transfer ${hanging}`).toBe('timeout')
        gate.abort()
        await settled()
        expect(i2c).toMatchObject(given)
        await turned(clock, late)
      }))
  })

  describe(`a read of a ${name}`, () => {
    it('whose deadline passes while the chip measures stops there, with the signal’s reason', async () => {
      const { clock, i2c, open } = chipBench(one)
      const sensor = await turned(clock, open())
      const abort = new AbortController()
      const reason = new Error('deadline')
      const outcome = sensor.read(abort.signal).catch((error: unknown) => error)
      await clock.advance(2)
      const before = i2c.transfers.length
      abort.abort(reason)
      expect(await outcome).toBe(reason)
      await clock.advance(1000)
      expect(i2c.transfers).toHaveLength(before)
      expect(clock.sleeping).toBe(0)
      await sensor.close()
    })

    it('of a chip that was replugged between two reads gives an error or the truth, and a reopen the truth', async () => {
      const { clock, i2c, chip, open, openAndRead } = chipBench(one)
      const sensor = await turned(clock, open())
      await turned(clock, sensor.read(NEVER))
      chip.powerCycle()
      await clock.advance(1000)
      await errorOrTruth(turned(clock, sensor.read(NEVER)))
      await sensor.close()
      expect(await turned(clock, openAndRead())).toEqual(one.truth)
      expect(i2c.misuse).toEqual([])
    })
  })

  /** 1 for a SensorError, 0 for exactly what the chip would have measured; anything else fails the test. */
  async function errorOrTruth(work: Promise<unknown>): Promise<0 | 1> {
    try {
      expect(await work).toEqual(one.truth)
      return 0
    } catch (error) {
      if (!(error instanceof SensorError)) throw error
      return 1
    }
  }
}
