import { describe, expect, it } from 'vitest'
import {
  decodeChipInfo,
  decodeEvents,
  decodeLineFd,
  decodeLineInfo,
  decodeValue,
  encodeLineConfig,
  encodeLineQuestion,
  encodeLineRequest,
  encodeValues,
  GET_CHIPINFO,
  GET_LINE,
  GET_LINEINFO,
  GET_VALUES,
  SET_CONFIG,
  SET_VALUES,
} from '../../src/gpio/chardev-uapi.ts'

/**
 * What a C compiler makes of the structs of linux/gpio.h (gcc 12, x86-64). A number stands for that many zero bytes,
 * text for bytes in hexadecimal.
 */
function bytes(...parts: readonly (string | number)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.alloc(part) : Buffer.from(part, 'hex'))))
}

const NAME = ['73656e736f722d6e6f6465', 21] as const // sensor-node

describe('the numbers of the requests', () => {
  it.each([
    [GET_CHIPINFO, 0x8044b401, 68],
    [GET_LINEINFO, 0xc100b405, 256],
    [GET_LINE, 0xc250b407, 592],
    [SET_CONFIG, 0xc110b40d, 272],
    [GET_VALUES, 0xc010b40e, 16],
    [SET_VALUES, 0xc010b40f, 16],
  ] as const)('$name is the compiler’s', (request, number, size) => {
    expect([request.number, request.bytes]).toEqual([number, size])
  })
})

describe('the request for a line', () => {
  it('of an input has pull, polarity, both edges, the debounce time in µs, and room for its events', () => {
    const setup = { direction: 'in', activeLow: true, pull: 'up', debounceMs: 20, edges: 'both' } as const
    expect(encodeLineRequest(27, 'sensor-node', 128, setup)).toEqual(
      bytes('1b', 255, ...NAME, '3601', 6, '01', 23, '03', 7, '204e', 6, '01', 223, '0100000080', 27),
    )
  })

  it('of an output has its level in it, and no events', () => {
    expect(encodeLineRequest(17, 'sensor-node', 128, { direction: 'out', activeLow: true, level: 1 })).toEqual(
      bytes('11', 255, ...NAME, '0a', 7, '01', 23, '02', 7, '01', 7, '01', 223, '01', 31),
    )
  })

  it('of a level 0 says so too: without it the kernel would choose', () => {
    const config = encodeLineConfig({ direction: 'out', activeLow: false, level: 0 })
    expect(config).toEqual(bytes('08', 7, '01', 23, '02', 7, 8, '01', 223))
  })

  it.each([
    ['down', 0x234],
    ['none', 0x434],
    [undefined, 0x34],
  ] as const)('pull %s has its own flag, and none where it is not said', (pull, flags) => {
    const config = encodeLineConfig({ direction: 'in', activeLow: false, pull, debounceMs: 0, edges: 'both' })
    expect(config.readBigUInt64LE(0)).toBe(BigInt(flags))
  })

  it.each([
    ['rising', 0x14],
    ['falling', 0x24],
  ] as const)('of %s edges alone has the one flag', (edges, flags) => {
    const config = encodeLineConfig({ direction: 'in', activeLow: false, pull: undefined, debounceMs: 0, edges })
    expect(config.readBigUInt64LE(0)).toBe(BigInt(flags))
  })

  it('without debouncing has no attribute, and debounces no shorter than it says', () => {
    const config = (debounceMs: number) =>
      encodeLineConfig({ direction: 'in', activeLow: false, pull: undefined, debounceMs, edges: 'both' })
    expect(config(0).subarray(8)).toEqual(Buffer.alloc(264))
    expect(config(0.0001).readUInt32LE(40)).toBe(1)
    expect(config(60_000).readUInt32LE(40)).toBe(60_000_000)
  })

  it('as it is touches neither direction nor level', () => {
    expect(encodeLineConfig({ direction: 'as-is', activeLow: true })).toEqual(bytes('02', 271))
  })

  it('has the name cut where it does not fit, with the zero that ends it', () => {
    const request = encodeLineRequest(0, 'x'.repeat(40), 0, { direction: 'as-is', activeLow: false })
    expect(request.subarray(256, 290)).toEqual(bytes('78'.repeat(31), 3))
  })

  it('is answered with a file descriptor', () => {
    expect(decodeLineFd(bytes(588, '15', 3))).toBe(21)
  })
})

describe('what the kernel tells', () => {
  it('of a chip: label and number of lines', () => {
    const info = bytes('6770696f6368697030', 23, '70696e6374726c2d62636d32373131', 17, '3a', 3)
    expect(decodeChipInfo(info)).toEqual({ label: 'pinctrl-bcm2711', lines: 58 })
  })

  it('of a label that fills its place: no more than that', () => {
    expect(decodeChipInfo(bytes(32, '78'.repeat(32), '3a', 3))).toEqual({ label: 'x'.repeat(32), lines: 58 })
  })

  it('of a line: who holds it, and whether it drives', () => {
    const info = bytes('4750494f3232', 26, '6770696f736574', 25, '16', 7, '09', 183)
    expect(decodeLineInfo(info)).toEqual({ used: true, output: true, consumer: 'gpioset' })
    expect(decodeLineInfo(encodeLineQuestion(22))).toEqual({ used: false, output: false, consumer: undefined })
    expect(encodeLineQuestion(22)).toEqual(bytes(64, '16', 191))
  })

  it('of a level: one bit, and nothing of others', () => {
    expect(encodeValues(1)).toEqual(bytes('01', 7, '01', 7))
    expect([decodeValue(encodeValues(1)), decodeValue(encodeValues()), decodeValue(bytes('fe', 15))]).toEqual([1, 0, 0])
  })

  it('of edges: the level after each, and its number', () => {
    const events = bytes(
      '00e40b5402000000010000001b0000002800000007',
      27,
      '00e40b5402000000020000001b00000029000000ffffffff',
      24,
    )
    expect(decodeEvents(events)).toEqual([
      { level: 1, sequence: 7, ms: 10_000 },
      { level: 0, sequence: 0xffffffff, ms: 10_000 },
    ])
  })

  it('of edges: nothing where there are none, and nothing of half of one', () => {
    expect([decodeEvents(Buffer.alloc(0)), decodeEvents(Buffer.alloc(47))]).toEqual([[], []])
  })
})
