/**
 * Which lines one backend has given out, and how to end each, so that every backend refuses the same mistakes in the same words: a line
 * outside the header, a line opened twice, anything after close. These are bugs of the caller, hence `misuse`.
 */
import { GpioError } from '../errors.ts'
import { FIRST_PIN, LAST_PIN } from './gpio.ts'

export type Use = 'input' | 'output'

/** A line that is open. */
export interface Claimed {
  /** Lets go of it. Must not throw. */
  close(): void | Promise<void>
}

export class Claims {
  readonly #uses = new Map<number, Use>()
  readonly #open = new Map<number, Claimed>()
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

  /** The line that was taken is open now. */
  opened(line: number, claimed: Claimed): void {
    this.#open.set(line, claimed)
  }

  /** Ends what is open on the line, which is free when this resolves. */
  async release(line: number): Promise<void> {
    const claimed = this.#open.get(line)
    if (claimed === undefined) return
    this.#open.delete(line)
    await claimed.close()
    this.#uses.delete(line)
  }

  uses(line: number): boolean {
    return this.#uses.has(line)
  }

  /** Of a line that is open: makes what throws once the line was released, or `close` was called. */
  ticket(line: number): () => void {
    const claimed = this.#open.get(line)
    return () => {
      this.demandOpen(line)
      if (this.#open.get(line) !== claimed) throw new GpioError('misuse', `GPIO${line} was closed`)
    }
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

  /** After `close`: ends everything that is open. */
  async end(): Promise<void> {
    const open = [...this.#open.values()]
    this.#open.clear()
    await Promise.all(open.map((claimed) => claimed.close()))
  }
}
