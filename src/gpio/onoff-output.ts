/**
 * An output by onoff: reads and writes in the order they were asked for, and a line that was taken from under us
 * comes back with the next write, straight at its level. Made by `onoff.ts`.
 */
import { codeOf, GpioError, messageOf } from '../errors.ts'
import type { Level, Output, OutputOptions } from './gpio.ts'
import { InOrder } from './in-order.ts'
import { type OnoffDriver, type OnoffLine, openLine } from './onoff-line.ts'

/** A write that fails so found a line that is not our output any more: unexported, its chip gone, or made an input. */
const LOST: readonly (string | undefined)[] = ['ENODEV', 'ENOENT', 'ENXIO', 'EPERM']

export class OnoffOutput implements Output {
  readonly line: number
  readonly #driver: OnoffDriver
  readonly #activeLow: boolean
  readonly #signal: AbortSignal
  /** Undefined while the line is lost, and after close. */
  #held: OnoffLine | undefined
  #closed = false
  /** onoff would let two writes overtake each other. */
  readonly #line = new InOrder()

  private constructor(driver: OnoffDriver, line: number, activeLow: boolean, held: OnoffLine, signal: AbortSignal) {
    this.#driver = driver
    this.line = line
    this.#activeLow = activeLow
    this.#held = held
    this.#signal = signal
  }

  static async open(
    driver: OnoffDriver,
    line: number,
    options: OutputOptions,
    signal: AbortSignal,
  ): Promise<OnoffOutput> {
    const held = await openLine(driver, line, { direction: 'out', ...options }, signal)
    return new OnoffOutput(driver, line, options.activeLow, held, signal)
  }

  read(): Promise<Level> {
    return this.#inOrder(async () => {
      if (this.#held === undefined)
        throw new GpioError('lost', `GPIO${this.line} is lost; the next write tries to get it back`)
      return await this.#held.read()
    })
  }

  write(level: Level): Promise<void> {
    const { idle } = this.#line
    return this.#inOrder(async () => {
      if (this.#held === undefined) return await this.#reclaim(level, undefined)
      try {
        if (idle) this.#held.writeNow(level)
        else await this.#held.write(level)
      } catch (error) {
        if (!LOST.includes(codeOf(error))) throw this.#held.writeError(level, error)
        this.#held.letGo()
        this.#held = undefined
        await this.#reclaim(level, error)
      }
    })
  }

  /** The line stays exported and driven. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#line.add(async () => {})
    this.#held?.letGo()
    this.#held = undefined
  }

  /** Opens the line anew, straight at the level: that is the second try of the write. */
  async #reclaim(level: Level, cause: unknown): Promise<void> {
    try {
      const wish = { direction: 'out', initial: level, activeLow: this.#activeLow } as const
      this.#held = await openLine(this.#driver, this.line, wish, this.#signal)
      this.#driver.log.info({ line: this.line, state: level }, 'output recovered')
    } catch (error) {
      const message = `GPIO${this.line} was lost and can't be set to ${level}: ${messageOf(error)}`
      throw new GpioError('lost', message, { cause: cause ?? error })
    }
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new GpioError('misuse', `GPIO${this.line} was closed`))
    return this.#line.add(work)
  }
}
