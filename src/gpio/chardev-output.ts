/**
 * An output by the character device. A line whose chip went away comes back with the next write, straight at its
 * level. Made by `chardev.ts`.
 */
import { GpioError, messageOf } from '../errors.ts'
import { type ChardevDriver, type ChardevLine, openOutputLine } from './chardev-line.ts'
import type { Level, Output, OutputOptions } from './gpio.ts'

export class ChardevOutput implements Output {
  readonly line: number
  readonly #driver: ChardevDriver
  readonly #activeLow: boolean
  /** Undefined while the line is lost, and after close. */
  #held: ChardevLine | undefined
  #closed = false

  private constructor(driver: ChardevDriver, line: number, activeLow: boolean, held: ChardevLine) {
    this.line = line
    this.#driver = driver
    this.#activeLow = activeLow
    this.#held = held
  }

  /** @throws GpioError */
  static open(driver: ChardevDriver, line: number, options: OutputOptions): ChardevOutput {
    return new ChardevOutput(driver, line, options.activeLow, openOutputLine(driver.kernel, line, options))
  }

  async read(): Promise<Level> {
    this.#demandOpen()
    if (this.#held !== undefined) return this.#held.read()
    throw new GpioError('lost', `GPIO${this.line} is lost; the next write tries to get it back`)
  }

  /** Done before it returns, so that writes happen in their order. */
  async write(level: Level): Promise<void> {
    this.#demandOpen()
    if (this.#held === undefined) return this.#reclaim(level, undefined)
    try {
      this.#held.write(level)
    } catch (error) {
      if (!(error instanceof GpioError) || error.kind !== 'lost') throw error
      this.#held.release()
      this.#held = undefined
      this.#reclaim(level, error)
    }
  }

  close(): void {
    this.#closed = true
    this.#held?.release()
    this.#held = undefined
  }

  #reclaim(level: Level, cause: unknown): void {
    const { kernel, log } = this.#driver
    try {
      this.#held = openOutputLine(kernel, this.line, { initial: level, activeLow: this.#activeLow })
      log.info({ line: this.line, state: level }, 'output recovered')
    } catch (error) {
      const message = `GPIO${this.line} was lost and can't be set to ${level}: ${messageOf(error)}`
      throw new GpioError('lost', message, { cause: cause ?? error })
    }
  }

  #demandOpen(): void {
    if (this.#closed) throw new GpioError('misuse', `GPIO${this.line} was closed`)
  }
}
