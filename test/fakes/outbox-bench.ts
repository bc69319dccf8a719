/** An outbox with its keeper on a disk: a real store in a folder, or one in memory that fails on demand. */
import type { Clock } from '../../src/clock.ts'
import { StoreError } from '../../src/errors.ts'
import type { Load } from '../../src/optional.ts'
import { createDisk, type Disk } from '../../src/outbox/disk.ts'
import { OutboxKeeper } from '../../src/outbox/keeper.ts'
import type { Change, RecordStore } from '../../src/outbox/level-store.ts'
import { decodeRecord, encodeRecord, type OutboxRecord } from '../../src/outbox/record.ts'
import { RecordClock } from '../../src/outbox/record-clock.ts'
import { type Entry, Outbox } from '../../src/outbox.ts'
import { NEVER } from './machine.ts'
import { recordLog } from './recording-log.ts'

export const BOOT = 'b007'.repeat(8)

export interface BenchOptions {
  readonly clock: Clock
  readonly disk: Disk | string
  readonly boot?: string
  readonly maxRecords?: number
  readonly maxBytes?: number
  readonly maxAgeMs?: number
  readonly syncMs?: number
  readonly load?: Load
}

export function outboxBench(options: BenchOptions) {
  const { clock, maxRecords = 1_000_000, boot = BOOT, syncMs = 1000 } = options
  const { log, told, lines } = recordLog()
  const times = new RecordClock({
    clock,
    boot,
    correct: (message, at) => ({ ...message, payload: `${message.payload}@${at}` }),
  })
  let overflows = 0
  const outbox = new Outbox({
    maxRecords,
    ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
    maxAgeMs: options.maxAgeMs,
    times,
    onOverflow: () => {
      overflows += 1
    },
  })
  const counts = { writes: 0, syncs: 0, largestRead: 0, readable: 0, changes: 0 }
  const disk =
    typeof options.disk === 'string' ? createDisk({ path: options.disk, clock, log, load: options.load }) : options.disk
  const keeper = new OutboxKeeper({
    ...{ outbox, times, clock, log, syncMs },
    disk: counted(disk, counts),
    onReadable: () => {
      counts.readable += 1
    },
    onChange: () => {
      counts.changes += 1
    },
  })
  return {
    ...{ outbox, keeper, times, disk, told, lines, counts },
    overflows: () => overflows,
    start: () => keeper.start(NEVER),
    put(...payloads: readonly (string | number)[]): void {
      for (const payload of payloads) outbox.put({ topic: 't', payload: String(payload), qos: 1, retain: false })
    },
    /** Hands out as many as there are, at most `count`. */
    take(count = Number.POSITIVE_INFINITY): Entry[] {
      const entries: Entry[] = []
      while (entries.length < count) {
        const entry = outbox.next()
        if (entry === undefined) break
        entries.push(entry)
      }
      return entries
    },
    /** Takes and acknowledges until nothing is left, waiting for the disk in between. */
    async drain(): Promise<string[]> {
      const payloads: string[] = []
      while (outbox.depth > 0) {
        for (let entry = outbox.next(); entry !== undefined; entry = outbox.next()) {
          payloads.push(entry.message.payload)
          outbox.acknowledged(entry)
        }
        await new Promise((resolve) => setImmediate(resolve))
      }
      return payloads
    },
    /** Resolves when it has come true. The disk is real: time passes though no clock is turned. */
    async until(true_: () => boolean): Promise<void> {
      const patience = performance.now() + 10_000
      while (!true_()) {
        if (performance.now() > patience) throw new Error(`it did not come true: ${true_}`)
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    },
  }
}

export const payloads = (entries: readonly Entry[]): string[] => entries.map(({ message }) => message.payload)

function counted(disk: Disk, counts: { writes: number; syncs: number; largestRead: number }): Disk {
  return {
    condemn: (reason) => disk.condemn(reason),
    complaint: () => disk.complaint(),
    get aside() {
      return disk.aside
    },
    async open(salvage) {
      const store = await disk.open(salvage)
      return {
        ...store,
        write(change, sync) {
          counts.writes += 1
          if (sync) counts.syncs += 1
          return store.write(change, sync)
        },
        read(wanted) {
          counts.largestRead = Math.max(counts.largestRead, wanted.limit)
          return store.read(wanted)
        },
      }
    },
  }
}

/** A disk in memory. What was written stays when the process goes; what was synced stays when the power goes, too. */
export class FakeDisk implements Disk {
  /** How the next writes fail; undefined: they don't. */
  refuses: StoreError | undefined
  /** How opening fails. */
  closedFor: StoreError | undefined
  /** How the next read fails; until the store is put aside. */
  unreadable: StoreError | undefined
  aside: string | undefined
  synced: Contents = { rows: new Map(), change: undefined }
  written: Contents = { rows: new Map(), change: undefined }
  /** Resolves what waits for a disk that does not answer; undefined: it answers. */
  hangs: Promise<void> | undefined
  #open = false

  async open(): Promise<RecordStore> {
    await this.hangs
    if (this.closedFor !== undefined) throw this.closedFor
    if (this.#open) throw new StoreError('locked', 'opened twice')
    this.#open = true
    const { rows, change } = this.written
    const kept = {
      count: change?.count ?? 0,
      bytes: change?.bytes ?? 0,
      clocks: change?.clocks ?? {},
      last: Math.max(-1, ...rows.keys()),
    }
    return {
      kept,
      write: async (wanted, sync) => {
        await this.hangs
        if (this.refuses !== undefined) throw new StoreError('io', 'refused')
        const next = new Map(this.written.rows)
        for (const { position, record } of wanted.put) next.set(position, encodeRecord(record))
        for (const position of wanted.remove) next.delete(position)
        this.written = { rows: next, change: wanted }
        if (sync) this.synced = this.written
      },
      read: async ({ after, below, limit }) => {
        if (this.unreadable !== undefined) throw this.unreadable
        const positions = [...this.written.rows.keys()]
          .filter((key) => key > after && key < below)
          .sort((a, b) => a - b)
        const records: { position: number; record: OutboxRecord }[] = []
        const damaged: number[] = []
        for (const position of positions.slice(0, limit)) {
          const record = decodeRecord(this.written.rows.get(position) ?? Buffer.alloc(0))
          if (record === undefined) damaged.push(position)
          else records.push({ position, record })
        }
        return { records, damaged }
      },
      compact: async () => {},
      close: async () => {
        this.#open = false
      },
    }
  }

  condemn(): void {
    this.unreadable = undefined
    this.written = { rows: new Map(), change: undefined }
  }

  async complaint(): Promise<StoreError | undefined> {
    return this.refuses
  }

  /** The process is gone, without a word. */
  killed(): void {
    this.#open = false
  }

  /** The power is gone. */
  cut(): void {
    this.#open = false
    this.written = this.synced
  }
}

interface Contents {
  readonly rows: ReadonlyMap<number, Buffer>
  readonly change: Change | undefined
}
