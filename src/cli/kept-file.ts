/**
 * A file in the folder for what may be lost, that one start leaves for the next: read only where nobody else can have
 * written it, and whole, written in one step. Used by `code-cache.ts` and `config-memo.ts`.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { codeOf, messageOf } from '../errors.ts'
import { pack, unpack } from './packed-code.ts'

/** Why nothing is even looked at. */
export const NOT_USABLE = 'not used: the start before was cut off'

/** Writable by the group or by others. */
const OTHERS_WRITE = 0o022

/** The largest of ours has some 600 kB: more than this is none of ours, and not read. */
const MOST_BYTES = 16 * 1024 * 1024

/** Whether nobody but this user, and root, can have written it. */
export function isOurs({ uid, mode }: Stats): boolean {
  return uid === process.getuid?.() && (mode & OTHERS_WRITE) === 0
}

/** What was kept with that key, or why there is nothing. Never throws. */
export function readKept(file: string, key: string): Buffer | string {
  let descriptor: number | undefined
  try {
    const open = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    descriptor = open
    const found = fstatSync(open)
    if (!isOurs(found)) return 'not trusted: others may write it'
    if (!found.isFile() || found.size > MOST_BYTES) return 'damaged: no file of ours'
    return unpack(readFileSync(open), key)
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? 'not there' : messageOf(error)
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** In one step. Without waiting for the disk: what a power cut leaves of it is seen by its sum. Never rejects. */
export async function keepFile(file: string, key: string, contents: Buffer): Promise<string> {
  const fresh = `${file}.new`
  try {
    await rm(fresh, { force: true }) // of a start that was cut off, or a link that leads elsewhere
    await writeFile(fresh, pack(key, contents), { flag: 'wx', mode: 0o600 })
    await rename(fresh, file)
    return 'kept'
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => {})
    return `not kept: ${messageOf(error)}`
  }
}
