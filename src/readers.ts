/** The sensors that are at work, for whoever wants one read now: each is in here while its loop runs. */
import type { Reading } from './reading.ts'

export interface Reader {
  readonly config: { readonly id?: string | undefined; readonly type: string }
  /**
   * A read that begins after the call, by the sensor's own loop; its rhythm and its filters know nothing of it. A median
   * has no other value than this one.
   *
   * @throws SensorError; the signal's reason on abort
   */
  read(signal: AbortSignal): Promise<Reading>
}

export class Readers {
  readonly #all = new Set<Reader>()

  /** In the order in which they began. */
  get all(): readonly Reader[] {
    return [...this.#all]
  }

  /** What is returned takes it out again. */
  add(reader: Reader): () => void {
    this.#all.add(reader)
    return () => void this.#all.delete(reader)
  }
}
