/** What comes back from a disk is anything: cards fail, power goes. It is understood, or it is not; nothing else. */
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect } from 'vitest'
import { summaryOf } from '../../src/outbox/level-store.ts'
import { tablesOf } from '../../src/outbox/manifest.ts'
import { decodeKey, decodeRecord, encodeKey, encodeRecord, type OutboxRecord, sizeOf } from '../../src/outbox/record.ts'
import { tableIsWhole } from '../../src/outbox/table.ts'
import { almost, anyBytes, anyText, holds } from '../fakes/properties.ts'

const time = fc.double({ noNaN: true, noDefaultInfinity: true })
const record: fc.Arbitrary<OutboxRecord> = fc.record({
  message: fc.record({
    // Both are text that was sent: half a surrogate pair is none.
    topic: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
    payload: fc.string({ unit: 'binary', maxLength: 300 }),
    qos: fc.constantFrom(0, 1),
    retain: fc.boolean(),
  }),
  at: time,
  monotonic: time,
  boot: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 }),
  unsynchronised: fc.boolean(),
})
const place = fc.maxSafeNat()

/** Bytes with a few of them changed, put in or taken out. */
function slipped(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const slip = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    out: fc.nat(3),
    put: fc.uint8Array({ maxLength: 3 }),
  })
  return fc.tuple(bytes, fc.array(slip, { maxLength: 3 })).map(([good, slips]) =>
    slips.reduce((all, { at, out, put }) => {
      const index = Math.floor(at * all.length)
      return Buffer.concat([all.subarray(0, index), put, all.subarray(index + out)])
    }, good),
  )
}

holds('a record is read back from the store as it was', fc.tuple(record, place), ([one, position]) => {
  const bytes = encodeRecord(one)
  // -0 comes back as -0, which is no other time.
  expect(decodeRecord(bytes)).toEqual(one)
  expect(decodeRecord(new Uint8Array([9, ...bytes]).subarray(1))).toEqual(one)
  expect(bytes.length + encodeKey(position).length).toBe(sizeOf(one))
  expect(decodeKey(encodeKey(position))).toBe(position)
})

/** The checksum is that of what follows: so it is the rest that is looked at. */
const checked = (bytes: Uint8Array): Buffer => {
  const all = Buffer.from(bytes)
  if (all.length >= 4) all.writeUInt32BE(crc32(all.subarray(4)), 0)
  return all
}
const nearlyRecord = slipped(record.map(encodeRecord))
/** Says that its topic has any length. */
const otherTopic = fc.tuple(record, fc.nat(600)).map(([one, length]) => {
  const bytes = encodeRecord(one)
  bytes.writeUInt16BE(length, 38)
  return checked(bytes)
})

holds(
  'any bytes of the store are a record or none',
  fc.oneof(
    anyBytes,
    nearlyRecord,
    nearlyRecord.map(checked),
    otherTopic,
    fc.uint8Array({ minLength: 30, maxLength: 120 }).map(checked),
  ),
  (bytes) => {
    const found = decodeRecord(bytes)
    if (found !== undefined) {
      const { topic, payload } = found.message
      expect(topic).not.toBe('')
      expect(topic.length + payload.length).toBeLessThanOrEqual(bytes.length)
      expect([found.at, found.monotonic].every(Number.isFinite)).toBe(true)
      expect(found.boot).toMatch(/^[0-9a-f]{32}$/)
      // Bytes that are no text are read as U+FFFD.
      if (!`${topic}${payload}`.includes('\ufffd')) expect(encodeRecord(found)).toEqual(Buffer.from(bytes))
    }
    const position = decodeKey(bytes)
    if (position !== undefined) expect(encodeKey(position)).toEqual(Buffer.from(bytes))
  },
)

const SUMMARIES = [
  '{"count":3,"bytes":120,"clocks":{"00000000000000000000000000000000":1.5}}',
  '{"__proto__":1}',
  'null',
]

