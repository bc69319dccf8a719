/**
 * Counts the edges of a line that the kernel had to drop, by the gaps in its numbers, and tells of them: at once, and
 * then at most once a minute. The last level is never lost, but whoever waits for each edge should know.
 */
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'

/** A line that chatters all day is told of this often. */
const REPORT_EVERY_MS = 60_000

const NUMBERS = 2 ** 32

export class LostEdges {
  readonly #line: number
  readonly #clock: Clock
  readonly #log: Logger
  #last = 0
  #total = 0
  #untold = 0
  #toldAt: number | undefined

  constructor(line: number, clock: Clock, log: Logger) {
    this.#line = line
    this.#clock = clock
    this.#log = log
  }

  /** An edge with this number arrived. */
  saw(sequence: number): void {
    const missing = (sequence - this.#last - 1 + NUMBERS) % NUMBERS
    this.#last = sequence
    this.#total += missing
    this.#untold += missing
    if (this.#untold === 0) return
    const now = this.#clock.monotonic()
    if (this.#toldAt !== undefined && now - this.#toldAt < REPORT_EVERY_MS) return
    this.#log.warn({ line: this.#line, lost: this.#untold, total: this.#total }, 'edges of an input were lost')
    this.#toldAt = now
    this.#untold = 0
  }

  /** The line was opened anew: the kernel counts from 1 again. */
  restart(): void {
    this.#last = 0
  }
}
