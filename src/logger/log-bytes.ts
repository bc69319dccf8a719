/** What a start finds in a file that readings were appended to, and what it cuts off. Used by `log-file.ts`. */
import { createReadStream } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Batch } from './journal.ts'
import type { Format } from './row.ts'

const QUOTE = 0x22
const LINE_FEED = 0x0a

/** Whether the batch is in the file, whole. */
export async function holds(path: string, { from, to, crc }: Batch): Promise<boolean> {
  const reading = await open(path, 'r')
  try {
    if ((await reading.stat()).size < to) return false
    const bytes = Buffer.alloc(to - from)
    await reading.read(bytes, 0, bytes.length, from)
    return crc32(bytes) === crc
  } finally {
    await reading.close()
  }
}

/** Bytes up to the end of the last whole line. A line feed between quotes ends none in CSV. */
export async function endOfLines(path: string, format: Format): Promise<number> {
  let at = 0
  let end = 0
  let quoted = false
  for await (const chunk of createReadStream(path)) {
    const bytes: Buffer = chunk
    for (let index = 0; index < bytes.length; index += 1) {
      if (bytes[index] === QUOTE && format === 'csv') quoted = !quoted
      else if (bytes[index] === LINE_FEED && !quoted) end = at + index + 1
    }
    at += bytes.length
  }
  return end
}

/** Cuts the file off; on disk when it resolves. */
export async function cutAt(path: string, length: number): Promise<void> {
  const writing = await open(path, 'r+')
  try {
    await writing.truncate(length)
    await writing.datasync()
  } finally {
    await writing.close()
  }
}

/** What the file is called now that somebody has moved it, as logrotate does: within its folder. */
export async function movedTo(file: string, inode: number): Promise<string | undefined> {
  for (const name of await readdir(dirname(file))) {
    const path = join(dirname(file), name)
    const found = await stat(path).catch(() => undefined) // it may have gone meanwhile
    if (found?.ino === inode && found.isFile()) return path
  }
  return undefined
}
