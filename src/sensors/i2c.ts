/**
 * What sensors on an I2C bus share: transfers with a chip as promises, errors that say what to do, and one queue
 * per bus, so that a sequence of transfers with one chip is never mixed with another's. Called by the sensor types.
 */
import type { PromisifiedBus } from 'i2c-bus'
import { calledOff } from '../clock.ts'
import { DriverUnavailableError, SensorError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Load } from '../optional.ts'
import { type I2cPlace, i2cError, locationOf } from './i2c-error.ts'
import { enter, unlessAborted } from './turns.ts'

export { hex, type I2cPlace, locationOf, subject } from './i2c-error.ts'

/**
 * What can be done with the chip: by register, or by plain bytes where it knows commands and answers instead. Every
 * transfer rejects with the signal's reason once the sequence's signal is aborted.
 */
export interface Transfers {
  /** @throws SensorError */
  readByte(register: number): Promise<number>
  /** At most 32 bytes in one transfer, the register counting up. @throws SensorError, also when fewer came */
  readBlock(register: number, length: number): Promise<Buffer>
  /** @throws SensorError */
  writeByte(register: number, value: number): Promise<void>
  /** These bytes and no more, in one transfer. @throws SensorError, also when the chip took fewer */
  write(...bytes: readonly number[]): Promise<void>
  /** What the chip has to say, in one transfer. @throws SensorError, also when fewer came */
  read(length: number): Promise<Buffer>
  /** Whether a chip acknowledges at another address of this bus. Writes nothing to it. */
  answers(address: number): Promise<boolean>
}

/**
 * Loads a driver package for a sensor.
 *
 * @throws SensorError of kind `unavailable` with the remedy
 */
export function loadDriver(load: Load, packageName: string, sensorName: string): unknown {
  try {
    return load(packageName)
  } catch (error) {
    if (!(error instanceof DriverUnavailableError)) throw error
    throw new SensorError('unavailable', `${sensorName}: ${error.message}`, { cause: error })
  }
}

/**
 * Opens a bus for one chip. Touches no hardware: i2c-bus opens `/dev/i2c-N` at the first transfer.
 *
 * @throws SensorError of kind `unavailable`
 */
export async function openI2c(load: Load, place: I2cPlace, log: Logger): Promise<I2cDevice> {
  const { openPromisified } = loadDriver(load, 'i2c-bus', place.name) as typeof import('i2c-bus') // the package's types
  return new I2cDevice(await openPromisified(place.bus), place, log)
}

/** One chip. Holds a bus object of its own, so that closing it takes nothing from others. */
export class I2cDevice {
  readonly #bus: PromisifiedBus
  readonly #place: I2cPlace
  readonly #log: Logger
  /** Settles when the kernel holds no transfer of ours; never rejects. */
  #idle: Promise<void> = Promise.resolve()
  #transferring = false
  /** Once set there are no transfers: i2c-bus would use the numbers of closed descriptors, which others have by then. */
  #closed = false

  constructor(bus: PromisifiedBus, place: I2cPlace, log: Logger) {
    this.#bus = bus
    this.#place = place
    this.#log = log
  }

  /**
   * Does `work` while nobody else uses the bus. Rejects with the signal's reason on abort, at once, also while it
   * waits its turn; the bus stays taken until the transfer that is under way has ended, so that a bus that hangs
   * costs one thread of libuv's pool and not all.
   */
  async exclusively<T>(signal: AbortSignal, work: (wire: Transfers) => Promise<T>): Promise<T> {
    const leave = await enter(`i2c-${this.#place.bus}`, signal)
    try {
      return await work(this.#transfers(signal))
    } finally {
      leave(this.#idle)
    }
  }

  /**
   * Gives the bus back, once, and never throws. Returns at once where a transfer hangs: the descriptors are
   * closed when it ends, because i2c-bus does not know the ones that it is just opening.
   */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const closing = this.#idle
      .then(() => this.#bus.close())
      .catch((err) => this.#log.debug({ sensor: this.#place.name, err }, 'I2C bus was not closed cleanly'))
    if (!this.#transferring) await closing
  }

  #transfers(signal: AbortSignal): Transfers {
    const { address } = this.#place
    const fill = async (length: number, start: (block: Buffer) => Promise<{ bytesRead: number }>): Promise<Buffer> => {
      const block = Buffer.alloc(length)
      const { bytesRead } = await this.#transfer(signal, () => start(block))
      if (bytesRead !== length) throw this.#short(`gave ${bytesRead} bytes instead of ${length}`)
      return block
    }
    return {
      readByte: (register) => this.#transfer(signal, () => this.#bus.readByte(address, register)),
      writeByte: (register, value) => this.#transfer(signal, () => this.#bus.writeByte(address, register, value)),
      readBlock: (register, length) =>
        fill(length, (block) => this.#bus.readI2cBlock(address, register, length, block)),
      read: (length) => fill(length, (block) => this.#bus.i2cRead(address, length, block)),
      write: async (...bytes) => {
        const start = () => this.#bus.i2cWrite(address, bytes.length, Buffer.from(bytes))
        const { bytesWritten } = await this.#transfer(signal, start)
        if (bytesWritten !== bytes.length) throw this.#short(`took ${bytesWritten} bytes instead of ${bytes.length}`)
      },
      answers: async (other) => {
        try {
          await this.#transfer(signal, () => this.#bus.receiveByte(other))
          return true
        } catch (error) {
          if (calledOff(error, signal)) throw error
          return false
        }
      },
    }
  }

  #short(what: string): SensorError {
    return new SensorError('bus', `${this.#place.name}: ${locationOf(this.#place)} ${what}; check wiring and power`)
  }

  async #transfer<T>(signal: AbortSignal, start: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    if (this.#closed) throw new SensorError('bus', `${this.#place.name}: ${locationOf(this.#place)} is closed`)
    this.#transferring = true
    const ended = (): void => {
      this.#transferring = false
    }
    const transfer = start()
    this.#idle = transfer.then(ended, ended)
    try {
      return await unlessAborted(transfer, signal)
    } catch (error) {
      if (calledOff(error, signal)) throw error
      throw i2cError(this.#place, error)
    }
  }
}
