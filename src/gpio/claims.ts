/**
 * Which lines one backend has given out, so that every backend refuses the same mistakes in the same words: a line
 * outside the header, a line opened twice, anything after close. These are bugs of the caller, hence `misuse`.
 */
import { GpioError } from '../errors.ts'
import { FIRST_PIN, LAST_PIN } from './gpio.ts'

export type Use = 'input' | 'output'

export class Claims {
  readonly #uses = new Map<number, Use>()
  #closed = false

  /** Marks the line as used, at once: of two that open it at the same time the second is refused. @throws GpioError */
  take(line: number, use: Use): void {
    this.demandOpen(line)
    if (!Number.isInteger(line) || line < FIRST_PIN || line > LAST_PIN) {
      const header = `the header has GPIO${FIRST_PIN} to GPIO${LAST_PIN}`
      throw new GpioError('misuse', `there is no line ${line}: ${header}; use the BCM number of the pin`)
    }
    const before = this.#uses.get(line)
    if (before !== undefined) {
      throw new GpioError('misuse', `GPIO${line} can't be opened as an ${use}: it is open as an ${before} already`)
    }
    this.#uses.set(line, use)
  }

  /** After an open that failed. */
  drop(line: number): void {
    this.#uses.delete(line)
  }

  uses(line: number): boolean {
    return this.#uses.has(line)
  }

  /** @throws GpioError once `close` was called */
  demandOpen(line: number): void {
    if (this.#closed) throw new GpioError('misuse', `GPIO${line} can't be used any more: its backend was closed`)
  }

  /** From here on nothing is given out, and all that was is free. False when that was so before. */
  close(): boolean {
    const first = !this.#closed
    this.#closed = true
    this.#uses.clear()
    return first
  }
}
