/**
 * The kernel's GPIO character device as bytes: every ioctl number, offset and flag that we use is here and nowhere
 * else. What comes in and goes out are typed values. Called by the other `chardev-*` files.
 *
 * Source: Linux, include/uapi/linux/gpio.h (uAPI v2, since Linux 5.10); the comments name its structs. It pads every
 * struct so that 32 and 64 bit have one layout. Numbers are in the processor's order: little-endian on every Pi and
 * on x86-64, the machines that this runs on.
 */
import type { Edge } from './edge.ts'
import type { Level } from './gpio.ts'
import type { Pull } from './pull.ts'

/** A request to the kernel. Its number says how many bytes the kernel reads and writes: see `_IOC` in ioctl.h. */
export interface Ioctl {
  readonly name: string
  readonly number: number
  readonly bytes: number
}

/** Linux, include/uapi/asm-generic/ioctl.h: direction, size, type 0xB4 (GPIO), number. */
function ioctl(name: string, directions: 'R' | 'WR', number: number, bytes: number): Ioctl {
  const direction = directions === 'R' ? 2 : 3
  return { name, bytes, number: ((direction << 30) | (bytes << 16) | (0xb4 << 8) | number) >>> 0 }
}

export const GET_CHIPINFO = ioctl('GPIO_GET_CHIPINFO', 'R', 0x01, 68)
export const GET_LINEINFO = ioctl('GPIO_V2_GET_LINEINFO', 'WR', 0x05, 256)
export const GET_LINE = ioctl('GPIO_V2_GET_LINE', 'WR', 0x07, 592)
export const SET_CONFIG = ioctl('GPIO_V2_LINE_SET_CONFIG', 'WR', 0x0d, 272)
export const GET_VALUES = ioctl('GPIO_V2_LINE_GET_VALUES', 'WR', 0x0e, 16)
export const SET_VALUES = ioctl('GPIO_V2_LINE_SET_VALUES', 'WR', 0x0f, 16)

/** GPIO_MAX_NAME_SIZE: a name has at most one byte less, as a zero ends it. */
const NAME_BYTES = 32
/** sizeof(struct gpio_v2_line_event) */
export const EVENT_BYTES = 48

/** GPIO_V2_LINES_MAX * 16: what the kernel clamps `event_buffer_size` to (linereq_create in gpiolib-cdev.c). */
export const MOST_EVENTS = 1024

/** enum gpio_v2_line_flag */
const FLAG = {
  used: 1 << 0,
  activeLow: 1 << 1,
  input: 1 << 2,
  output: 1 << 3,
  edges: { rising: 1 << 4, falling: 1 << 5, both: (1 << 4) | (1 << 5) } satisfies Record<Edge | 'both', number>,
  pull: { up: 1 << 8, down: 1 << 9, none: 1 << 10 } satisfies Record<Pull, number>,
} as const

/** enum gpio_v2_line_attr_id */
const ATTRIBUTE = { outputValues: 2, debounce: 3 } as const

export interface InputSetup {
  readonly direction: 'in'
  readonly activeLow: boolean
  readonly pull: Pull | undefined
  readonly debounceMs: number
  /** Which edges make an event; logical, as the kernel applies `activeLow` to these, too. */
  readonly edges: Edge | 'both'
}

/** How a line is to be. Levels are logical: the kernel applies `activeLow`. */
export type LineSetup =
  | InputSetup
  | { readonly direction: 'out'; readonly activeLow: boolean; readonly level: Level }
  /** Whatever it is now. */
  | { readonly direction: 'as-is'; readonly activeLow: boolean }

export interface ChipInfo {
  readonly label: string
  /** How many lines it has. */
  readonly lines: number
}

export interface LineInfo {
  readonly used: boolean
  readonly output: boolean
  /** Who holds it, where the kernel has a name for that. */
  readonly consumer: string | undefined
}

export interface LineEvent {
  /** Logical, after the edge. */
  readonly level: Level
  /** Counts the line's events from 1, those that were dropped included. Goes from 2^32 - 1 to 0. */
  readonly sequence: number
  /** When the kernel saw it: ms on CLOCK_MONOTONIC. */
  readonly ms: number
}

/** struct gpiochip_info */
export function decodeChipInfo(bytes: Buffer): ChipInfo {
  return { label: textAt(bytes, 32), lines: bytes.readUInt32LE(64) }
}

