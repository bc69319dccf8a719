/**
 * Records on their way to the broker: first in, first out, bounded, the oldest dropped first and counted. This is
 * the order and the memory; `outbox/keeper.ts` is the disk. Three stretches, in the order in which they go out: the
 * window (in memory, where the sender takes from), what is on disk only, and what waits behind that in memory. So
 * nothing overtakes, and memory holds a window, however long the broker is away. Without a disk all is window.
 *
 * Longer than most files: the counts over the three stretches are one invariant.
 */

import { type OutboxRecord, sizeOf } from './outbox/record.ts'
import type { ReadTime, RecordClock } from './outbox/record-clock.ts'
import { type Slot, Window } from './outbox/window.ts'
import type { Message } from './telemetry.ts'

export interface OutboxOptions {
  readonly maxRecords: number
  /** Of all records, as `sizeOf` counts; default: no limit. */
  readonly maxBytes?: number
  /** Older ones are dropped, ms; default: no limit. */
  readonly maxAgeMs?: number | undefined
  /** Told when a run of drops begins: once until the outbox was empty again. */
  readonly onOverflow: () => void
  /** Default: records are sent as they are, and have no age. */
  readonly times?: RecordClock
}

export interface Entry {
  readonly message: Message
}

/** What is on the disk already when it is opened. */
export interface Kept {
  readonly count: number
  readonly bytes: number
  /** Highest key, or -1. */
  readonly last: number
}

/** What the window lacks, and between which keys of the disk it is; both are excluded. */
export interface Wanted {
  readonly after: number
  readonly below: number
  readonly limit: number
}

export interface Loaded {
  readonly records: readonly { readonly position: number; readonly record: OutboxRecord }[]
  /** Keys of entries that are no records. */
  readonly damaged: readonly number[]
}

/** So many records may be in memory only, and so many bytes of them: a Zero 2 W has 512 MB for everything. */
export const MEMORY_RECORDS = 10_000
const MEMORY_BYTES = 16_000_000
/** Records of the disk that are in memory, too; read again when half of them are gone. */
const WINDOW = 1000

const NO_TIME = { at: 0, monotonic: 0, boot: '', unsynchronised: false }

