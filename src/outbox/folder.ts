/**
 * The folder of the outbox: `version` says who may read it, `records` is the store, and beside it stand damaged
 * stores that were put aside, with their date. Also tells why the disk refuses, which the store itself can't say.
 */
import { access, constants, mkdir, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { codeOf, messageOf, StoreError, type StoreErrorKind } from '../errors.ts'
import { tablesOf } from './manifest.ts'
import { isWholeTable } from './table.ts'

/** Of the form of the store. One that is newer is left alone. */
const VERSION = 1
/** Damaged stores that are kept: a card that damages one a day must not fill itself with them. */
const ASIDE_KEPT = 5
/** Enough to make the disk find room for it. */
const PROBE_BYTES = 65_536
/** LevelDB writes its log anew as a table when it opens; so much for what comes with that. */
const SPARE_BYTES = 262_144

const TABLE_FILE = /\.(ldb|sst)$/
const DATA_FILE = /\.(ldb|sst|log)$/

const KINDS: Readonly<Record<string, StoreErrorKind>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'full',
  EROFS: 'read-only',
  EACCES: 'permission',
  EPERM: 'permission',
}

const REASONS: Readonly<Record<StoreErrorKind, (folder: string, message: string) => string>> = {
  full: (folder) => `there is no room for ${folder}: free some, or set outbox.path to another disk`,
  'read-only': (folder) =>
    `the file system of ${folder} is read-only, at least for us: remount it, check the disk (dmesg), or name a folder that the service may write to`,
  permission: (folder) => `${folder} can’t be used by this user: give it away with chown -R, or set outbox.path`,
  damaged: (folder, message) => `${folder} can’t be read: ${message}`,
  newer: (folder, message) => `${folder} was written by a newer version of sensor-node: ${message}`,
  locked: (folder) =>
    `another process uses ${folder}: two agents need two folders (outbox.path), or one of them is to end`,
  unavailable: (_, message) => message,
  io: (folder, message) => `${folder} can’t be used: ${message}`,
}

export class OutboxFolder {
  readonly path: string
  readonly records: string

  constructor(path: string) {
    this.path = path
    this.records = join(path, 'records')
  }

  /** Makes it where it is not there, and looks whether it is ours to use. @throws StoreError */
  async prepare(): Promise<void> {
    const file = join(this.path, 'version')
    try {
      await mkdir(this.path, { recursive: true })
      const text = await readFile(file, 'utf8').catch(absent)
      if (text === undefined) await writeFile(file, `${VERSION}\n`, { flush: true })
      else if (!/^\d+\n?$/.test(text)) {
        // Whoever damaged this file may have damaged more; but the store has its own checks.
        await writeFile(file, `${VERSION}\n`, { flush: true })
      } else if (Number(text) > VERSION) {
        const remedy = `its form is ${Number(text)}, and this one knows ${VERSION}; go back to that version, or move the folder away`
        throw this.error('newer', remedy)
      }
    } catch (error) {
      throw this.#failure(error)
    }
  }

  /** Why the store failed, as far as the disk tells: undefined where the disk takes writes. */
  async complaint(): Promise<StoreError | undefined> {
    const probe = join(this.path, 'probe')
    try {
      await mkdir(this.path, { recursive: true })
      await writeFile(probe, Buffer.alloc(PROBE_BYTES), { flush: true })
      let needed = SPARE_BYTES
      for (const name of (await readdir(this.records).catch(absent)) ?? []) {
        const file = join(this.records, name)
        await access(file, constants.R_OK | constants.W_OK)
        if (name.endsWith('.log')) needed += (await stat(file)).size
      }
      const { bavail, bsize } = await statfs(this.path)
      return bavail * bsize < needed ? this.error('full', '') : undefined
    } catch (error) {
      return this.#failure(error)
    } finally {
      await rm(probe, { force: true }).catch(() => {}) // what is left of it is overwritten the next time
    }
  }

  /** Looks at what LevelDB itself would trust, to somebody's cost. @throws StoreError `damaged`, or why it can't be read */
  async inspect(): Promise<void> {
    const names = await this.#files()
    // Without this file LevelDB takes the folder for a new one, and deletes what it does not know.
    if (names.some((name) => DATA_FILE.test(name)) && !names.includes('CURRENT')) {
      throw new StoreError('damaged', 'its file CURRENT is missing')
    }
    const tables = await this.#tables()
    const damaged = (await this.damagedTables()).map((file) => basename(file))
    // A manifest that makes no sense is told by LevelDB; here it means that any table may matter.
    const mattering = damaged.find((name) => tables?.has(Number.parseInt(name, 10)) !== false)
    if (mattering !== undefined) throw new StoreError('damaged', `the checksums in ${mattering} are wrong`)
  }

  /** Tables that are not whole. @throws StoreError where they can't be read */
  async damagedTables(): Promise<string[]> {
    const damaged: string[] = []
    for (const name of await this.#files()) {
      const file = join(this.records, name)
      const whole = !TABLE_FILE.test(name) || (await isWholeTable(file).catch((error) => this.#throw(error)))
      if (!whole) damaged.push(file)
    }
    return damaged
  }

  /** Puts a store that can't be read out of the way. @returns its new path, and of older ones those that were deleted for it */
  async setAside(at: Date): Promise<{ readonly kept: string; readonly deleted: readonly string[] }> {
    const day = at.toISOString().replaceAll(/[-:]|\.\d+/g, '')
    try {
      const others = await readdir(this.path)
      let name = `records.damaged-${day}`
      for (let again = 2; others.includes(name); again += 1) name = `records.damaged-${day}-${again}`
      await rename(this.records, join(this.path, name))
      const deleted = others
        .filter((other) => other.startsWith('records.damaged-'))
        .sort()
        .slice(0, -(ASIDE_KEPT - 1))
        .map((other) => join(this.path, other))
      for (const other of deleted) await rm(other, { recursive: true, force: true })
      return { kept: join(this.path, name), deleted }
    } catch (error) {
      throw this.#failure(error)
    }
  }

  /** The error of that kind, for people. */
  error(kind: StoreErrorKind, message: string, cause?: unknown): StoreError {
    return new StoreError(kind, REASONS[kind](this.path, message), { cause })
  }

  /** Numbers of the tables that the store says it has; undefined where it does not. */
  async #tables(): Promise<Set<number> | undefined> {
    const current = await readFile(join(this.records, 'CURRENT'), 'utf8').catch(() => '')
    if (!/^MANIFEST-\d+\n$/.test(current)) return undefined
    const manifest = await readFile(join(this.records, current.trim())).catch(() => undefined)
    return manifest && tablesOf(manifest)
  }

  async #files(): Promise<string[]> {
    return (
      (await readdir(this.records)
        .catch(absent)
        .catch((error) => this.#throw(error))) ?? []
    )
  }

  #throw(error: unknown): never {
    throw this.#failure(error)
  }

  #failure(error: unknown): StoreError {
    if (error instanceof StoreError) return error
    return this.error(KINDS[codeOf(error) ?? ''] ?? 'io', messageOf(error), error)
  }
}

function absent(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
  return undefined
}
