import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { DriverUnavailableError, SensorError } from '../../src/errors.ts'
import { silentLog } from '../../src/log.ts'
import { type I2cDevice, openI2c, type Transfers } from '../../src/sensors/i2c.ts'
import { settled } from '../fakes/fake-clock.ts'
import { addonError, FakeI2c } from '../fakes/fake-i2c.ts'

const NEVER = new AbortController().signal
const chip = { read: (register: number) => register, write: () => {} }

function openAt(i2c: FakeI2c, address: number, bus = 1): Promise<I2cDevice> {
  return openI2c(i2c.load, { name: 'attic', bus, address }, silentLog())
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    (value) => expect.fail(`it gave ${String(value)}`),
    (error: unknown) => error,
  )
}

async function sensorErrorOf(work: Promise<unknown>): Promise<SensorError> {
  const error = await failureOf(work)
  if (!(error instanceof SensorError)) throw new Error('not a SensorError', { cause: error })
  return error
}

describe('a failed transfer', () => {
  it('is a SensorError that names sensor, address and bus', async () => {
    const i2c = new FakeI2c()
    const device = await openAt(i2c, 0x76)
    const error = await sensorErrorOf(device.exclusively(NEVER, (registers) => registers.readByte(0xd0)))
    expect(error.kind).toBe('not-found')
    expect(error.message).toContain('attic: nothing answers at address 0x76 on I2C bus 1')
    await device.close()
  })

  it('is also one that gives fewer bytes than asked for', async () => {
    const i2c = new FakeI2c()
    i2c.attach(1, 0x76, chip)
    i2c.short = 1
    const device = await openAt(i2c, 0x76)
    const error = await sensorErrorOf(device.exclusively(NEVER, (registers) => registers.readBlock(0x88, 26)))
    expect(error.kind).toBe('bus')
    expect(error.message).toContain('25 bytes instead of 26')
    await device.close()
  })

  it('leaves the bus to the next one', async () => {
    const i2c = new FakeI2c()
    const device = await openAt(i2c, 0x76)
    await sensorErrorOf(device.exclusively(NEVER, (registers) => registers.readByte(0xd0)))
    i2c.attach(1, 0x76, chip)
    expect(await device.exclusively(NEVER, (registers) => registers.readByte(0xd0))).toBe(0xd0)
    await device.close()
  })
})

describe('plain bytes', () => {
  const echo = () => {
    const heard: number[][] = []
    return { heard, receive: (bytes: readonly number[]) => void heard.push([...bytes]), send: () => [1, 2, 3] }
  }

  it('go to the chip in one transfer, without a register, and come from it the same way', async () => {
    const i2c = new FakeI2c()
    const talker = echo()
    i2c.attach(1, 0x44, talker)
    const device = await openAt(i2c, 0x44)
    const answer = await device.exclusively(NEVER, async (wire) => {
      await wire.write(0x24, 0x00)
      return wire.read(3)
    })
    expect(talker.heard).toEqual([[0x24, 0x00]])
    expect([...answer]).toEqual([1, 2, 3])
    expect(i2c.transfers).toEqual([
      { bus: 1, address: 0x44, kind: 'write', register: 0x24, bytes: [0x24, 0x00] },
      { bus: 1, address: 0x44, kind: 'read', length: 3 },
    ])
    await device.close()
  })

  it.each([
    ['taken', '1 bytes instead of 2', (wire: Transfers) => wire.write(0x24, 0x00)],
    ['given', '5 bytes instead of 6', (wire: Transfers) => wire.read(6)],
  ])('that are not all %s are an error', async (_name, words, work) => {
    const i2c = new FakeI2c()
    i2c.attach(1, 0x44, echo())
    i2c.short = 1
    const device = await openAt(i2c, 0x44)
    const error = await sensorErrorOf(device.exclusively<unknown>(NEVER, work))
    expect(error.kind).toBe('bus')
    expect(error.message).toContain(words)
    await device.close()
  })

  it.each([
    ['to', (wire: Transfers) => wire.write(0x24, 0x00)],
    ['from', (wire: Transfers) => wire.read(6)],
  ])('%s a chip that is not there are an error with the remedy', async (_name, work) => {
    const i2c = new FakeI2c()
    const device = await openAt(i2c, 0x44)
    const error = await sensorErrorOf(device.exclusively<unknown>(NEVER, work))
    expect(error.kind).toBe('not-found')
    expect(error.message).toContain('nothing answers at address 0x44 on I2C bus 1')
    await device.close()
  })
})

