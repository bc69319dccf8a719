/**
 * Counts the pulses of a line by the numbers that the kernel gives them: it counts in its interrupt, whatever our event
 * loop is up to, and keeps the newest event with its number however many older ones it had to drop. So a look now and
 * then tells all, and nothing waits for an edge. Made by `chardev.ts`.
 */
import { GpioError } from '../errors.ts'
import { type ChardevDriver, type ChardevLine, openCounterLine } from './chardev-line.ts'
import type { LineEvent } from './chardev-uapi.ts'
import type { Counter, CounterOptions, Pulses } from './gpio.ts'

/** A line's numbers go from 2^32 - 1 to 0. */
const NUMBERS = 2 ** 32

export class ChardevCounter implements Counter {
  readonly line: number
  readonly #driver: ChardevDriver
  readonly #options: CounterOptions
  /** Undefined while the line is lost, and after close. */
  #held: ChardevLine | undefined
  #closed = false
  /** Number of the newest event; 0 before the first of a line. */
  #last = 0
  #count = 0
  #unseen = 0
  #outages = 0
  #newestMs: number | undefined

  private constructor(driver: ChardevDriver, line: number, options: CounterOptions, held: ChardevLine) {
    this.line = line
    this.#driver = driver
    this.#options = options
    this.#held = held
  }

  /** @throws GpioError; then the line is free */
  static open(driver: ChardevDriver, line: number, options: CounterOptions): ChardevCounter {
    return new ChardevCounter(driver, line, options, request(driver, line, options))
  }

  async read(): Promise<Pulses> {
    if (this.#closed) throw new GpioError('misuse', `GPIO${this.line} was closed`)
    const held = this.#held ?? this.#reclaim()
    try {
      this.#add(held.events())
    } catch (error) {
      if (error instanceof GpioError && error.kind === 'lost') this.#drop()
      throw error
    }
    return { count: this.#count, newestMs: this.#newestMs, unseen: this.#unseen, outages: this.#outages }
  }

  close(): void {
    this.#closed = true
    this.#drop()
  }

  #add(events: readonly LineEvent[]): void {
    const newest = events.at(-1)
    if (newest === undefined) return
    const came = (newest.sequence - this.#last + NUMBERS) % NUMBERS
    this.#count += came
    this.#unseen += came - events.length
    this.#last = newest.sequence
    this.#newestMs = newest.ms
  }

  #drop(): void {
    this.#held?.release()
    this.#held = undefined
  }

  #reclaim(): ChardevLine {
    const held = request(this.#driver, this.line, this.#options)
    this.#held = held
    this.#last = 0
    this.#outages += 1
    return held
  }
}

function request({ kernel }: ChardevDriver, line: number, options: CounterOptions): ChardevLine {
  const { activeLow, debounceMs, pull, edge } = options
  return openCounterLine(kernel, line, { direction: 'in', activeLow, debounceMs, pull, edges: edge })
}
