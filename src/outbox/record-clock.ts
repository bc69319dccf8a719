/**
 * What time a record was read at, and how old it is, on a machine whose wall clock may be wrong until a time server
 * has set it. Within a boot the monotonic clock tells both; across boots only a wall clock that was set does.
 */
import type { Clock } from '../clock.ts'
import type { Message } from '../telemetry.ts'
import type { OutboxRecord } from './record.ts'

/** When a record was read. */
export interface ReadTime {
  /** Wall clock, ms since 1970. */
  readonly at: number
  /** Monotonic clock, ms. */
  readonly monotonic: number
  /** The wall clock had not been set by then. */
  readonly unsynchronised: boolean
}

export interface RecordClockOptions {
  readonly clock: Clock
  /** This boot's id: 32 hexadecimal digits. */
  readonly boot: string
  /** The same record with the time that it should have had. */
  readonly correct: (message: Message, at: number) => Message
}

/** Boots whose correction is remembered, the newest: who boots more often with the broker away has other worries. */
const BOOTS_KEPT = 8

export class RecordClock {
  readonly #options: RecordClockOptions
  /** Wall clock minus monotonic clock, ms, of boots in which the wall clock was set at last. Oldest first. */
  readonly #offsets = new Map<string, number>()
  #set = false

  constructor(options: RecordClockOptions) {
    this.#options = options
  }

  /** The wall clock has been set, for certain: from now on it is trusted, and this boot's earlier records are corrected. */
  synchronised(): void {
    const { clock, boot } = this.#options
    this.#set = true
    if (!this.#offsets.has(boot)) this.learn({ [boot]: clock.now() - clock.monotonic() })
  }

  /** What is to be remembered over a boot. */
  get offsets(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#offsets)
  }

  /** What was remembered. What is known already stays. */
  learn(offsets: Readonly<Record<string, number>>): void {
    for (const [boot, offset] of Object.entries(offsets)) {
      if (!this.#offsets.has(boot)) this.#offsets.set(boot, offset)
    }
    for (const boot of this.#offsets.keys()) {
      if (this.#offsets.size <= BOOTS_KEPT) break
      if (boot !== this.#options.boot) this.#offsets.delete(boot)
    }
  }

  /** By default read just now. */
  record(message: Message, read?: ReadTime): OutboxRecord {
    const { boot, clock } = this.#options
    const { at, monotonic, unsynchronised } = read ?? {
      at: clock.now(),
      monotonic: clock.monotonic(),
      unsynchronised: false,
    }
    return { message, at, monotonic, boot, unsynchronised }
  }

  /** As it is to be sent, by what is known now. */
  message(record: OutboxRecord): Message {
    const at = record.unsynchronised ? this.#corrected(record) : undefined
    return at === undefined ? record.message : this.#options.correct(record.message, at)
  }

  /** Ms since the record was read; undefined where nobody can know. A step of the wall clock does not change it. */
  ageMs(record: OutboxRecord): number | undefined {
    const { clock, boot } = this.#options
    if (record.boot === boot) return Math.max(0, clock.monotonic() - record.monotonic)
    const at = record.unsynchronised ? this.#corrected(record) : record.at
    // Of another boot: both ends must be right. One that seems to come from the future was read with a wrong clock.
    return !this.#set || at === undefined ? undefined : Math.max(0, clock.now() - at)
  }

  #corrected({ boot, monotonic }: OutboxRecord): number | undefined {
    const offset = this.#offsets.get(boot)
    return offset === undefined ? undefined : offset + monotonic
  }
}