describe('a package that does not load', () => {
  it('is a SensorError with the remedy', async () => {
    const load = () => {
      throw new DriverUnavailableError('i2c-bus', 'it is not installed', 'run npm install')
    }
    const error = await sensorErrorOf(openI2c(load, { name: 'attic', bus: 1, address: 0x76 }, silentLog()))
    expect(error.kind).toBe('unavailable')
    expect(error.message).toContain('run npm install')
  })

  it('is no cover for another failure of the loader', async () => {
    const bug = new TypeError('a bug')
    const load = () => {
      throw bug
    }
    expect(await failureOf(openI2c(load, { name: 'attic', bus: 1, address: 0x76 }, silentLog()))).toBe(bug)
  })
})

describe('closing', () => {
  it('gives the descriptor back, once, however often it is asked', async () => {
    const i2c = new FakeI2c()
    i2c.attach(1, 0x76, chip)
    const device = await openAt(i2c, 0x76)
    await device.exclusively(NEVER, (registers) => registers.readByte(0xd0))
    expect(i2c.descriptors).toBe(1)
    await device.close()
    await device.close()
    expect(i2c).toMatchObject({ descriptors: 0, closed: 1, misuse: [] })
  })

  it('ends all transfers: later ones are refused and do not reach a descriptor that is somebody else’s by then', async () => {
    const i2c = new FakeI2c()
    i2c.attach(1, 0x76, chip)
    const device = await openAt(i2c, 0x76)
    await device.close()
    const error = await sensorErrorOf(device.exclusively(NEVER, (registers) => registers.readByte(0xd0)))
    expect(error.kind).toBe('bus')
    expect(i2c).toMatchObject({ transfers: [], misuse: [] })
  })

  it('does not wait for a transfer that hangs, and gives the descriptor back when that ends', async () => {
    const i2c = new FakeI2c()
    i2c.attach(1, 0x76, chip)
    const release = i2c.hang()
    const device = await openAt(i2c, 0x76)
    const abort = new AbortController()
    const read = failureOf(device.exclusively(abort.signal, (registers) => registers.readByte(0xd0)))
    await settled()
    abort.abort(new Error('deadline'))
    await read
    await device.close()
    expect(i2c).toMatchObject({ descriptors: 1, closed: 0 })
    release()
    await settled()
    expect(i2c).toMatchObject({ descriptors: 0, closed: 1, misuse: [] })
  })

  it('never throws', async () => {
    const load = () => ({ openPromisified: async () => ({ close: () => Promise.reject(addonError('EIO')) }) })
    const device = await openI2c(load, { name: 'attic', bus: 1, address: 0x76 }, silentLog())
    await expect(device.close()).resolves.toBeUndefined()
  })
})

