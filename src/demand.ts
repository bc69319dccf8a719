/**
 * Reads that somebody wants now wait here for the loop of their sensor (`scheduler.ts`), so that no sensor is ever read
 * twice at once. All who ask before a read begins get what it gives. Whoever asks keeps a deadline of his own.
 */
import { SensorError } from './errors.ts'
import type { Sample } from './reading.ts'

/** A good read: raw, and when it was there, on both clocks, ms. */
export interface Taken {
  readonly sample: Sample
  readonly at: number
  readonly monotonic: number
}

interface Asker {
  readonly resolve: (taken: Taken) => void
  readonly reject: (error: unknown) => void
  /** Ordinary failures that were not the last word. */
  failures: number
}

/** Ordinary failures after which a reader gives up, as a loop calls its sensor offline. */
const ORDINARY_IN_A_ROW = 3

/** What one sensor is asked for, between those who ask and its loop. */
export class Demand {
  readonly #waiting = new Set<Asker>()
  /** Why there will be no read for now. */
  #closed: SensorError | undefined
  #tell = (): void => {}

  /**
   * The next read that begins.
   *
   * @throws SensorError of that read, or why there is none; the signal's reason on abort, which calls the wish off
   */
  async ask(signal: AbortSignal): Promise<Taken> {
    signal.throwIfAborted()
    if (this.#closed !== undefined) throw this.#closed
    let asker: Asker | undefined
    const abort = (): void => asker?.reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await new Promise<Taken>((resolve, reject) => {
        const settle =
          <T>(how: (value: T) => void) =>
          (value: T): void => {
            if (asker !== undefined) this.#waiting.delete(asker) // at once: the loop looks before this promise is heard of
            how(value)
          }
        asker = { resolve: settle(resolve), reject: settle(reject), failures: 0 }
        this.#waiting.add(asker)
        this.#tell()
      })
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** Somebody waits for a read. */
  get waiting(): boolean {
    return this.#waiting.size > 0
  }

  /** For the loop: called whenever somebody asks. */
  onAsked(tell: () => void): void {
    this.#tell = tell
  }

  /** For the loop: a read begins. What it gives is for all who wait now. Undefined: nobody does. */
  begin(): { succeeded(taken: Taken): void; failed(error: SensorError): void } | undefined {
    if (this.#waiting.size === 0) return undefined
    const askers = [...this.#waiting]
    return {
      succeeded(taken) {
        for (const { resolve } of askers) resolve(taken)
      },
      failed(error) {
        for (const asker of askers) {
          asker.failures += 1
          if (!error.ordinary || asker.failures >= ORDINARY_IN_A_ROW) asker.reject(error)
        }
      },
    }
  }

  /** For the loop: the sensor can be read, or is about to be opened. */
  open(): void {
    this.#closed = undefined
  }

  /** For the loop: there is no read for now, and all who ask are told why. */
  close(reason: SensorError): void {
    this.#closed = reason
    for (const { reject } of this.#waiting) reject(reason)
  }
}

/** Why a sensor is not read while it rests after a fault. */
export function resting({ kind, message, cause }: SensorError, ms: number): SensorError {
  return new SensorError(kind, `${message}; it is tried again within ${Math.ceil(ms / 1000)} s`, { cause })
}
