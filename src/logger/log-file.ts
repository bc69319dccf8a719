/**
 * The file that readings are appended to: never with half a line, never with half a batch, put away by day or size.
 * `append` resolves when the lines are on disk, and leaves the file as it was where they are not. Used by `logger.ts`.
 * Longer than most files: what is written and what a start makes of it are one invariant.
 */
import { constants } from 'node:fs'
import { type FileHandle, open as openFile, readdir, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Clock } from '../clock.ts'
import { codeOf, messageOf, StoreError, type StoreErrorKind } from '../errors.ts'
import type { Meaning } from '../tools/topics.ts'
import { createIntake, type Intake, type IntakeContents, type Taken } from './intake.ts'
import { type Batch, type Journal, readJournal, startJournal, syncFolder, writeAt } from './journal.ts'
import { cutAt, endOfLines, holds, movedTo } from './log-bytes.ts'
import { dayOf, type Rotation, rotatedName, rotatedOf } from './rotation.ts'
import { type Format, formatRows, HEADERS, type Row } from './row.ts'
import { Seen } from './seen.ts'

export interface LogFileOptions {
  readonly file: string
  readonly format: Format
  readonly rotation: Rotation
  /** Of the files put away so many are kept; undefined: all. */
  readonly keep?: number | undefined
  /** What a topic stands for. */
  readonly meaningOf: (topic: string) => Meaning | undefined
  readonly clock: Clock
  /** Something that a person should know; not a failure. */
  readonly note: (text: string) => void
  /** A file has been put away under this name; those beyond `keep` were removed. */
  readonly onRotated?: (name: string, removed: readonly string[]) => void
  /** A test puts a disk that fails in its place. */
  readonly open?: typeof openFile
}

export type LogFile = Awaited<ReturnType<typeof openLogFile>>

type Places = readonly NonNullable<Taken['place']>[]

/** Of one batch, while somebody else cuts off or removes the file. */
const MOST_TRIES = 5

/** What the file keeps for itself, beside it. */
export const JOURNAL_SUFFIX = '.state'

