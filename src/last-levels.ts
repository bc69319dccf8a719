/**
 * What each output was last ordered to be, for `initial: last` and `on_exit: keep`. Kept in a small file where
 * systemd gives a folder that survives (`$STATE_DIRECTORY`), else in memory only.
 */
import { type Held, oneOf, PIN_KEY, tableOf } from './contents.ts'
import type { Level } from './gpio/gpio.ts'
import type { Logger } from './log.ts'
import { StateFile } from './state-file.ts'

const contents = tableOf(oneOf(0, 1), PIN_KEY)
const like = '{"17":1}'

export class LastLevels {
  readonly #file: StateFile<Held<typeof contents>> | undefined
  readonly #log: Logger
  readonly #levels = new Map<number, Level>()
  /** Pins whose order must survive: only these are written. */
  #kept: ReadonlySet<number>

  /** @param file where to keep them; undefined: memory only  @param kept pins with `initial: last` */
  constructor(file: string | undefined, kept: Iterable<number>, log: Logger) {
    this.#file =
      file === undefined
        ? undefined
        : new StateFile({ file, contents, like, what: 'the last levels', without: 'outputs begin off', log })
    this.#kept = new Set(kept)
    this.#log = log
  }

  /** Reads what an earlier run left. A file that is damaged is told and counts as empty. */
  async load(): Promise<void> {
    if (this.#kept.size === 0) return
    if (this.#file === undefined) return this.#warn()
    for (const [pin, level] of Object.entries((await this.#file.load()) ?? {})) {
      if (this.#kept.has(Number(pin))) this.#levels.set(Number(pin), level)
    }
  }

  /** From now on these are the pins with `initial: last`; what was ordered of them already is kept, too. */
  keepThose(pins: Iterable<number>): void {
    const before = this.#kept
    this.#kept = new Set(pins)
    const added = [...this.#kept].filter((pin) => !before.has(pin))
    if (added.length === 0) return
    if (this.#file === undefined) this.#warn()
    else if (added.some((pin) => this.#levels.has(pin))) this.#save()
  }

  of(pin: number): Level | undefined {
    return this.#levels.get(pin)
  }

  remember(pin: number, level: Level): void {
    if (this.#levels.get(pin) === level) return
    this.#levels.set(pin, level)
    if (!this.#kept.has(pin)) return
    this.#save()
  }

  /** Resolves when everything is on disk. */
  async flush(): Promise<void> {
    await this.#file?.flush()
  }

  #save(): void {
    void this.#file?.save(() => Object.fromEntries([...this.#levels].filter(([pin]) => this.#kept.has(pin))))
  }

  #warn(): void {
    this.#log.warn('initial: last needs a state folder ($STATE_DIRECTORY), which is not set: these outputs begin off')
  }
}