holds(
  'any bytes of the store are a summary, or one of nothing',
  fc.oneof(
    fc.constant(undefined),
    anyBytes,
    almost(SUMMARIES).map((text) => Buffer.from(text)),
    anyText.map((text) => Buffer.from(text)),
  ),
  (bytes) => {
    const { count, bytes: size, clocks } = summaryOf(bytes)
    expect([count, size].every((number) => Number.isSafeInteger(number) && number >= 0)).toBe(true)
    expect(Object.values(clocks).every(Number.isFinite)).toBe(true)
  },
)

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]
}

/** A log of one block with changes in it, as LevelDB writes it; the checksums are not looked at. */
function logOf(changes: readonly (readonly number[])[]): Buffer {
  return Buffer.concat(
    changes.map((change) => Buffer.from([0, 0, 0, 0, change.length & 255, change.length >> 8, 1, ...change])),
  )
}
const added = fc.tuple(fc.nat(6), place, place).map(([level, table, size]) => ({
  table,
  change: [7, ...varint(level), ...varint(table), ...varint(size), 1, 65, 1, 66],
}))
const manifest = fc
  .array(added, { maxLength: 20 })
  .map((all) => ({ tables: all.map(({ table }) => table), bytes: logOf(all.map(({ change }) => change)) }))

holds(
  'any manifest names tables or makes no sense',
  fc.tuple(manifest, fc.oneof(anyBytes.map(Buffer.from), slipped(manifest.map(({ bytes }) => bytes)))),
  ([good, bytes]) => {
    expect(tablesOf(good.bytes)).toEqual(new Set(good.tables))
    const found = tablesOf(bytes)
    if (found !== undefined) {
      expect(found.size).toBeLessThanOrEqual(bytes.length)
      expect([...found].every(Number.isSafeInteger)).toBe(true)
    }
  },
)

/** CRC-32C, bit by bit (RFC 3720, appendix B.4), turned and shifted as LevelDB has it. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  const whole = (crc ^ 0xffffffff) >>> 0
  return (((whole >>> 15) | (whole << 17)) + 0xa282ead8) >>> 0
}
function block(contents: Uint8Array): Buffer {
  const typed = Buffer.from([...contents, 0])
  const trailer = Buffer.alloc(4)
  trailer.writeUInt32LE(maskedCrc(typed))
  return Buffer.concat([typed, trailer])
}
/** One block of data, and an index that says so, or anything; all with the right checksums. */
function tableOf(
  data: Uint8Array,
  index = new Uint8Array([0, 1, 2, 65, ...varint(0), ...varint(data.length), 0, 0, 0, 0]),
): Buffer {
  const blocks = [block(data), block(index)]
  const at = blocks[0]?.length ?? 0
  const handle = [...varint(at), ...varint(index.length)]
  const footer = Buffer.alloc(48)
  footer.set([...handle, ...handle])
  footer.writeBigUInt64LE(0xdb4775248b80fb57n, 40)
  return Buffer.concat([...blocks, footer])
}
const data = fc.uint8Array({ maxLength: 200 })

holds(
  'any table is whole or not',
  fc.record({
    data,
    index: data,
    slipped: slipped(data.map((bytes) => tableOf(bytes))),
    bytes: anyBytes,
    at: fc.nat(500),
    bit: fc.nat(7),
  }),
  ({ data: contents, index, slipped: nearly, bytes, at, bit }) => {
    const good = tableOf(contents)
    expect(tableIsWhole(good)).toBe(true)
    const wrong = Buffer.from(good)
    const where = at % (contents.length + 5) // in the block of data or its checksum
    wrong.writeUInt8(wrong.readUInt8(where) ^ (1 << bit), where)
    expect(tableIsWhole(wrong)).toBe(false)
    for (const any of [tableOf(contents, index), nearly, Buffer.from(bytes)])
      expect(tableIsWhole(any)).toBeTypeOf('boolean')
  },
)
