import { describe, expect, it } from 'vitest'
import { silentLog } from '../../src/log.ts'
import { crc8, readChecked } from '../../src/sensors/crc8.ts'
import { openI2c } from '../../src/sensors/i2c.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { FakeI2c } from '../fakes/fake-i2c.ts'
import { failureOf, NEVER } from '../fakes/turned.ts'
import { withCrc } from '../fakes/with-crc.ts'

describe('the CRC', () => {
  it.each([
    ['of the example in Sensirion’s datasheets', [0xbe, 0xef], 0x92],
    ['of a word of zeros', [0x00, 0x00], 0x81],
    ['of a word of ones', [0xff, 0xff], 0xac],
    ['of a frame that a real AHT20 gave', [0x1c, 0x3b, 0x5e, 0x86, 0x88, 0xb2], 0xd2],
  ])('%s is right', (_name, bytes, crc) => {
    expect(crc8(Buffer.from(bytes))).toBe(crc)
    expect(withCrc(...bytes)).toEqual([...bytes, crc])
  })
})

describe('a checked frame', () => {
  const clock = new FakeClock()
  const read = async (frame: readonly number[], parts: number, length: number) => {
    const i2c = new FakeI2c()
    const place = { name: 'attic', bus: 1, address: 0x44 }
    i2c.attach(1, 0x44, { receive: () => {}, send: () => frame })
    const device = await openI2c(i2c.load, place, silentLog())
    const work = (signal: AbortSignal) =>
      device.exclusively(signal, (wire) => readChecked({ place, wire, clock, signal }, 'SHT3x', parts, length))
    return work(NEVER).finally(() => device.close())
  }
  const good = [0xbe, 0xef, 0x92, 0x00, 0x00, 0x81]

  it('is given without its CRCs', async () => {
    expect([...(await read(good, 2, 2))]).toEqual([0xbe, 0xef, 0x00, 0x00])
  })

  it('with any one bit wrong is an ordinary fault, and the message shows the frame', async () => {
    for (let bit = 0; bit < 8 * good.length; bit += 1) {
      const frame = good.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      const error = await failureOf(clock, read(frame, 2, 2))
      expect(error).toMatchObject({ kind: 'checksum', ordinary: true })
      expect(error.message).toContain(`attic: the SHT3x at address 0x44 on I2C bus 1 gave a frame whose CRC is wrong`)
      expect(error.message).toContain(Buffer.from(frame).toString('hex'))
    }
  })

  it.each([0x00, 0xff, 0x5a])('of nothing but %i is a stuck bus, which is no ordinary fault', async (byte) => {
    const error = await failureOf(clock, read(Array(6).fill(byte), 2, 2))
    expect(error).toMatchObject({ kind: 'bus', ordinary: false })
    expect(error.message).toContain('stuck')
  })
})
