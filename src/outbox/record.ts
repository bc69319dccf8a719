/**
 * One record as the outbox keeps it: the message, and when it was read on both clocks. Its form on disk is here,
 * too. What comes back from a disk is not trusted: a record that does not parse is damaged, never an exception.
 */
import { crc32 } from 'node:zlib'
import type { Message } from '../telemetry.ts'

export interface OutboxRecord {
  /** As it was made when it was read. */
  readonly message: Message
  /** Wall clock at the read, ms since 1970. */
  readonly at: number
  /** CLOCK_MONOTONIC at the read, ms. Means something in the same boot only. */
  readonly monotonic: number
  /** The boot that `monotonic` counts from: 32 hexadecimal digits. */
  readonly boot: string
  /** The wall clock had not been set by then. */
  readonly unsynchronised: boolean
}

/** CRC-32 of all that follows, u32; form, u8; flags, u8; boot, 16 bytes; at and monotonic, f64; length of the topic, u16. */
const HEADER_BYTES = 4 + 1 + 1 + 16 + 8 + 8 + 2
/** Only what is written here is read. */
const FORM = 1
const QOS_1 = 1
const RETAIN = 2
const UNSYNCHRONISED = 4

/** Bytes of the record on disk, key included. What an index of the store adds is not counted. */
export function sizeOf({ message }: OutboxRecord): number {
  return KEY_BYTES + HEADER_BYTES + Buffer.byteLength(message.topic) + Buffer.byteLength(message.payload)
}

/** A place in the queue as a key: big-endian, so that the order of bytes is the order of places. */
export const KEY_BYTES = 8

export function encodeKey(position: number): Buffer {
  const key = Buffer.alloc(KEY_BYTES)
  key.writeBigUInt64BE(BigInt(position))
  return key
}

/** Undefined for anything that `encodeKey` does not make. */
export function decodeKey(key: Uint8Array): number | undefined {
  if (key.length !== KEY_BYTES) return undefined
  const position = Number(Buffer.from(key).readBigUInt64BE())
  return Number.isSafeInteger(position) ? position : undefined
}

export function encodeRecord({ message, at, monotonic, boot, unsynchronised }: OutboxRecord): Buffer {
  const topic = Buffer.from(message.topic)
  const head = Buffer.alloc(HEADER_BYTES)
  head.writeUInt8(FORM, 4)
  const flags = (message.qos === 1 ? QOS_1 : 0) | (message.retain ? RETAIN : 0) | (unsynchronised ? UNSYNCHRONISED : 0)
  head.writeUInt8(flags, 5)
  head.write(boot, 6, 16, 'hex')
  head.writeDoubleBE(at, 22)
  head.writeDoubleBE(monotonic, 30)
  head.writeUInt16BE(topic.length, 38)
  const bytes = Buffer.concat([head, topic, Buffer.from(message.payload)])
  bytes.writeUInt32BE(crc32(bytes.subarray(4)), 0)
  return bytes
}

/** Undefined for bytes that are no record: damaged, or of a form that this version does not know. */
export function decodeRecord(value: Uint8Array): OutboxRecord | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(0) !== crc32(bytes.subarray(4))) return undefined
  const flags = bytes.readUInt8(5)
  const at = bytes.readDoubleBE(22)
  const monotonic = bytes.readDoubleBE(30)
  const end = HEADER_BYTES + bytes.readUInt16BE(38)
  if (bytes.readUInt8(4) !== FORM || flags > (QOS_1 | RETAIN | UNSYNCHRONISED)) return undefined
  if (end > bytes.length || end === HEADER_BYTES || !Number.isFinite(at) || !Number.isFinite(monotonic))
    return undefined
  return {
    message: {
      topic: bytes.toString('utf8', HEADER_BYTES, end),
      payload: bytes.toString('utf8', end),
      qos: (flags & QOS_1) === 0 ? 0 : 1,
      retain: (flags & RETAIN) !== 0,
    },
    at,
    monotonic,
    boot: bytes.toString('hex', 6, 22),
    unsynchronised: (flags & UNSYNCHRONISED) !== 0,
  }
}
