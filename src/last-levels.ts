/**
 * What each output was last ordered to be, for `initial: last` and `on_exit: keep`. Kept in a small file where
 * systemd gives a folder that survives (`$STATE_DIRECTORY`), else in memory only.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { codeOf, messageOf } from './errors.ts'
import type { Level } from './gpio/gpio.ts'
import type { Logger } from './log.ts'

const contents = z.record(z.string().regex(/^\d{1,2}$/), z.union([z.literal(0), z.literal(1)]))

export class LastLevels {
  readonly #file: string | undefined
  readonly #log: Logger
  readonly #levels = new Map<number, Level>()
  /** Pins whose order must survive: only these are written. */
  readonly #kept: ReadonlySet<number>
  #writing: Promise<void> | undefined
  #dirty = false
  #failed = false

  /** @param file where to keep them; undefined: memory only  @param kept pins with `initial: last` */
  constructor(file: string | undefined, kept: Iterable<number>, log: Logger) {
    this.#file = file
    this.#kept = new Set(kept)
    this.#log = log
  }

  /** Reads what an earlier run left. A file that is damaged is told and counts as empty. */
  async load(): Promise<void> {
    if (this.#kept.size === 0) return
    if (this.#file === undefined) {
      this.#log.warn('initial: last needs a state folder ($STATE_DIRECTORY), which is not set: these outputs begin off')
      return
    }
    try {
      const { success, data } = contents.safeParse(JSON.parse(await readFile(this.#file, 'utf8')))
      if (!success) return this.#unreadable('it must be like {"17":1}')
      for (const [pin, level] of Object.entries(data)) {
        if (this.#kept.has(Number(pin))) this.#levels.set(Number(pin), level)
      }
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#unreadable(messageOf(error))
    }
  }

  of(pin: number): Level | undefined {
    return this.#levels.get(pin)
  }

  remember(pin: number, level: Level): void {
    if (this.#levels.get(pin) === level) return
    this.#levels.set(pin, level)
    if (!this.#kept.has(pin) || this.#file === undefined) return
    this.#dirty = true
    this.#writing ??= this.#write(this.#file)
  }

  /** Resolves when everything is on disk. */
  async flush(): Promise<void> {
    await this.#writing
  }

  #unreadable(reason: string): void {
    this.#log.warn({ file: this.#file, reason }, 'the last levels can’t be read: outputs begin off')
  }

  async #write(file: string): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false
      const kept = [...this.#levels].filter(([pin]) => this.#kept.has(pin))
      try {
        await mkdir(dirname(file), { recursive: true })
        await writeFile(`${file}.new`, JSON.stringify(Object.fromEntries(kept)), { flush: true })
        await rename(`${file}.new`, file)
        this.#failed = false
      } catch (error) {
        if (!this.#failed) this.#log.warn({ file, reason: messageOf(error) }, 'the last levels can’t be kept')
        this.#failed = true
      }
    }
    this.#writing = undefined
  }
}
