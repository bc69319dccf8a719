/** Compiled code as it lies on disk: it comes back whole, or not at all. */
import { describe, expect, it } from 'vitest'
import { pack, unpack } from '../../src/cli/packed-code.ts'

const KEY = '["/opt/program.js",1,"v20"]'
const code = (bytes: number): Buffer => Buffer.from(Array.from({ length: bytes }, (_, index) => (index * 37) % 251))

describe('packed code', () => {
  it.each([0, 1, 7, 8, 9, 500])('of %i bytes comes back as it was', (bytes) => {
    const packed = pack(KEY, code(bytes))
    expect(packed.length % 8).toBe(0)
    expect(unpack(packed, KEY)).toEqual(code(bytes))
  })

  it.each([0, 4, 8, 3])('comes back wherever it lies in memory: at %i', (at) => {
    const packed = pack(KEY, code(100))
    const moved = Buffer.concat([Buffer.alloc(at), packed])
    const here = Buffer.from(moved.buffer, moved.byteOffset + at, packed.length)
    expect(unpack(here, KEY)).toEqual(code(100))
  })

  it('is for its key alone, be another one as long', () => {
    expect(unpack(pack(KEY, code(100)), KEY.replace('1', '2'))).toBe('of another program or Node.js')
    expect(unpack(pack(KEY, code(100)), `${KEY} `)).toBe('of another program or Node.js')
    expect(unpack(pack('ä', code(9)), 'ä')).toEqual(code(9))
  })

  it('with any bit flipped is refused', () => {
    const packed = pack(KEY, code(200))
    for (let bit = 0; bit < packed.length * 8; bit += 1) {
      const flipped = Buffer.from(packed)
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      expect(unpack(flipped, KEY), `bit ${bit}`).toBeTypeOf('string')
    }
  })

  it('with two words changed for one another is refused', () => {
    const packed = pack(KEY, code(200))
    const swapped = Buffer.from(packed)
    packed.copy(swapped, 80, 84, 88)
    packed.copy(swapped, 84, 80, 84)
    expect(unpack(swapped, KEY)).toBe('damaged: another sum')
  })

  it('of any other length is refused', () => {
    const packed = pack(KEY, code(200))
    for (let bytes = 0; bytes < packed.length; bytes += 1) {
      expect(unpack(packed.subarray(0, bytes), KEY)).toBe('damaged: not whole')
    }
    expect(unpack(Buffer.concat([packed, Buffer.alloc(8)]), KEY)).toBe('damaged: not whole')
  })
})
