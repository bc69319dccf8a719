/**
 * One small JSON file that outlives the process: read once at the start, replaced whole at each change, so that a
 * power cut leaves the old contents or the new ones. Changes that come while one is being written are written together.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Contents } from './contents.ts'
import { codeOf, messageOf } from './errors.ts'
import type { Logger } from './log.ts'

export interface StateFileOptions<T> {
  /** Its folder is made where it is not there. */
  readonly file: string
  /** What a good file holds: one that another version or a fault wrote is not trusted. */
  readonly contents: Contents<T>
  /** Such contents, for the log: `{"17":1}`. */
  readonly like: string
  /** What the file holds, for the log: `the last levels`. */
  readonly what: string
  /** What it means that the file can't be read, for the log: `outputs begin off`. */
  readonly without: string
  readonly log: Logger
}

export class StateFile<T> {
  readonly #options: StateFileOptions<T>
  /** Makes the contents of the next write; undefined: nothing waits. */
  #pending: (() => T) | undefined
  #writing: Promise<void> | undefined
  #failed = false

  constructor(options: StateFileOptions<T>) {
    this.#options = options
  }

  /**
   * What an earlier run left; undefined where there is nothing, or nothing that can be trusted. That is logged, and the
   * file set aside: a person may have edited it, and can mend it.
   */
  async load(): Promise<T | undefined> {
    const { file, contents, like } = this.#options
    let text: string
    try {
      text = await readFile(file, 'utf8')
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#unreadable(messageOf(error))
      return undefined
    }
    try {
      const found: unknown = JSON.parse(text)
      if (contents(found)) return found
      await this.#setAside(`it must be like ${like}`)
    } catch (error) {
      await this.#setAside(messageOf(error))
    }
    return undefined
  }

  /**
   * Replaces the contents. Resolves when these or later ones are on disk, or could not be written, which is logged
   * when it begins; never rejects.
   */
  save(value: () => T): Promise<void> {
    this.#pending = value
    this.#writing ??= this.#write()
    return this.#writing
  }

  /**
   * Replaces the contents before it returns: outlives a kill, perhaps no power cut, so it is for a folder in memory, where it takes
   * some 0.1 ms. Not to be mixed with `save`. Never throws: what could not be written is logged when it begins.
   */
  saveNow(value: T): void {
    const { file } = this.#options
    try {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(`${file}.new`, JSON.stringify(value))
      renameSync(`${file}.new`, file)
      this.#failed = false
    } catch (error) {
      this.#unwritable(error)
    }
  }

  /** Whether the last write failed. */
  get failed(): boolean {
    return this.#failed
  }

  /** Resolves when nothing waits to be written. */
  async flush(): Promise<void> {
    await this.#writing
  }

  async #setAside(reason: string): Promise<void> {
    const { file } = this.#options
    const aside = `${file}.damaged`
    try {
      await rename(file, aside)
      this.#unreadable(reason, { aside })
    } catch (error) {
      this.#unreadable(`${reason}; it can’t be set aside: ${messageOf(error)}`)
    }
  }

  #unreadable(reason: string, fields: { readonly aside?: string } = {}): void {
    const { file, what, without, log } = this.#options
    log.warn({ file, reason, ...fields }, `${what} can’t be read: ${without}`)
  }

  #unwritable(error: unknown): void {
    const { file, what, log } = this.#options
    if (!this.#failed) log.warn({ file, reason: messageOf(error) }, `${what} can’t be kept`)
    this.#failed = true
  }

  async #write(): Promise<void> {
    const { file } = this.#options
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      try {
        await mkdir(dirname(file), { recursive: true })
        await writeFile(`${file}.new`, JSON.stringify(next()), { flush: true })
        await rename(`${file}.new`, file)
        this.#failed = false
      } catch (error) {
        this.#unwritable(error)
      }
    }
    this.#writing = undefined
  }

  #take(): (() => T) | undefined {
    const next = this.#pending
    this.#pending = undefined
    return next
  }
}
