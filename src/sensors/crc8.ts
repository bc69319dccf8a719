/**
 * Frames that carry a CRC-8 after each of their parts, as the chips of Sensirion and Aosong send them. Called by the
 * sensor types.
 */
import { SensorError } from '../errors.ts'
import { subject } from './i2c.ts'
import type { Conversation } from './i2c-sensor.ts'

/** x⁸ + x⁵ + x⁴ + 1, nothing reflected, no final XOR (Sensirion SHT3x-DIS, 'Checksum calculation'; AHT20, 'CRC'). */
const POLYNOMIAL = 0x31
const START = 0xff

export function crc8(bytes: Uint8Array): number {
  let crc = START
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ ((crc & 0x80) === 0 ? 0 : POLYNOMIAL)) & 0xff
  }
  return crc
}

/**
 * What the chip has to say: `parts` times `length` bytes, each part with a CRC after it. Gives them without the CRCs.
 *
 * @throws SensorError of kind `checksum` for a wrong CRC: one garbled transfer, an ordinary thing on a long cable, and
 * these chips keep no settings that a reopen would restore. A frame of one and the same byte is no accident, but a
 * bus that is stuck: kind `bus`
 */
export async function readChecked(chip: Conversation, model: string, parts: number, length: number): Promise<Buffer> {
  const frame = await chip.wire.read(parts * (length + 1))
  const fails = (kind: 'bus' | 'checksum', what: string): SensorError =>
    new SensorError(kind, `${subject(chip.place, model)} gave ${what} (raw ${frame.toString('hex')}); check wiring`)
  if (frame.every((byte) => byte === frame[0])) throw fails('bus', 'one byte over and over: the bus looks stuck')
  const checked: Buffer[] = []
  for (let start = 0; start < frame.length; start += length + 1) {
    const part = frame.subarray(start, start + length)
    if (crc8(part) !== frame.readUInt8(start + length)) throw fails('checksum', 'a frame whose CRC is wrong')
    checked.push(part)
  }
  return Buffer.concat(checked)
}
