/**
 * Records on their way to the broker: first in, first out, bounded, the oldest dropped first and counted. In
 * memory; whoever wants it durable keeps these methods.
 */
import type { Message } from './telemetry.ts'

export interface OutboxOptions {
  readonly maxRecords: number
  /** Told when a run of drops begins: once until the outbox was empty again. */
  readonly onOverflow: () => void
}

export interface Entry {
  readonly message: Message
}

interface Slot extends Entry {
  sent: boolean
  gone: boolean
}

/** So many finished slots may stand in the array at least, before they are taken out. */
const COMPACT_AT = 1024

export class Outbox {
  readonly #maxRecords: number
  readonly #onOverflow: () => void
  /** In order. Live slots lie from `#head` on; what is `gone` among them was acknowledged out of turn or dropped. */
  #slots: Slot[] = []
  #head = 0
  /** Everything before it (from `#head`) has been sent or is gone. Never before `#head`. */
  #cursor = 0
  #depth = 0
  #overflowing = false
  readonly #dropped = new Map<string, number>()

  constructor({ maxRecords, onOverflow }: OutboxOptions) {
    this.#maxRecords = maxRecords
    this.#onOverflow = onOverflow
  }

  /** Records that the broker has not acknowledged. */
  get depth(): number {
    return this.#depth
  }

  /** How many were lost, by reason. */
  get dropped(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#dropped)
  }

  put(message: Message): void {
    if (this.#depth >= this.#maxRecords) this.#dropOldest()
    this.#slots.push({ message, sent: false, gone: false })
    this.#depth += 1
  }

  /** The oldest that was not handed out yet, and hands it out. */
  next(): Entry | undefined {
    for (; this.#cursor < this.#slots.length; this.#cursor += 1) {
      const slot = this.#slots[this.#cursor]
      if (slot === undefined || slot.gone || slot.sent) continue
      slot.sent = true
      this.#cursor += 1
      return slot
    }
    return undefined
  }

  /** The broker has it. */
  acknowledged(entry: Entry): void {
    if (this.#finish(entry) && this.#depth === 0) this.#overflowing = false
  }

  /** The broker refused it for good. */
  refused(entry: Entry, reason: string): void {
    if (!this.#finish(entry)) return
    this.#count(reason)
    if (this.#depth === 0) this.#overflowing = false
  }

  /** The connection is gone: what was handed out and not acknowledged will be handed out again, in order. */
  rewind(): void {
    for (const slot of this.#slots) slot.sent = false
    this.#cursor = this.#head
  }

  #dropOldest(): void {
    // What is under way will very likely arrive: rather the oldest that is not.
    while (this.#slots[this.#cursor]?.gone === true) this.#cursor += 1
    const oldest = this.#slots[this.#cursor] ?? this.#slots[this.#head]
    if (oldest === undefined) return
    this.#finish(oldest)
    this.#count('full')
    if (this.#overflowing) return
    this.#overflowing = true
    this.#onOverflow()
  }

  #finish(entry: Entry): boolean {
    const slot = entry as Slot // entries are only made here
    if (slot.gone) return false
    slot.gone = true
    this.#depth -= 1
    while (this.#slots[this.#head]?.gone === true) this.#head += 1
    this.#cursor = Math.max(this.#cursor, this.#head)
    if (this.#slots.length - this.#depth >= Math.max(COMPACT_AT, this.#depth)) this.#compact()
    return true
  }

  #compact(): void {
    const live = (slots: readonly Slot[]): Slot[] => slots.filter(({ gone }) => !gone)
    const before = live(this.#slots.slice(0, this.#cursor))
    this.#slots = [...before, ...live(this.#slots.slice(this.#cursor))]
    this.#cursor = before.length
    this.#head = 0
  }

  #count(reason: string): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1)
  }
}