export class Outbox {
  readonly #options: OutboxOptions
  readonly #window = new Window()
  /** The disk may hold records between the window and `#later`. Between these keys, less what memory holds. */
  #away = false
  #after = -1
  #below = 0
  #awayCount = 0
  #awayBytes = 0
  /** What comes after them. Empty where nothing is away. */
  #later: Slot[] = []
  /** Nothing is handed out until it is known what the disk holds. */
  #held = false
  /** The next key. */
  #next = 0
  #depth = 0
  #bytes = 0
  /** Of these, in memory only. */
  #unstored = 0
  #unstoredBytes = 0
  /** The first that is on no disk, as far as it was looked for: none that is older becomes so but in `#unstore`. */
  #oldestUnstored: Slot | undefined
  #removals: number[] = []
  #overflowing = false
  readonly #dropped = new Map<string, number>()
  #changed = (): void => {}

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** Records that the broker has not acknowledged. */
  get depth(): number {
    return this.#depth
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Of the depth, what would be lost with the process. */
  get unstored(): number {
    return this.#unstored
  }

  /** Age of the oldest record, ms; undefined where there is none, or nobody can know. */
  get oldestMs(): number | undefined {
    const oldest = this.#window.oldest ?? (this.#away ? undefined : this.#later[0])
    return oldest === undefined ? undefined : this.#options.times?.ageMs(oldest.record)
  }

  /** How many were lost, by reason. */
  get dropped(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#dropped)
  }

  /** `read`: when; default: now. */
  put(message: Message, read?: ReadTime): void {
    const { maxBytes = Number.POSITIVE_INFINITY, maxRecords, times } = this.#options
    const record = times?.record(message, read) ?? { ...NO_TIME, message }
    const bytes = sizeOf(record)
    if (bytes > maxBytes) {
      this.#count('too-large')
      return
    }
    this.#dropTooOld()
    while (this.#depth >= maxRecords || this.#bytes + bytes > maxBytes) {
      if (!this.#drop(this.#oldestDroppable())) break // it is on disk only: it will be read soon, and dropped then
    }
    while (this.#unstored >= MEMORY_RECORDS || this.#unstoredBytes + bytes > MEMORY_BYTES) {
      if (!this.#drop(this.#unstoredDroppable())) break
    }
    const slot: Slot = { message, record, bytes, position: this.#next, sent: false, gone: false, disk: 'no' }
    this.#next += 1
    this.#depth += 1
    this.#bytes += bytes
    this.#unstored += 1
    this.#unstoredBytes += bytes
    if (this.#away || this.#held) this.#later.push(slot)
    else this.#window.push([slot])
    this.#changed()
  }

  /** The oldest that was not handed out yet, and hands it out. */
  next(): Entry | undefined {
    this.#dropTooOld()
    const slot = this.#window.take()
    if (slot !== undefined) slot.message = this.#options.times?.message(slot.record) ?? slot.record.message
    return slot
  }

  /** The broker has it. */
  acknowledged(entry: Entry): void {
    this.#finish(entry as Slot) // entries are only made here
    if (this.#depth === 0) this.#overflowing = false
  }

  /** The broker refused it for good. */
  refused(entry: Entry, reason: string): void {
    if (this.#finish(entry as Slot)) this.#count(reason)
    if (this.#depth === 0) this.#overflowing = false
  }

  /** The connection is gone: what was handed out and not acknowledged will be handed out again, in order. */
  rewind(): void {
    this.#window.rewind()
  }

  // From here on: what the keeper of the disk calls.

  /** A disk is being opened: until `found` or `missing` records wait, because older ones may be there. */
  hold(changed: () => void): void {
    this.#changed = changed
    this.#held = true
  }

  /** A disk was opened that memory knows nothing of. What it holds is older than what was not handed out yet. */
  found({ count, bytes, last }: Kept): void {
    const rest = [...this.#window.cut(0), ...this.#later]
    this.#next = Math.max(this.#next, last + 1)
    for (const slot of [...this.#window.live(), ...rest]) {
      this.#unstore(slot)
      slot.position = this.#next
      this.#next += 1
    }
    this.#held = false
    this.#later = rest
    this.#after = -1
    this.#below = last + 1
    this.#away = last >= 0
    this.#awayCount = count
    this.#awayBytes = bytes
    this.#depth += count
    this.#bytes += bytes
    if (!this.#away) this.#show()
  }

  /** There is no disk for now: what is in memory goes on. */
  missing(): void {
    this.#held = false
    if (!this.#away) this.#show()
  }

  /** The same disk was opened again: what is in memory is written again, in case that it got lost. */
  reopened(): void {
    for (const slot of this.#inMemory()) this.#unstore(slot)
  }

  /** What was on the disk will never be read: what is in memory goes on. Returns how many were lost. */
  lost(): number {
    const count = this.#awayCount
    this.#nothingAway()
    this.#removals = []
    this.reopened()
    return count
  }

  /** Of those in memory only, the first `limit` that were read at `until` (monotonic clock) or before. Owes `written`. */
  toWrite(limit: number, until: number): Slot[] {
    const slots: Slot[] = []
    if (this.#unstored === 0) return slots
    for (const slot of this.#inMemory()) {
      if (slots.length >= limit || slot.record.monotonic > until) break
      if (slot.disk !== 'no') continue
      slot.disk = 'writing'
      slots.push(slot)
    }
    return slots
  }

  /** When the oldest of those in memory only was read, on the monotonic clock, ms. */
  get oldestUnstoredAt(): number | undefined {
    if (this.#unstored === 0) return undefined
    // Asked at every change: looked for only when the last answer is out of date.
    if (this.#oldestUnstored?.gone !== false || this.#oldestUnstored.disk !== 'no') {
      this.#oldestUnstored = this.#firstNotStored(({ disk }) => disk === 'no')
    }
    return this.#oldestUnstored?.record.monotonic
  }

  /** What became of `toWrite`. */
  written(slots: readonly Slot[], success: boolean): void {
    this.#oldestUnstored = undefined
    for (const slot of slots) {
      if (slot.disk !== 'writing') continue
      slot.disk = success ? 'yes' : 'no'
      if (success && !slot.gone) this.#countUnstored(slot, -1)
    }
    this.#leaveToDisk()
  }

  /** What the disk holds of it, once what was asked for is written and deleted. */
  get stored(): { readonly count: number; readonly bytes: number } {
    return { count: this.#depth - this.#unstored, bytes: this.#bytes - this.#unstoredBytes }
  }

  /** How many entries of the disk are to be deleted. */
  get removals(): number {
    return this.#removals.length
  }

  /** The keys of these. Owes `notRemoved` where they can't be deleted now. */
  takeRemovals(): number[] {
    return this.#removals.splice(0)
  }

  notRemoved(positions: readonly number[]): void {
    for (const position of positions) this.#removals.push(position)
  }

  /** What to read from the disk now. Owes `loaded`. */
  get wanted(): Wanted | undefined {
    if (!this.#away || this.#window.size > WINDOW / 2) return undefined
    return { after: this.#after, below: this.#below, limit: WINDOW - this.#window.size }
  }

  /** What was read for `wanted`. */
  loaded({ limit }: Wanted, { records, damaged }: Loaded): void {
    // What was under way when the disk was found may have been written to it meanwhile.
    const known = new Set([...this.#window.live()].map(({ position }) => position))
    for (const { position, record } of records) {
      this.#after = position
      if (known.has(position)) continue
      const { message } = record
      const slot: Slot = { message, record, bytes: sizeOf(record), position, sent: false, gone: false, disk: 'yes' }
      this.#window.push([slot])
      // It is counted already, unless the disk holds more than it said.
      if (this.#awayCount > 0) this.#awayCount -= 1
      else this.#depth += 1
      this.#bytes += Math.max(0, slot.bytes - this.#awayBytes)
      this.#awayBytes = Math.max(0, this.#awayBytes - slot.bytes)
    }
    for (const position of damaged) {
      this.#after = Math.max(this.#after, position)
      this.#count('damaged')
      this.#removals.push(position)
      if (this.#awayCount === 0) continue
      this.#awayCount -= 1
      this.#depth -= 1
    }
    if (records.length + damaged.length < limit) this.#nothingAway()
    this.#leaveToDisk()
  }

  *#inMemory(): Generator<Slot> {
    yield* this.#window.live()
    for (const slot of this.#later) if (!slot.gone) yield slot
  }

  /** The first of those that the disk does not have, and that fits. */
  #firstNotStored(fits: (slot: Slot) => boolean): Slot | undefined {
    const wanted = (slot: Slot): boolean => !slot.gone && slot.disk !== 'yes' && fits(slot)
    // What is newer than a record on disk is on disk later: where the last of the window is, all of it is.
    const inWindow = this.#window.newest?.disk === 'yes' ? undefined : this.#window.find(wanted)
    return inWindow ?? this.#later.find(wanted)
  }

  /** The disk holds nothing more that memory does not: what it should have held is lost, and the rest follows. */
  #nothingAway(): void {
    this.#count('damaged', this.#awayCount)
    this.#depth -= this.#awayCount
    this.#bytes -= this.#awayBytes
    this.#awayCount = 0
    this.#awayBytes = 0
    this.#away = false
    this.#show()
  }

  /** What waited behind the disk joins the window. */
  #show(): void {
    this.#window.push(this.#later.filter(({ gone }) => !gone))
    this.#later = []
  }

  /** Lets go of what memory need not hold because the disk does. */
  #leaveToDisk(): void {
    if (!this.#away) {
      if (this.#window.size <= 2 * WINDOW) return
      this.#later = this.#window.cut(WINDOW)
      const [first] = this.#later
      if (first?.disk !== 'yes') {
        this.#show()
        return
      }
      this.#away = true
      this.#after = first.position - 1
    }
    const stays = this.#later.findIndex(({ gone, disk }) => !gone && disk !== 'yes')
    for (const slot of this.#later.splice(0, stays < 0 ? this.#later.length : stays)) {
      this.#below = slot.position + 1
      if (slot.gone) continue
      this.#awayCount += 1
      this.#awayBytes += slot.bytes
    }
  }

  #dropTooOld(): void {
    const { maxAgeMs, times } = this.#options
    if (maxAgeMs === undefined || times === undefined) return
    for (let slot = this.#window.unsent; slot !== undefined; slot = this.#window.unsent) {
      if ((times.ageMs(slot.record) ?? 0) <= maxAgeMs) return
      this.#finish(slot)
      this.#count('too-old')
    }
  }

  #oldestDroppable(): Slot | undefined {
    // What is under way will very likely arrive: rather the oldest that is not.
    return (
      this.#window.unsent ?? (this.#away ? undefined : (this.#later.find(({ gone }) => !gone) ?? this.#window.oldest))
    )
  }

  #unstoredDroppable(): Slot | undefined {
    return this.#firstNotStored(({ sent }) => !sent) ?? this.#firstNotStored(() => true)
  }

  #drop(slot: Slot | undefined): boolean {
    if (slot === undefined) return false
    this.#finish(slot)
    this.#count('full')
    if (!this.#overflowing) this.#options.onOverflow()
    this.#overflowing = true
    return true
  }

  #finish(slot: Slot): boolean {
    if (slot.gone) return false
    slot.gone = true
    this.#depth -= 1
    this.#bytes -= slot.bytes
    if (slot.disk !== 'yes') this.#countUnstored(slot, -1)
    if (slot.disk !== 'no') this.#removals.push(slot.position)
    if (slot.sent || !this.#later.includes(slot)) this.#window.finished()
    else while (this.#later[0]?.gone === true) this.#later.shift()
    this.#changed()
    return true
  }

  /** What is on no disk any more. */
  #unstore(slot: Slot): void {
    if (slot.disk === 'yes') this.#countUnstored(slot, 1)
    slot.disk = 'no'
    this.#oldestUnstored = undefined
  }

  #countUnstored({ bytes }: Slot, by: 1 | -1): void {
    this.#unstored += by
    this.#unstoredBytes += by * bytes
  }

  #count(reason: string, by = 1): void {
    if (by > 0) this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + by)
  }
}
