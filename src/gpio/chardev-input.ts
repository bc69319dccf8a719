/**
 * An input by the character device. The kernel debounces, so each of its events is a settled level; `Debounce` finds
 * what no event told, tells faults, and fetches the line back after its chip went away. Made by `chardev.ts`.
 */
import { GpioError } from '../errors.ts'
import { type ChardevDriver, type ChardevLine, openInputLine } from './chardev-line.ts'
import { Debounce } from './debounce.ts'
import type { Input, InputOptions, Level } from './gpio.ts'
import { LostEdges } from './lost-edges.ts'

export class ChardevInput implements Input {
  readonly line: number
  readonly #driver: ChardevDriver
  readonly #options: InputOptions
  readonly #debounce: Debounce
  readonly #lost: LostEdges
  /** Undefined while the line is lost, and after close. */
  #held: ChardevLine | undefined

  private constructor(driver: ChardevDriver, line: number, options: InputOptions, held: ChardevLine, initial: Level) {
    const { clock, log } = driver
    this.line = line
    this.#driver = driver
    this.#options = options
    this.#held = held
    this.#lost = new LostEdges(line, clock, log)
    const source = { read: async () => this.#read(), recover: async () => this.#recover() }
    this.#debounce = new Debounce({ ...options, debounceMs: 0, line, clock, log, source, initial })
  }

  /** @throws GpioError; then the line is free */
  static open(driver: ChardevDriver, line: number, options: InputOptions): ChardevInput {
    const held = request(driver, line, options)
    try {
      const input = new ChardevInput(driver, line, options, held, held.read())
      held.watch(() => input.#tellEdges())
      input.#debounce.start()
      return input
    } catch (error) {
      held.release()
      throw error
    }
  }

  get level(): Level {
    return this.#debounce.level
  }

  async close(): Promise<void> {
    await this.#debounce.stop()
    this.#held?.release()
    this.#held = undefined
  }

  #tellEdges(): void {
    try {
      for (const { level, sequence } of this.#held?.events() ?? []) {
        this.#lost.saw(sequence)
        this.#debounce.edge(level)
      }
    } catch {
      this.#debounce.edge() // only a hint: the read that follows meets the same error, and tells it
    }
  }

  #read(): Level {
    if (this.#held === undefined) throw new GpioError('lost', `GPIO${this.line} is lost`)
    return this.#held.read()
  }

  #recover(): void {
    this.#held?.release()
    this.#held = undefined
    const held = request(this.#driver, this.line, this.#options)
    this.#held = held
    this.#lost.restart()
    held.watch(() => this.#tellEdges())
  }
}

function request({ kernel }: ChardevDriver, line: number, options: InputOptions): ChardevLine {
  const { activeLow, debounceMs, pull } = options
  return openInputLine(kernel, line, { direction: 'in', activeLow, debounceMs, pull, edges: 'both' })
}
