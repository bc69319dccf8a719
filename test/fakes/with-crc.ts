/** CRC-8 by long division, so that the product's own arithmetic is not its own witness. */

/** Polynomial 0x31 with its leading bit. */
const DIVISOR = 0x131n

/** The bytes, and their CRC (start 0xff: the first byte inverted). */
export function withCrc(...bytes: number[]): number[] {
  let rest = 0n
  for (const [index, byte] of bytes.entries()) rest = (rest << 8n) | BigInt(index === 0 ? byte ^ 0xff : byte)
  rest <<= 8n
  for (let bit = BigInt(8 * bytes.length + 7); bit >= 8n; bit -= 1n) {
    if ((rest >> bit) & 1n) rest ^= DIVISOR << (bit - 8n)
  }
  return [...bytes, Number(rest)]
}

/** A word as Sensirion's chips send it. */
export function wordWithCrc(word: number): number[] {
  return withCrc(word >> 8, word & 0xff)
}
