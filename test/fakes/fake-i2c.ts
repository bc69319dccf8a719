/**
 * The package i2c-bus, for chips that behave: descriptors that open at the first transfer and must be closed once, and
 * errors as the real package gives them. Every transfer is what goes over the wires: bytes to a chip, then bytes from
 * it. Transfers end without a timer, so that a FakeClock sees them all.
 */
import { constants } from 'node:os'
import { type Load, loadOptional } from '../../src/optional.ts'

/** A chip as the wires see it. What either throws is how the transfer fails; `notAcknowledged()` for a busy chip. */
export interface FakeChip {
  receive(bytes: readonly number[]): void
  /** As many bytes as are asked for, or fewer: what is missing reads as 0xff, as on a bus that nobody drives. */
  send(length: number): readonly number[]
}

/** A chip that is nothing but registers of 8 bits, the register counting up. */
export interface FakeRegisters {
  read(register: number): number
  write(register: number, value: number): void
}

export interface Transfer {
  readonly bus: number
  readonly address: number
  /** `quick`: the address with the write bit, and no byte. */
  readonly kind: 'read' | 'write' | 'probe' | 'quick'
  /** The first byte to the chip: its register, or the first of a command. */
  readonly register?: number
  /** Bytes of a block. */
  readonly length?: number
  readonly value?: number
  /** All bytes of a plain write. */
  readonly bytes?: readonly number[]
}

export class FakeI2c {
  /** Everything that went over a wire, in order. */
  readonly transfers: Transfer[] = []
  /** What the real package would answer with somebody else's descriptor: must stay empty. */
  readonly misuse: string[] = []
  opened = 0
  closed = 0
  /** Open `/dev/i2c-N` files. */
  descriptors = 0
  /** Called before each transfer with its number from 0 on; what it throws is how the transfer fails. */
  before: (count: number, transfer: Transfer) => void | Promise<void> = () => {}
  /** What opening `/dev/i2c-N` fails with. */
  openFails: ((bus: number) => Error) | undefined
  /** Bytes that each block and each plain transfer is short of. */
  short = 0
  /** Every byte reads as this, and every write is acknowledged: a bus that is stuck. */
  stuck: number | undefined
  readonly #chips = new Map<string, FakeChip>()

  /** For `createBme280` and its like: this bus, and the real arithmetic of bme280-sensor. */
  readonly load: Load = (packageName) =>
    packageName === 'i2c-bus' ? { openPromisified: async (bus: number) => this.#open(bus) } : loadOptional(packageName)

  attach(bus: number, address: number, chip: FakeChip | FakeRegisters): void {
    this.#chips.set(`${bus}:${address}`, 'send' in chip ? chip : onWires(chip))
  }

  detach(bus: number, address: number): void {
    this.#chips.delete(`${bus}:${address}`)
  }

  /** Every transfer waits, from now on until the returned function is called. */
  hang(): () => void {
    const gate = new AbortController()
    const released = new Promise<void>((resolve) => gate.signal.addEventListener('abort', () => resolve()))
    this.before = () => released
    return () => {
      this.before = () => {}
      gate.abort()
    }
  }

  #open(bus: number) {
    this.opened += 1
    const files = new Set<number>()
    let open = true
    /** @param bytes to the chip; then `length` bytes from it, in the same transfer */
    const transfer = async (what: Omit<Transfer, 'bus'>, bytes: readonly number[], length = 0): Promise<Buffer> => {
      if (!open) this.misuse.push('a transfer after close')
      if (!files.has(what.address)) {
        if (this.openFails !== undefined) throw this.openFails(bus)
        files.add(what.address)
        this.descriptors += 1
      }
      const count = this.transfers.push({ bus, ...what }) - 1
      await this.before(count, { bus, ...what })
      if (this.stuck !== undefined) return Buffer.alloc(length, this.stuck)
      const chip = this.#chips.get(`${bus}:${what.address}`)
      if (chip === undefined) throw remoteIoError()
      if (bytes.length > 0) chip.receive(bytes)
      const sent = length > 0 ? chip.send(length) : []
      return Buffer.from(Array.from({ length }, (_, index) => sent[index] ?? 0xff))
    }
    const fill = async (what: Omit<Transfer, 'bus'>, bytes: readonly number[], length: number, buffer: Buffer) => {
      ;(await transfer(what, bytes, length)).copy(buffer)
      return { bytesRead: length - this.short, buffer }
    }
    return {
      readByte: async (address: number, register: number) =>
        (await transfer({ address, kind: 'read', register }, [register], 1)).readUInt8(0),
      receiveByte: async (address: number) => (await transfer({ address, kind: 'probe' }, [], 1)).readUInt8(0),
      writeQuick: async (address: number, _bit: number) => {
        await transfer({ address, kind: 'quick' }, [])
      },
      writeByte: async (address: number, register: number, value: number) => {
        await transfer({ address, kind: 'write', register, value }, [register, value])
      },
      readI2cBlock: (address: number, register: number, length: number, buffer: Buffer) =>
        fill({ address, kind: 'read', register, length }, [register], length, buffer),
      i2cRead: (address: number, length: number, buffer: Buffer) =>
        fill({ address, kind: 'read', length }, [], length, buffer),
      i2cWrite: async (address: number, length: number, buffer: Buffer) => {
        const bytes = [...buffer.subarray(0, length)]
        await transfer({ address, kind: 'write', register: bytes[0] ?? 0, bytes }, bytes)
        return { bytesWritten: length - this.short, buffer }
      },
      close: async () => {
        if (!open) this.misuse.push('a second close')
        open = false
        this.closed += 1
        this.descriptors -= files.size
      },
    }
  }
}

function onWires(chip: FakeRegisters): FakeChip {
  let register = 0
  return {
    receive([first = 0, ...values]) {
      register = first
      for (const [offset, value] of values.entries()) chip.write(register + offset, value)
    },
    send: (length) => Array.from({ length }, (_, offset) => chip.read(register + offset)),
  }
}

/** A chip that does not want to talk now. */
export const notAcknowledged = remoteIoError

/** An absent chip on a Pi, as i2c-bus tells it: no code, a message that begins with a comma. */
export function remoteIoError(): Error {
  return Object.assign(new Error(', Remote I/O error'), { errno: 121, code: '', syscall: '' })
}

/** An error of i2c-bus's addon, whose errno is positive. */
export function addonError(code: keyof typeof constants.errno): Error {
  return Object.assign(new Error(`${code}, it failed`), { errno: constants.errno[code], code, syscall: '' })
}

/** An error of node:fs, whose errno is negative. */
export function openError(code: keyof typeof constants.errno, bus: number): Error {
  const path = `/dev/i2c-${bus}`
  const message = `${code}: it failed, open '${path}'`
  return Object.assign(new Error(message), { errno: -constants.errno[code], code, syscall: 'open', path })
}
