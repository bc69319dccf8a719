/**
 * What makes a batch of lines all or nothing: before it is written, the journal beside the file says from where to where
 * it will go, its checksum, and which records it holds. After a crash the start compares: a batch that is whole counts,
 * one that is not is cut off, and the broker, to which it was not acknowledged, sends it again. Used by `log-file.ts`.
 */
import { type FileHandle, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { codeOf } from '../errors.ts'
import type { IntakeContents } from './intake.ts'
import type { Source } from './understand.ts'

export interface Batch {
  /** Bytes of the file before and after it. */
  readonly from: number
  readonly to: number
  readonly crc: number
  /** The day that the file is of. */
  readonly day: string
  /** Of the file, by which it is found where somebody has moved it. */
  readonly inode?: number | undefined
  readonly places: readonly (readonly [Source, string, number])[]
}

export interface Found {
  readonly contents: IntakeContents
  /** Since the contents were written, in order. Only of the last one is it unknown whether the file has it. */
  readonly batches: readonly Batch[]
  /** The day that the file was of; undefined: not known. */
  readonly day: string | undefined
}

/** Beyond this the batches are replaced by what they amount to, bytes. */
const LONGEST = 1_000_000
/** And by as many times the size of that, so that a large fleet does not write it all the time. */
const FACTOR = 4

const range = z.tuple([z.number(), z.number()])
const snapshot = z.object({
  version: z.literal(1),
  day: z.string().optional(),
  seen: z.array(z.tuple([z.string(), z.array(z.tuple([z.string(), z.array(range)]))])),
  recorded: z.array(z.string()),
})
const batch = z.object({
  from: z.number(),
  to: z.number(),
  crc: z.number(),
  day: z.string(),
  inode: z.number().optional(),
  places: z.array(z.tuple([z.string(), z.string(), z.number()])),
})

/** What an earlier run left; undefined where there is nothing. A half last line is none. @throws what the disk says, SyntaxError and ZodError where it is damaged */
export async function readJournal(path: string): Promise<Found | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  const [first, ...rest] = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1)
  if (first === undefined) return undefined
  const { seen, recorded, day } = snapshot.parse(JSON.parse(first))
  const batches = rest.map((line) => batch.parse(JSON.parse(line)))
  return { contents: { seen, recorded }, batches, day: batches.at(-1)?.day ?? day }
}

/** Begins a journal anew, with what has been written down so far. @throws what the disk says */
export async function startJournal(path: string, contents: () => IntakeContents, day: () => string) {
  let handle: FileHandle | undefined
  let size = 0
  let limit = LONGEST

  async function replace(): Promise<void> {
    const text = `${JSON.stringify({ version: 1, day: day(), ...contents() })}\n`
    const next = await open(`${path}.new`, 'w', 0o600)
    try {
      await next.writeFile(text)
      await next.datasync()
      await rename(`${path}.new`, path)
      await syncFolder(path)
    } catch (error) {
      await next.close()
      throw error
    }
    await handle?.close()
    handle = next
    size = Buffer.byteLength(text)
    limit = Math.max(LONGEST, FACTOR * size)
  }
  await replace()

  return {
    /** On disk when it resolves. What was appended before counts as written. @throws what the disk says; nothing is appended then */
    async append(entry: Batch): Promise<void> {
      if (handle === undefined) return
      const bytes = Buffer.from(`${JSON.stringify(entry)}\n`)
      await writeAt(handle, bytes, size)
      await handle.datasync()
      size += bytes.length
    },
    /** As if the last one had not been appended. */
    async undo(entry: Batch): Promise<void> {
      size -= Buffer.byteLength(`${JSON.stringify(entry)}\n`)
      await handle?.truncate(size)
    },
    get long(): boolean {
      return size > limit
    },
    replace,
    close: async (): Promise<void> => handle?.close(),
  }
}

export type Journal = Awaited<ReturnType<typeof startJournal>>

/** All of it, or it throws and what is beyond `at` is cut off again. */
export async function writeAt(handle: FileHandle, bytes: Buffer, at: number): Promise<void> {
  try {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at + done)
      done += bytesWritten
    }
  } catch (error) {
    await handle.truncate(at).catch(() => {}) // the first failure is the one to tell; the next start cuts it off, too
    throw error
  }
}

/** A new name is on disk only when its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
