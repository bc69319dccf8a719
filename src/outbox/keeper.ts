/**
 * Keeps the outbox on disk: opens the store, writes what the broker does not acknowledge in time, reads it back,
 * deletes what was delivered. One loop does all of it, one thing after the other, so that nothing crosses. Whatever
 * the disk does, the outbox goes on in memory meanwhile; `disk.ts` decides what a failure to open means.
 *
 * Longer than most files: the loop and what it remembers from one turn to the next would be no clearer apart.
 */
import { type BackoffOptions, backoff } from '../backoff.ts'
import { CALLED_OFF, type Clock, calledOff, pause } from '../clock.ts'
import { LATE, withDeadline } from '../deadline.ts'
import { messageOf, StoreError } from '../errors.ts'
import { FaultLog } from '../faults.ts'
import type { Logger } from '../log.ts'
import type { Outbox } from '../outbox.ts'
import type { Disk } from './disk.ts'
import type { RecordStore } from './level-store.ts'
import type { RecordClock } from './record-clock.ts'

export interface KeeperOptions {
  readonly outbox: Outbox
  readonly times: RecordClock
  readonly disk: Disk
  /** What was written is safe from a power cut after this at the latest, ms. */
  readonly syncMs: number
  readonly clock: Clock
  readonly log: Logger
  /** There may be something to send that was not there before. */
  readonly onReadable: () => void
  /** `failure` is another one now. */
  readonly onChange: () => void
}

/** While connected: a record that is not acknowledged after this goes to disk. */
const PATIENCE_MS = 2000
/** With it go those that are this old: one write a second where a broker is slow. */
const GROUP_MS = 1000
/** What was delivered is deleted so often: a crash in between sends it twice. */
const REMOVE_EVERY_MS = 100
/** Records in one write. */
const BATCH = 1000
/** A disk that failed is looked at again. Soon: until then a crash loses records. */
const RETRY: BackoffOptions = { firstMs: 1000, longestMs: 30_000 }
/** The start does not wait longer for a disk. */
const OPEN_DEADLINE_MS = 5000
/** A disk that does not answer for so long has failed, for those who ask. Cards are known to pause for a second or two. */
const SILENCE_MS = 10_000
/** A read that fails so often in a row is no passing trouble. */
const READS = 5
/** After so much, what was deleted is given back to the disk when the store is empty. */
const COMPACT_AFTER_BYTES = 1_000_000

interface Work {
  /** On the monotonic clock, ms. */
  readonly at: number
  readonly run: (store: RecordStore) => Promise<void>
}

export class OutboxKeeper {
  readonly #options: KeeperOptions
  readonly #faults: FaultLog
  #store: RecordStore | undefined
  /** Memory knows what the store holds that is opened next. */
  #known = false
  /** The store that memory knows can't be read. */
  #condemned = false
  #failure: StoreError | undefined
  #failures = 0
  #retryAt = 0
  #badReads = 0
  #connected = false
  #stopping = false
  #closing = false
  /** When the first of what was not synced was written; infinite: all was. Sensors read together share a sync. */
  #unsyncedAt = Number.POSITIVE_INFINITY
  #wroteAt = Number.NEGATIVE_INFINITY
  #bytes = 0
  /** When the work that is under way began; infinite: there is none. */
  #busySince = Number.POSITIVE_INFINITY
  #sleep = { until: Number.POSITIVE_INFINITY, over: new AbortController() }
  #running: Promise<void> = Promise.resolve()

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#faults = new FaultLog(options.log, 'outbox on disk')
    options.outbox.hold(() => this.#look())
  }

