/**
 * The form of a file with compiled code: what it is bound to, the code, and a sum over both. V8 looks at no more than the
 * head of what it is given, and crashes over a bit that has flipped further on. Used by `code-cache.ts`.
 *
 * Words of 32 bits, in the processor's order: the sum of the rest, bytes of the key, bytes of the code, 0; the key; the
 * code, which V8 wants at a multiple of 8.
 */

const HEAD_BYTES = 16

export function pack(key: string, code: Buffer): Buffer {
  const keyBytes = Buffer.byteLength(key)
  const at = codeAt(keyBytes)
  const packed = Buffer.alloc(inWhole(at + code.length))
  packed.write(key, HEAD_BYTES)
  code.copy(packed, at)
  const words = wordsOf(packed)
  words[1] = keyBytes
  words[2] = code.length
  words[0] = sumOf(words)
  return packed
}

/** The code, which shares its memory with `packed`; or what is wrong with it, for a log. */
export function unpack(packed: Buffer, key: string): Buffer | string {
  if (packed.length < HEAD_BYTES || packed.length !== inWhole(packed.length)) return 'damaged: not whole'
  const words = wordsOf(packed)
  const [, keyBytes = 0, codeBytes = 0] = words
  const at = codeAt(keyBytes)
  if (keyBytes < 0 || codeBytes < 0 || packed.length !== inWhole(at + codeBytes)) return 'damaged: not whole'
  if (packed.toString('utf8', HEAD_BYTES, HEAD_BYTES + keyBytes) !== key) return 'of another program or Node.js'
  return words[0] === sumOf(words) ? packed.subarray(at, at + codeBytes) : 'damaged: another sum'
}

const inWhole = (bytes: number): number => Math.ceil(bytes / 8) * 8
const codeAt = (keyBytes: number): number => inWhole(HEAD_BYTES + keyBytes)

/** A view where the memory allows for one; what Node.js reads of a small file may lie anywhere. */
function wordsOf(packed: Buffer): Int32Array {
  const { buffer, byteOffset, length } = packed
  if (byteOffset % 4 === 0) return new Int32Array(buffer, byteOffset, length / 4)
  return new Int32Array(new Uint8Array(packed).buffer)
}

/**
 * Of all words but the first: h = 31 h + word, modulo 2^32, so that a change of any one shows. Not one of `node:crypto`,
 * which takes longer to load than this takes for all of the agent (2 ms of 600 kB).
 */
function sumOf(words: Int32Array): number {
  let sum = 0
  for (let index = 1; index < words.length; index += 1) sum = ((sum << 5) - sum + (words[index] ?? 0)) | 0
  return sum
}
