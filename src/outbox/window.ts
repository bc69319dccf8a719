/** The records that the sender takes from: in order, handed out once, acknowledged in any order. Used by the outbox alone. */
import type { Message } from '../telemetry.ts'
import type { OutboxRecord } from './record.ts'

/** A record in memory. */
export interface Slot {
  /** As it was handed out last. */
  message: Message
  readonly record: OutboxRecord
  readonly bytes: number
  /** Its key on disk. */
  position: number
  sent: boolean
  gone: boolean
  /** `writing`: it is under way to the disk, and may get there. */
  disk: 'no' | 'writing' | 'yes'
}

/** So many finished slots may stand in the array at least, before they are taken out. */
const COMPACT_AT = 1024

export class Window {
  /** In order. Live slots lie from `#head` on; what is `gone` among them was acknowledged out of turn or dropped. */
  #slots: Slot[] = []
  #head = 0
  /** Everything before it (from `#head`) has been sent or is gone, nothing from it on is sent. Never before `#head`. */
  #cursor = 0
  #size = 0

  /** How many are not gone. */
  get size(): number {
    return this.#size
  }

  /** The first that is not gone. */
  get oldest(): Slot | undefined {
    return this.#slots[this.#head]
  }

  /** The last, which may be gone. */
  get newest(): Slot | undefined {
    return this.#slots.at(-1)
  }

  /** The first that was not handed out. */
  get unsent(): Slot | undefined {
    while (this.#slots[this.#cursor]?.gone === true) this.#cursor += 1
    return this.#slots[this.#cursor]
  }

  push(slots: readonly Slot[]): void {
    for (const slot of slots) this.#slots.push(slot)
    this.#size += slots.length
  }

  /** Hands out `unsent`. */
  take(): Slot | undefined {
    const slot = this.unsent
    if (slot === undefined) return undefined
    slot.sent = true
    this.#cursor += 1
    return slot
  }

  /** To be called for one of the window that has become gone. */
  finished(): void {
    this.#size -= 1
    while (this.#slots[this.#head]?.gone === true) this.#head += 1
    this.#cursor = Math.max(this.#cursor, this.#head)
    if (this.#slots.length - this.#size >= Math.max(COMPACT_AT, this.#size)) this.#compact()
  }

  /** Whatever was handed out will be handed out again. */
  rewind(): void {
    for (const slot of this.#slots) slot.sent = false
    this.#cursor = this.#head
  }

  /** Those that are not gone, in order. */
  *live(): Generator<Slot> {
    for (let index = this.#head; index < this.#slots.length; index += 1) {
      const slot = this.#slots[index]
      if (slot !== undefined && !slot.gone) yield slot
    }
  }

  /** The first that fits, of all that may not be gone. */
  find(fits: (slot: Slot) => boolean): Slot | undefined {
    for (let index = this.#head; index < this.#slots.length; index += 1) {
      const slot = this.#slots[index]
      if (slot !== undefined && fits(slot)) return slot
    }
    return undefined
  }

  /** Keeps the first `size`, and whatever was handed out; takes the others out. */
  cut(size: number): Slot[] {
    this.#compact()
    const rest = this.#slots.splice(Math.max(size, this.#cursor))
    this.#size -= rest.length
    return rest
  }

  #compact(): void {
    const live = (slots: readonly Slot[]): Slot[] => slots.filter(({ gone }) => !gone)
    const before = live(this.#slots.slice(0, this.#cursor))
    this.#slots = [...before, ...live(this.#slots.slice(this.#cursor))]
    this.#cursor = before.length
    this.#head = 0
  }
}
