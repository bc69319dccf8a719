/**
 * The records on disk, in a LevelDB: a key for each place in the queue, and one more entry that counts them. Only
 * what LevelDB can do; which records, when, and what becomes of a failure is the keeper's business.
 */
import { count, type Held, number, section, tableOf } from '../contents.ts'
import { codeOf, DriverUnavailableError, messageOf, StoreError } from '../errors.ts'
import { type Load, loadOptional } from '../optional.ts'
import type { Kept, Loaded, Wanted } from '../outbox.ts'
import { decodeKey, decodeRecord, encodeKey, encodeRecord, type OutboxRecord } from './record.ts'

/** What one write changes, all of it or nothing. */
export interface Change {
  readonly put: readonly { readonly position: number; readonly record: OutboxRecord }[]
  readonly remove: readonly number[]
  /** How many there are after it. */
  readonly count: number
  readonly bytes: number
  /** Of boots whose records may be here: wall clock minus monotonic clock, ms. */
  readonly clocks: Readonly<Record<string, number>>
}

export interface RecordStore {
  /** What was found at the opening. */
  readonly kept: Kept & Pick<Change, 'clocks'>
  /** `sync`: not before it is safe from a power cut, and with it all that was written before. @throws whatever fails */
  write(change: Change, sync: boolean): Promise<void>
  /** In order. @throws StoreError `damaged`, `io` */
  read(wanted: Wanted): Promise<Loaded>
  /** Gives back the room of what was deleted. @throws whatever fails */
  compact(): Promise<void>
  close(): Promise<void>
}

/** What is used of classic-level. Written here, because optional packages may be absent. */
interface Level {
  open(): Promise<void>
  close(): Promise<void>
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  batch(operations: readonly object[], options: { readonly sync: boolean }): Promise<void>
  iterator(range: object): { all(): Promise<[key: Uint8Array, value: Uint8Array][]> }
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>
}
export interface LevelClass {
  new (folder: string, options: typeof OPTIONS): Level
  /** Makes of the files in the folder what can be made of them. */
  repair(folder: string): Promise<void>
}

/** Not compressed: most records never get beyond LevelDB's log, which is not either. */
const OPTIONS = { keyEncoding: 'view', valueEncoding: 'view', compression: false } as const

/** Behind all records: no place in the queue begins with this byte. */
const SUMMARY_KEY = Buffer.from([0xff])
const summaryContents = section({ count, bytes: count, clocks: tableOf(number, /^[0-9a-f]{32}$/) }, {})
const EMPTY = { count: 0, bytes: 0, clocks: {} }

/** @throws StoreError where classic-level does not load */
export function loadLevel(load: Load = loadOptional): LevelClass {
  try {
    return (load('classic-level') as { ClassicLevel: LevelClass }).ClassicLevel // its own exports
  } catch (error) {
    if (!(error instanceof DriverUnavailableError)) throw error
    throw new StoreError('unavailable', error.message, { cause: error })
  }
}

/** Opens the store in that folder, or makes it. @throws StoreError `locked`, `damaged`, `io` */
export async function openLevelStore(Level: LevelClass, folder: string): Promise<RecordStore> {
  const db = new Level(folder, OPTIONS)
  try {
    await db.open()
    return store(db, await kept(db))
  } catch (error) {
    await db.close().catch(() => {}) // the error that counts is the first one
    throw storeError(error)
  }
}

function store(db: Level, found: RecordStore['kept']): RecordStore {
  return {
    kept: found,
    async write({ put, remove, ...summary }, sync) {
      const operations = [
        ...put.map(({ position, record }) => ({
          type: 'put',
          key: encodeKey(position),
          value: encodeRecord(record),
        })),
        ...remove.map((position) => ({ type: 'del', key: encodeKey(position) })),
        { type: 'put', key: SUMMARY_KEY, value: Buffer.from(JSON.stringify(summary)) },
      ]
      await db.batch(operations, { sync })
    },
    async read({ after, below, limit }) {
      const range = { ...(after < 0 ? {} : { gt: encodeKey(after) }), lt: encodeKey(below), limit }
      const rows = await db
        .iterator(range)
        .all()
        .catch((error: unknown) => {
          throw storeError(error)
        })
      const records: Loaded['records'][number][] = []
      const damaged: number[] = []
      for (const [key, value] of rows) {
        const position = decodeKey(key)
        if (position === undefined) throw new StoreError('damaged', 'it has a key that nobody wrote')
        const record = decodeRecord(value)
        if (record === undefined) damaged.push(position)
        else records.push({ position, record })
      }
      return { records, damaged }
    },
    compact: () => db.compactRange(encodeKey(0), SUMMARY_KEY),
    close: () => db.close(),
  }
}

async function kept(db: Level): Promise<RecordStore['kept']> {
  const bytes = await db.get(SUMMARY_KEY)
  const [newest] = await db.iterator({ lt: SUMMARY_KEY, reverse: true, limit: 1 }).all()
  const last = newest === undefined ? -1 : decodeKey(newest[0])
  if (last === undefined) throw new StoreError('damaged', 'it has a key that nobody wrote')
  return { ...summaryOf(bytes), last }
}

/** What can't be read here is no reason to give up the records: they are counted when they are read. */
export function summaryOf(bytes: Uint8Array | undefined): Held<typeof summaryContents> {
  try {
    const found: unknown = JSON.parse(Buffer.from(bytes ?? []).toString())
    return summaryContents(found) ? found : EMPTY
  } catch {
    return EMPTY
  }
}

/** LevelDB tells two kinds of failure apart; what else there is, the folder must tell. */
function storeError(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const kind = { LEVEL_CORRUPTION: 'damaged', LEVEL_LOCKED: 'locked' } as const
  const code = codeOf(cause) ?? ''
  return new StoreError(code in kind ? kind[code as keyof typeof kind] : 'io', messageOf(cause), { cause: error })
}