/** struct gpio_v2_line_info, as a question about one line. */
export function encodeLineQuestion(line: number): Buffer {
  const bytes = Buffer.alloc(GET_LINEINFO.bytes)
  bytes.writeUInt32LE(line, 64)
  return bytes
}

/** struct gpio_v2_line_info */
export function decodeLineInfo(bytes: Buffer): LineInfo {
  const flags = bytes.readUInt32LE(72)
  const consumer = textAt(bytes, 32)
  return {
    used: (flags & FLAG.used) !== 0,
    output: (flags & FLAG.output) !== 0,
    consumer: consumer === '' ? undefined : consumer,
  }
}

/**
 * struct gpio_v2_line_request, for one line.
 *
 * @param consumer the name that others see the line held by; ASCII, at most 31 characters
 * @param events how many the kernel keeps for us, at most `MOST_EVENTS`; beyond it the oldest is dropped
 */
export function encodeLineRequest(line: number, consumer: string, events: number, setup: LineSetup): Buffer {
  const bytes = Buffer.alloc(GET_LINE.bytes)
  bytes.writeUInt32LE(line, 0)
  bytes.write(consumer, 256, NAME_BYTES - 1, 'ascii')
  encodeLineConfig(setup).copy(bytes, 288)
  bytes.writeUInt32LE(1, 560)
  bytes.writeUInt32LE(setup.direction === 'in' ? events : 0, 564)
  return bytes
}

/** The file descriptor of the line that was granted. */
export function decodeLineFd(bytes: Buffer): number {
  return bytes.readInt32LE(588)
}

/** struct gpio_v2_line_config with at most one attribute, struct gpio_v2_line_config_attribute. */
export function encodeLineConfig(setup: LineSetup): Buffer {
  const bytes = Buffer.alloc(SET_CONFIG.bytes)
  bytes.writeUInt32LE(flagsOf(setup), 0) // the upper half of the 64 bits is unused
  const attribute = (id: number, value: number): void => {
    bytes.writeUInt32LE(1, 8)
    bytes.writeUInt32LE(id, 32)
    bytes.writeUInt32LE(value, 40)
    bytes.writeUInt32LE(1, 48) // mask: it is about the first line of the request
  }
  if (setup.direction === 'out') attribute(ATTRIBUTE.outputValues, setup.level)
  if (setup.direction === 'in' && setup.debounceMs > 0)
    attribute(ATTRIBUTE.debounce, Math.ceil(setup.debounceMs * 1000))
  return bytes
}

function flagsOf(setup: LineSetup): number {
  const activeLow = setup.activeLow ? FLAG.activeLow : 0
  if (setup.direction === 'as-is') return activeLow
  if (setup.direction === 'out') return activeLow | FLAG.output
  return activeLow | FLAG.input | FLAG.edges[setup.edges] | (setup.pull === undefined ? 0 : FLAG.pull[setup.pull])
}

/** struct gpio_v2_line_values for the first line of a request; to be filled by the kernel where no level is given. */
export function encodeValues(level: Level = 0): Buffer {
  const bytes = Buffer.alloc(GET_VALUES.bytes)
  bytes.writeUInt32LE(level, 0)
  bytes.writeUInt32LE(1, 8)
  return bytes
}

/** struct gpio_v2_line_values */
export function decodeValue(bytes: Buffer): Level {
  return (bytes.readUInt32LE(0) & 1) === 1 ? 1 : 0
}

/** struct gpio_v2_line_event, as many as there are in `bytes`. */
export function decodeEvents(bytes: Buffer): LineEvent[] {
  return Array.from({ length: Math.floor(bytes.length / EVENT_BYTES) }, (_, index) => {
    const at = index * EVENT_BYTES
    // GPIO_V2_LINE_EVENT_RISING_EDGE is 1, FALLING 2; 'rising' is from inactive to active.
    const nanoseconds = bytes.readBigUInt64LE(at) // exact as a number for the first 104 days, then to some ns
    return {
      level: bytes.readUInt32LE(at + 8) === 1 ? 1 : 0,
      sequence: bytes.readUInt32LE(at + 20),
      ms: Number(nanoseconds) / 1e6,
    }
  })
}

function textAt(bytes: Buffer, at: number): string {
  const name = bytes.subarray(at, at + NAME_BYTES)
  const end = name.indexOf(0)
  return name.toString('utf8', 0, end === -1 ? NAME_BYTES : end)
}
