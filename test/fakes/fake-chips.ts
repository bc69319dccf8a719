/**
 * GPIO chips as the kernel shows them to whoever asks: their labels and lines, who holds a line, refusals, and the
 * events of a line that pulses. Lines carry no levels here: what wires do is for a real kernel to show.
 */
import type { Kernel } from '../../src/gpio/chardev-kernel.ts'
import {
  decodeLineFd,
  EVENT_BYTES,
  encodeLineQuestion,
  GET_CHIPINFO,
  GET_LINE,
  GET_LINEINFO,
  type Ioctl,
} from '../../src/gpio/chardev-uapi.ts'

export interface FakeChip {
  readonly path: string
  readonly label: string
  readonly lines: number
  /** An errno name: what an open of it is refused with. */
  refuses?: string
  /** An errno name: what a request for a line of it is refused with. */
  refusesLines?: string
  /** Who holds which line; an empty name where the kernel has none. */
  readonly holders?: ReadonlyMap<number, string>
}

/** A line that was granted. */
interface Line {
  readonly line: number
  /** How many events it keeps; beyond it the oldest is dropped. */
  readonly kept: number
  sequence: number
  events: Buffer[]
  gone: boolean
}

export class FakeChips implements Kernel {
  readonly #chips: FakeChip[]
  readonly #open = new Map<number, FakeChip | Line>()
  #next = 20

  constructor(chips: readonly FakeChip[]) {
    this.#chips = [...chips]
  }

  /** How many files are open. */
  get opened(): number {
    return this.#open.size
  }

  chips(): readonly string[] {
    return this.#chips.map(({ path }) => path)
  }

  open(path: string): number {
    const chip = this.#chips.find((one) => one.path === path)
    if (chip === undefined) throw errno('ENOENT')
    if (chip.refuses !== undefined) throw errno(chip.refuses)
    return this.#grant(chip)
  }

  ioctl(fd: number, request: Ioctl, argument: Buffer): void {
    const chip = this.#open.get(fd)
    if (chip === undefined) throw errno('EBADF')
    if ('kept' in chip) throw errno('ENODEV')
    if (request === GET_CHIPINFO) {
      if (chip.label === '') throw errno('ENOTTY')
      argument.write(chip.label, 32, 32, 'ascii')
      argument.writeUInt32LE(chip.lines, 64)
    } else if (request === GET_LINEINFO) {
      const line = argument.readUInt32LE(64)
      if (!argument.equals(encodeLineQuestion(line))) throw errno('EINVAL')
      const holder = chip.holders?.get(line)
      if (holder !== undefined) argument.write(`${holder}\0`, 32, 32, 'ascii')
      argument.writeUInt32LE(holder === undefined ? 4 : 1, 72)
    } else if (request === GET_LINE) {
      if (chip.refusesLines !== undefined) throw errno(chip.refusesLines)
      if (chip.holders?.has(argument.readUInt32LE(0)) === true) throw errno('EBUSY')
      if (decodeLineFd(argument) !== 0) throw errno('EINVAL')
      const [line, kept] = [argument.readUInt32LE(0), argument.readUInt32LE(564)]
      argument.writeInt32LE(this.#grant({ line, kept, sequence: 0, events: [], gone: false }), 588)
    } else throw errno('ENOTTY')
  }

  neverWait(): void {}

  read(fd: number, into: Buffer): number {
    const line = this.#open.get(fd)
    if (line === undefined || !('kept' in line)) throw errno('EBADF')
    if (line.gone) throw errno('ENODEV')
    return Buffer.concat(line.events.splice(0, Math.floor(into.length / EVENT_BYTES))).copy(into)
  }

  /** The line pulses: one event each, `everyMs` apart, the first at `fromMs`. */
  pulse(number: number, pulses: number, { fromMs = 0, everyMs = 1 } = {}): void {
    const line = this.#line(number)
    for (let index = 0; index < pulses; index += 1) {
      line.sequence = (line.sequence + 1) % 2 ** 32
      const event = Buffer.alloc(EVENT_BYTES)
      event.writeBigUInt64LE(BigInt(Math.round((fromMs + index * everyMs) * 1e6)), 0)
      event.writeUInt32LE(1, 8)
      event.writeUInt32LE(line.sequence, 20)
      line.events.push(event)
      if (line.events.length > line.kept) line.events.shift()
    }
  }

  /** As if it had pulsed that often, long ago. */
  startAt(number: number, sequence: number): void {
    this.#line(number).sequence = sequence
  }

  /** The chip goes away under the line. */
  lose(number: number): void {
    this.#line(number).gone = true
  }

  watch(): () => void {
    return () => {}
  }

  close(fd: number): void {
    if (!this.#open.delete(fd)) throw errno('EBADF')
  }

  #line(number: number): Line {
    const line = [...this.#open.values()].find((one) => 'kept' in one && one.line === number && !one.gone)
    if (line === undefined || !('kept' in line)) throw new Error(`line ${number} is not open`)
    return line
  }

  #grant(what: FakeChip | Line): number {
    this.#next += 1
    this.#open.set(this.#next, what)
    return this.#next
  }
}

function errno(code: string): Error {
  return Object.assign(new Error(`${code}: the kernel says no`), { code })
}
