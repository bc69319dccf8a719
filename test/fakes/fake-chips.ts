/**
 * GPIO chips as the kernel shows them to whoever asks: their labels and lines, who holds a line, and refusals. Lines
 * carry no levels here: what wires do is for a real kernel to show.
 */
import type { Kernel } from '../../src/gpio/chardev-kernel.ts'
import {
  decodeLineFd,
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

export class FakeChips implements Kernel {
  readonly #chips: FakeChip[]
  readonly #open = new Map<number, FakeChip | 'line'>()
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
    if (chip === 'line') throw errno('ENODEV')
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
      argument.writeInt32LE(this.#grant('line'), 588)
    } else throw errno('ENOTTY')
  }

  neverWait(): void {}

  read(): number {
    throw errno('ENODEV')
  }

  watch(): () => void {
    return () => {}
  }

  close(fd: number): void {
    if (!this.#open.delete(fd)) throw errno('EBADF')
  }

  #grant(what: FakeChip | 'line'): number {
    this.#next += 1
    this.#open.set(this.#next, what)
    return this.#next
  }
}

function errno(code: string): Error {
  return Object.assign(new Error(`${code}: the kernel says no`), { code })
}
