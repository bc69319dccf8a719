/**
 * An input by onoff: watched for hints, read for the truth, and fetched back after somebody unexported it or its
 * chip went away. Made by `onoff.ts`.
 */
import { GpioError } from '../errors.ts'
import { Debounce } from './debounce.ts'
import type { Input, InputOptions, Level } from './gpio.ts'
import { type OnoffDriver, type OnoffLine, openLine } from './onoff-line.ts'
import { pullRemedy } from './pull.ts'

export class OnoffInput implements Input {
  readonly line: number
  readonly #driver: OnoffDriver
  readonly #options: InputOptions
  readonly #debounce: Debounce
  /** Undefined while the line is lost. */
  #held: OnoffLine | undefined

  private constructor(driver: OnoffDriver, line: number, options: InputOptions, held: OnoffLine, initial: Level) {
    this.line = line
    this.#driver = driver
    this.#options = options
    this.#held = held
    const source = { read: () => this.#read(), recover: (signal: AbortSignal) => this.#recover(signal) }
    this.#debounce = new Debounce({ ...options, line, clock: driver.sysfs.clock, log: driver.log, source, initial })
  }

  static async open(
    driver: OnoffDriver,
    line: number,
    options: InputOptions,
    signal: AbortSignal,
  ): Promise<OnoffInput> {
    if (options.pull !== undefined) {
      const message = `GPIO${line} can't have pull: ${options.pull} with onoff: sysfs sets no pulls`
      throw new GpioError('unsupported', `${message}; ${pullRemedy(line, options.pull)}`)
    }
    const held = await openLine(driver, line, { direction: 'in', activeLow: options.activeLow }, signal)
    try {
      const input = new OnoffInput(driver, line, options, held, await held.read())
      // An edge between that read and this is told at once: the kernel knows which edge the last read came after.
      held.watch(() => input.#debounce.edge())
      input.#debounce.start()
      return input
    } catch (error) {
      await held.release()
      throw error
    }
  }

  get level(): Level {
    return this.#debounce.level
  }

  async close(): Promise<void> {
    await this.#debounce.stop()
    await this.#held?.release()
    this.#held = undefined
  }

  async #read(): Promise<Level> {
    if (this.#held === undefined) throw new GpioError('lost', `GPIO${this.line} is lost`)
    return await this.#held.read()
  }

  async #recover(signal: AbortSignal): Promise<void> {
    // At once, as a dead line may go on and on about its death.
    this.#held?.letGo()
    this.#held = undefined
    const held = await openLine(
      this.#driver,
      this.line,
      { direction: 'in', activeLow: this.#options.activeLow },
      signal,
    )
    this.#held = held
    held.watch(() => this.#debounce.edge())
  }
}