  /** Why records are in memory only; undefined where they are not. */
  get failure(): StoreError | undefined {
    const seconds = Math.floor((this.#options.clock.monotonic() - this.#busySince) / 1000)
    if (seconds < SILENCE_MS / 1000) return this.#failure
    return new StoreError('io', `the disk of the outbox has not answered for ${seconds} s: check it (dmesg)`)
  }

  /** Begins. Resolves when it is known what the disk holds, or that it does not answer, or on abort; never rejects. */
  async start(signal: AbortSignal): Promise<void> {
    const { outbox, clock } = this.#options
    let opened = (): void => {}
    const first = new Promise<void>((resolve) => (opened = resolve))
    this.#running = this.#run(opened)
    const answered = await withDeadline(() => first, OPEN_DEADLINE_MS, clock, signal).catch((error: unknown) => {
      if (!calledOff(error, signal)) throw error
    })
    if (answered !== LATE) return
    this.#fail(new StoreError('io', `the disk of the outbox has not answered for ${OPEN_DEADLINE_MS / 1000} s`))
    outbox.missing()
  }

  /** Told whenever the broker comes or goes. */
  connected(connected: boolean): void {
    this.#connected = connected
    this.#look()
  }

  /** The end is near: nothing stays in memory only any more, whatever the broker does. */
  stopping(): void {
    this.#stopping = true
    this.#look()
  }

  /** The wall clock was set: that must not be forgotten before the records that it concerns. */
  synchronised(): void {
    if (this.#options.outbox.stored.count > 0)
      this.#unsyncedAt = Math.min(this.#unsyncedAt, this.#options.clock.monotonic())
    this.#look()
  }

  /** Resolves when all is on disk, or it is certain that it will not be, which is logged. Never rejects. */
  async close(): Promise<void> {
    const { outbox, log } = this.#options
    this.#closing = true
    this.#stopping = true
    this.#sleep.over.abort(CALLED_OFF)
    await this.#running
    if (outbox.unstored > 0) log.warn({ records: outbox.unstored }, 'records that are in memory only are lost now')
  }

  async #run(opened: () => void): Promise<void> {
    const { clock } = this.#options
    for (;;) {
      if (this.#store === undefined) {
        const wait = this.#retryAt - clock.monotonic()
        if (this.#closing || this.#failure?.kind === 'unavailable') break
        if (wait > 0) await this.#pause(this.#retryAt)
        else await this.#open()
        opened()
        continue
      }
      const work = this.#work()
      if (work.at <= clock.monotonic()) await this.#do(work, this.#store)
      else if (this.#closing) break
      else await this.#pause(work.at)
    }
    await this.#close()
  }

  /** The next thing to do. */
  #work(): Work {
    const at = this.#due()
    if (this.#mustRead()) return { at, run: (store) => this.#read(store) }
    if (this.#failure !== undefined) return { at, run: () => this.#retry() }
    return { at, run: (store) => this.#write(store) }
  }

  /** When there is something to do, on the monotonic clock, ms. Asked at every change of the outbox. */
  #due(): number {
    const { outbox, clock, syncMs } = this.#options
    const now = clock.monotonic()
    const never = Number.POSITIVE_INFINITY
    if (this.#mustRead()) return now
    if (this.#failure !== undefined) return this.#closing ? never : this.#retryAt
    const oldest = outbox.oldestUnstoredAt
    return Math.min(
      oldest === undefined ? never : this.#urgent ? now : oldest + PATIENCE_MS,
      outbox.removals === 0 ? never : this.#closing ? now : this.#wroteAt + REMOVE_EVERY_MS,
      this.#unsyncedAt === never ? never : this.#closing ? now : this.#unsyncedAt + syncMs,
    )
  }

  #mustRead(): boolean {
    if (this.#options.outbox.wanted === undefined || this.#closing) return false
    return this.#badReads === 0 || this.#retryAt <= this.#options.clock.monotonic()
  }

  /** Nothing stays in memory only. */
  get #urgent(): boolean {
    return !this.#connected || this.#stopping
  }

  async #do({ run }: Work, store: RecordStore): Promise<void> {
    this.#busySince = this.#options.clock.monotonic()
    try {
      await run(store)
    } catch (error) {
      const known = error instanceof StoreError && error.kind !== 'io' ? error : await this.#options.disk.complaint()
      this.#fail(known ?? new StoreError('io', `the outbox on disk failed: ${messageOf(error)}`, { cause: error }))
    } finally {
      this.#busySince = Number.POSITIVE_INFINITY
    }
  }

  async #write(store: RecordStore): Promise<void> {
    const { outbox, times, clock, log, syncMs } = this.#options
    const now = clock.monotonic()
    const put = outbox.toWrite(BATCH, this.#urgent ? Number.POSITIVE_INFINITY : now - GROUP_MS)
    const remove = outbox.takeRemovals()
    const bytes = put.reduce((sum, slot) => sum + slot.bytes, 0)
    const { count, bytes: before } = outbox.stored
    const unsyncedAt = put.length > 0 ? Math.min(this.#unsyncedAt, now) : this.#unsyncedAt
    const sync = unsyncedAt !== Number.POSITIVE_INFINITY && (this.#closing || now - unsyncedAt >= syncMs)
    try {
      const change = { put, remove, count: count + put.length, bytes: before + bytes, clocks: times.offsets }
      await store.write(change, sync)
    } catch (error) {
      outbox.written(put, false)
      outbox.notRemoved(remove)
      throw error
    }
    outbox.written(put, true)
    this.#wroteAt = now
    this.#bytes += bytes
    this.#unsyncedAt = sync ? Number.POSITIVE_INFINITY : unsyncedAt
    if (this.#bytes < COMPACT_AFTER_BYTES || outbox.stored.count > 0) return
    this.#bytes = 0
    // Beside the loop: it may take its time, and nothing depends on it.
    void store
      .compact()
      .catch((error: unknown) => log.debug({ reason: messageOf(error) }, 'the outbox was not compacted'))
  }

  async #read(store: RecordStore): Promise<void> {
    const { outbox, log, onReadable } = this.#options
    const { wanted } = outbox
    if (wanted === undefined) return
    try {
      const loaded = await store.read(wanted)
      this.#badReads = 0
      if (loaded.damaged.length > 0) log.warn({ records: loaded.damaged.length }, 'records on disk are damaged')
      outbox.loaded(wanted, loaded)
      onReadable()
    } catch (error) {
      this.#badReads += 1
      const final = (error instanceof StoreError && error.kind === 'damaged') || this.#badReads >= READS
      if (!final) throw error
      await this.#giveUp(store, error)
    }
  }

  /** The store can't be read. What is in memory goes to another one, together with what can be salvaged. */
  async #giveUp(store: RecordStore, error: unknown): Promise<void> {
    const damage = new StoreError('damaged', `the outbox on disk can’t be read: ${messageOf(error)}`, { cause: error })
    await store.close().catch(() => {}) // it is given up
    this.#store = undefined
    this.#badReads = 0
    this.#condemned = true
    this.#options.disk.condemn(damage)
    this.#fail(damage)
    this.#retryAt = 0
  }

  /** After a write that failed: LevelDB takes no other until it is opened again. Reading goes on meanwhile. */
  async #retry(): Promise<void> {
    const complaint = await this.#options.disk.complaint()
    if (complaint !== undefined) return this.#fail(complaint)
    await this.#close()
  }

  async #open(): Promise<void> {
    const { outbox, times, disk, log, onChange, onReadable } = this.#options
    try {
      // What was given up for lost must not turn up behind what came after it.
      const store = await disk.open(!this.#condemned || this.#known)
      times.learn(store.kept.clocks)
      if (this.#known) outbox.reopened()
      else outbox.found(store.kept)
      this.#store = store
      this.#known = true
      this.#condemned = false
      this.#unsyncedAt = Number.POSITIVE_INFINITY
      this.#failures = 0
      this.#badReads = 0
      this.#faults.ended()
      const recovered = this.#failure !== undefined
      this.#failure = undefined
      if (recovered) onChange()
    } catch (error) {
      this.#fail(error instanceof StoreError ? error : new StoreError('io', messageOf(error), { cause: error }))
      outbox.missing()
      if (this.#condemned && this.#known) {
        this.#known = false
        log.error({ records: outbox.lost() }, 'records on a damaged disk are lost')
      }
    }
    onReadable()
  }

  #fail(failure: StoreError): void {
    const { clock, onChange } = this.#options
    const changed = this.#failure?.kind !== failure.kind
    this.#failures += 1
    this.#retryAt = clock.monotonic() + backoff(this.#failures, RETRY)
    this.#failure = failure
    this.#faults.happened(failure)
    if (changed) onChange()
  }

  async #close(): Promise<void> {
    const store = this.#store
    this.#store = undefined
    this.#retryAt = 0
    await store?.close().catch((error: unknown) => {
      this.#options.log.warn({ reason: messageOf(error) }, 'the outbox on disk did not close')
    })
  }

  /** Something has changed: is there anything to do earlier than thought? */
  #look(): void {
    if (this.#store !== undefined && this.#due() < this.#sleep.until) this.#sleep.over.abort(CALLED_OFF)
  }

  async #pause(until: number): Promise<void> {
    const { clock } = this.#options
    this.#sleep = { until, over: new AbortController() }
    const { signal } = this.#sleep.over
    if (Number.isFinite(until)) await pause(clock, until - clock.monotonic(), signal)
    else await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    this.#sleep = { until: Number.NEGATIVE_INFINITY, over: new AbortController() }
  }
}