describe('an aborted signal', () => {
  it('stops a sequence between two transfers', async () => {
    const i2c = new FakeI2c()
    i2c.attach(1, 0x76, chip)
    const device = await openAt(i2c, 0x76)
    const abort = new AbortController()
    const reason = new Error('deadline')
    const work = device.exclusively(abort.signal, async (registers) => {
      await registers.readByte(0xd0)
      abort.abort(reason)
      return registers.readByte(0xf3)
    })
    expect(await failureOf(work)).toBe(reason)
    expect(i2c.transfers).toHaveLength(1)
    await device.close()
  })

  it('ends the wait for a transfer that hangs, but keeps the bus from others until it has ended', async () => {
    const i2c = new FakeI2c()
    i2c.attach(1, 0x76, chip)
    i2c.attach(1, 0x77, chip)
    const release = i2c.hang()
    const [first, second] = [await openAt(i2c, 0x76), await openAt(i2c, 0x77)]
    const abort = new AbortController()
    const reason = new Error('deadline')
    const stuck = failureOf(first.exclusively(abort.signal, (registers) => registers.readByte(0xd0)))
    const waiting = second.exclusively(NEVER, (registers) => registers.readByte(0xd0))
    await settled()
    abort.abort(reason)
    expect(await stuck).toBe(reason)
    await settled()
    expect(i2c.transfers).toHaveLength(1)
    release()
    expect(await waiting).toBe(0xd0)
    await Promise.all([first.close(), second.close()])
  })

  it('gives up a place in the queue, and those behind move up', async () => {
    const i2c = new FakeI2c()
    i2c.attach(1, 0x76, chip)
    const release = i2c.hang()
    const device = await openAt(i2c, 0x76)
    const abort = new AbortController()
    const reason = new Error('deadline')
    const first = device.exclusively(NEVER, (registers) => registers.readByte(1))
    const second = failureOf(device.exclusively(abort.signal, (registers) => registers.readByte(2)))
    const third = device.exclusively(NEVER, (registers) => registers.readByte(3))
    await settled()
    abort.abort(reason)
    expect(await second).toBe(reason)
    release()
    expect(await Promise.all([first, third])).toEqual([1, 3])
    expect(i2c.transfers.map(({ register }) => register)).toEqual([1, 3])
    await device.close()
  })

  it('that was aborted before starts nothing', async () => {
    const i2c = new FakeI2c()
    const device = await openAt(i2c, 0x76)
    const reason = new Error('deadline')
    const work = device.exclusively(AbortSignal.abort(reason), (registers) => registers.readByte(0xd0))
    expect(await failureOf(work)).toBe(reason)
    expect(i2c.transfers).toEqual([])
    await device.close()
  })

  it('has no listeners left after the work, done or failed', async () => {
    const i2c = new FakeI2c()
    i2c.attach(1, 0x76, chip)
    const device = await openAt(i2c, 0x76)
    const { signal } = new AbortController()
    for (let count = 0; count < 20; count += 1) await device.exclusively(signal, (registers) => registers.readByte(1))
    i2c.detach(1, 0x76)
    await failureOf(device.exclusively(signal, (registers) => registers.readByte(1)))
    await settled()
    expect(getEventListeners(signal, 'abort')).toEqual([])
    await device.close()
  })
})

describe('the queue of a bus', () => {
  it('keeps two sequences apart, however long they pause', async () => {
    const i2c = new FakeI2c()
    i2c.attach(1, 0x76, chip)
    i2c.attach(1, 0x77, chip)
    const devices = [await openAt(i2c, 0x76), await openAt(i2c, 0x77)]
    await Promise.all(
      devices.map((device) =>
        device.exclusively(NEVER, async (registers) => {
          await registers.readByte(1)
          await settled()
          await registers.readByte(2)
        }),
      ),
    )
    expect(i2c.transfers.map(({ address }) => address)).toEqual([0x76, 0x76, 0x77, 0x77])
    await Promise.all(devices.map((device) => device.close()))
  })

  it('does not hold up another bus', async () => {
    const i2c = new FakeI2c()
    i2c.attach(1, 0x76, chip)
    i2c.attach(3, 0x76, chip)
    const [one, three] = [await openAt(i2c, 0x76, 1), await openAt(i2c, 0x76, 3)]
    await one.exclusively(NEVER, async () => {
      expect(await three.exclusively(NEVER, (registers) => registers.readByte(5))).toBe(5)
    })
    await Promise.all([one.close(), three.close()])
  })
})

describe('a look at another address', () => {
  it('tells whether a chip acknowledges, and writes nothing', async () => {
    const i2c = new FakeI2c()
    i2c.attach(1, 0x77, chip)
    const device = await openAt(i2c, 0x76)
    const answers = await device.exclusively(NEVER, async (registers) => [
      await registers.answers(0x77),
      await registers.answers(0x75),
    ])
    expect(answers).toEqual([true, false])
    expect(i2c.transfers.map(({ kind }) => kind)).toEqual(['probe', 'probe'])
    await device.close()
    expect(i2c.descriptors).toBe(0)
  })
})