/** Opens the file, or makes it, and mends what a crash left. @throws StoreError */
export async function openLogFile(options: LogFileOptions) {
  const { file, format, rotation, keep, clock, note, open = openFile } = options
  const header = Buffer.from(HEADERS[format])
  let handle: FileHandle | undefined
  let inode = 0
  let continued = false
  let size = 0
  let day = dayOf(clock.now())
  let intake: Intake
  let journal: Journal
  /** What is in the file. The intake also knows what only waits for it, which a start must not take for written. */
  let written = new Seen()
  try {
    intake = await recover()
    await openCurrent()
    const contents = (): IntakeContents => ({ ...intake.contents(), seen: written.contents() })
    journal = await startJournal(`${file}${JOURNAL_SUFFIX}`, contents, () => day)
  } catch (error) {
    await handle?.close()
    throw storeError(error, file)
  }

  /** Compares file and journal, and gives back what was written down. */
  async function recover(): Promise<Intake> {
    const path = `${file}${JOURNAL_SUFFIX}`
    const found = await readJournal(path).catch(async (error: unknown) => {
      if (codeOf(error) !== undefined) throw error
      await rename(path, `${path}.damaged`)
      note(
        `${path} can’t be read (${messageOf(error).split('\n')[0]}), and is set aside: a record that the broker sends again is written again`,
      )
      return undefined
    })
    const fresh = createIntake(options.meaningOf, found?.contents)
    const status = await stat(file).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error
    })
    if (status !== undefined) day = found?.day ?? dayOf(status.mtimeMs)
    continued = found !== undefined
    const last = found?.batches.at(-1)
    const moved = last?.inode !== undefined && last.inode !== status?.ino
    const place = moved ? await movedTo(file, last.inode) : status && file
    const whole = last === undefined || (place !== undefined && (await holds(place, last)))
    written = new Seen(found?.contents.seen)
    for (const one of found?.batches ?? []) {
      if (one !== last || whole)
        for (const [source, run, seq] of one.places) {
          fresh.restore(source, { run, seq })
          written.add(source, { run, seq })
        }
    }
    if (status === undefined) return fresh
    if (!status.isFile()) throw new StoreError('io', `${file} is no file that can be appended to: name another`)
    await expectOurs()
    const torn = !whole && !moved && last !== undefined && status.size > last.from
    const end = torn ? last.from : await endOfLines(file, format)
    if (end < status.size) {
      await cutAt(file, end)
      note(`${file} ended within what was being written: ${status.size - end} bytes are cut off, and asked for again`)
    }
    return fresh
  }

  /** Opens what has the name now; a file that is new gets its header. */
  async function openCurrent(): Promise<void> {
    await handle?.close()
    handle = undefined
    // Where somebody cuts the file off meanwhile, lines go to its new end: no gap of zeros.
    const opened = await open(file, constants.O_RDWR | constants.O_APPEND).catch(async (error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error
      const created = await open(file, 'ax+', 0o644)
      await syncFolder(file)
      day = dayOf(clock.now())
      return created
    })
    const status = await opened.stat()
    try {
      if (status.size === 0) await writeAt(opened, header, 0)
      else await expectOurs()
    } catch (error) {
      await opened.close()
      throw error
    }
    handle = opened
    inode = status.ino
    size = (await opened.stat()).size
  }

  /** Nothing is cut off or appended to that somebody else wrote. Half a header is what a crash left of one. */
  async function expectOurs(): Promise<void> {
    const reading = await openFile(file, 'r')
    try {
      const expected = header.length > 0 ? header : Buffer.from('{')
      const { buffer, bytesRead } = await reading.read(Buffer.alloc(expected.length), 0, expected.length, 0)
      if (expected.subarray(0, bytesRead).equals(buffer.subarray(0, bytesRead))) return
      const wanted = `does not begin with “${expected.toString().trim()}”`
      throw new StoreError('damaged', `${file} is there already, and ${wanted}: name another file`)
    } finally {
      await reading.close()
    }
  }

  function due(more: number): boolean {
    if (rotation === 'never' || size <= header.length) return false
    return rotation === 'day' ? day !== dayOf(clock.now()) : size + more > rotation.bytes
  }

  async function rotate(): Promise<void> {
    await journal.replace() // all that is in the file counts: the next start need not look for it there
    const names = new Set(await readdir(dirname(file)))
    let name = file
    for (let count = 0; name === file || names.has(basename(name)); count += 1)
      name = rotatedName(file, rotation, day, clock.now(), count)
    await rename(file, name)
    await openCurrent()
    await journal.replace()
    const away = keep === undefined ? [] : rotatedOf(file, await readdir(dirname(file)))
    const removed = away.slice(0, Math.max(0, away.length - (keep ?? 0))).map((old) => join(dirname(file), old))
    for (const old of removed) await unlink(old)
    options.onRotated?.(name, removed)
  }

  /** Somebody may have moved the file, as logrotate does. */
  async function followName(): Promise<void> {
    const status = await stat(file).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error
    })
    if (status?.ino === inode && status.size === size) return
    if (status?.ino === inode && status.size > size) {
      size = status.size // somebody appended a line of theirs
      return
    }
    await journal.replace()
    await openCurrent()
  }

  /** False where somebody has cut the file off, or removed it, while it was written to. */
  async function put(bytes: Buffer, places: Places): Promise<boolean> {
    if (handle === undefined) throw new Error('it is not open')
    const entry: Batch = {
      from: size,
      to: size + bytes.length,
      crc: crc32(bytes),
      day,
      inode,
      places: places.map(({ source, run, seq }) => [source, run, seq]),
    }
    await journal.append(entry)
    try {
      await writeAt(handle, bytes, size)
      await handle.datasync()
    } catch (error) {
      await handle.truncate(size).catch(() => {}) // the next start cuts it off, too
      await journal.undo(entry)
      throw error
    }
    const { size: now, nlink } = await handle.stat()
    if (nlink === 0 || now < entry.to) {
      await journal.undo(entry)
      await handle.truncate(0) // what is in it now is this batch alone
      await handle.close()
      handle = undefined
      return false
    }
    size = now
    for (const { source, ...place } of places) written.add(source, place)
    return true
  }

  return {
    intake,
    /** An earlier run has written to it. */
    continued,

    /** Resolves when all rows are on disk. @throws StoreError; the file is as it was then */
    async append(rows: readonly Row[], places: Places): Promise<void> {
      if (rows.length === 0) return
      const bytes = Buffer.from(formatRows(rows, format))
      try {
        for (let time = 1; time <= MOST_TRIES; time += 1) {
          if (handle === undefined) await openCurrent()
          else await followName()
          if (due(bytes.length)) await rotate()
          if (journal.long) await journal.replace()
          if (size === 0) day = dayOf(clock.now())
          if (await put(bytes, places)) return
        }
        throw new Error('somebody cuts it off again and again')
      } catch (error) {
        throw storeError(error, file)
      }
    },

    async close(): Promise<void> {
      await journal.replace().catch(() => {}) // what is there already says the same
      await journal.close()
      await handle?.close()
      handle = undefined
    },
  }
}

const KINDS: ReadonlyMap<string, StoreErrorKind> = new Map([
  ['ENOSPC', 'full'],
  ['EDQUOT', 'full'],
  ['EFBIG', 'full'],
  ['EROFS', 'read-only'],
  ['EACCES', 'permission'],
  ['EPERM', 'permission'],
])

const REMEDIES: Partial<Readonly<Record<StoreErrorKind, string>>> = {
  full: 'the disk is full, or a quota is used up: make room',
  'read-only': 'the file system takes no writes',
  permission: 'its folder and the file must be this user’s to write',
}

function storeError(error: unknown, file: string): StoreError {
  if (error instanceof StoreError) return error
  const kind = KINDS.get(codeOf(error) ?? '') ?? 'io'
  const reason = REMEDIES[kind]
  return new StoreError(
    kind,
    `${file} can’t be written: ${reason === undefined ? '' : `${reason} `}(${messageOf(error)})`,
    {
      cause: error,
    },
  )
}
