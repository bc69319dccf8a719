import { describe, expect, it } from 'vitest'
import { decodeKey, decodeRecord, encodeKey, encodeRecord, type OutboxRecord, sizeOf } from '../../src/outbox/record.ts'
import { createRandom, type Random } from '../fakes/random.ts'

const RECORD: OutboxRecord = {
  message: { topic: 'sensors/n/data', payload: '{"temperature":21.5,"note":"°C"}', qos: 1, retain: false },
  at: Date.UTC(2026, 0, 1),
  monotonic: 12.25,
  boot: '00112233445566778899aabbccddeeff',
  unsynchronised: true,
}

function anyRecord(random: Random): OutboxRecord {
  const text = (longest: number): string =>
    Array.from({ length: random(longest) }, () =>
      String.fromCodePoint(random(2) === 0 ? random(128) : 0x400 + random(0x9000)),
    ).join('')
  return {
    message: { topic: `t${text(40)}`, payload: text(300), qos: random(2) === 0 ? 0 : 1, retain: random(2) === 0 },
    at: random(2 ** 31 - 1) * 1000 - 1e12,
    monotonic: random(2 ** 31 - 1) / 7,
    boot: Array.from({ length: 32 }, () => random(16).toString(16)).join(''),
    unsynchronised: random(2) === 0,
  }
}

describe('a record on disk', () => {
  it('comes back as it was, whatever is in it, and takes the room that it said', () => {
    const random = createRandom(1)
    for (let round = 0; round < 2000; round += 1) {
      const record = anyRecord(random)
      const bytes = encodeRecord(record)
      expect(decodeRecord(bytes)).toEqual(record)
      expect(bytes.length + encodeKey(0).length).toBe(sizeOf(record))
    }
  })

  it('with any one bit turned is no record', () => {
    const bytes = encodeRecord(RECORD)
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const turned = Buffer.from(bytes)
      turned.writeUInt8(turned.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      expect(decodeRecord(turned)).toBeUndefined()
    }
  })

  it('cut anywhere is no record, nor is what has something behind it', () => {
    const bytes = encodeRecord(RECORD)
    for (let length = 0; length < bytes.length; length += 1) {
      expect(decodeRecord(bytes.subarray(0, length))).toBeUndefined()
    }
    expect(decodeRecord(Buffer.concat([bytes, Buffer.alloc(1)]))).toBeUndefined()
  })

  it('is nothing that chance writes, and reading it never throws', () => {
    const random = createRandom(2)
    for (let round = 0; round < 20_000; round += 1) {
      const bytes = Uint8Array.from({ length: random(120) }, () => random(256))
      expect(decodeRecord(bytes)).toBeUndefined()
    }
  })
})

describe('a place in the queue as a key', () => {
  it('comes back, and sorts by its bytes as the places do', () => {
    const random = createRandom(3)
    const places = [0, 1, 255, 256, 65_535, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]
    for (let round = 0; round < 1000; round += 1) places.push(random(2 ** 31 - 1) * random(1000))
    const sorted = [...places].sort((a, b) => Buffer.compare(encodeKey(a), encodeKey(b)))
    expect(sorted.map((place) => decodeKey(encodeKey(place)))).toEqual([...places].sort((a, b) => a - b))
  })

  it.each([[[]], [[1]], [[0, 0, 0, 0, 0, 0, 0]], [[255, 0, 0, 0, 0, 0, 0, 0]], [[0, 0, 0, 0, 0, 0, 0, 0, 0]]])(
    'is not %j',
    (bytes) => {
      expect(decodeKey(Uint8Array.from(bytes))).toBeUndefined()
    },
  )
})
