/**
 * The pulses that each counter has counted in its life. The card gets them now and then, in one small file of
 * `$STATE_DIRECTORY`; memory that outlives the process (`$RUNTIME_DIRECTORY`) gets every change. So a crash costs what
 * came since the last look, and a power cut what came since the last write to the card.
 */
import { join } from 'node:path'
import type { Clock } from './clock.ts'
import { count, type Held, PIN_KEY, tableOf } from './contents.ts'
import type { Logger } from './log.ts'
import { StateFile } from './state-file.ts'

/** From one write to the card to the next, at least: 144 a day. */
export const CARD_EVERY_MS = 600_000

const FILE = 'counters.json'

/** By pin. Whole numbers up to 2^53: at 1 kHz that is 285,000 years. */
const contents = tableOf(count, PIN_KEY)
const like = '{"5":1234}, pulses by pin'
type Contents = Held<typeof contents>

export interface TotalsOptions {
  /** Where they survive a power cut; undefined: they don't. */
  readonly stateFolder: string | undefined
  /** Where they survive the process; undefined: only what is on the card does. */
  readonly runtimeFolder: string | undefined
  readonly clock: Clock
  readonly log: Logger
}

export class Totals {
  readonly #options: TotalsOptions
  readonly #card: StateFile<Contents> | undefined
  readonly #memory: StateFile<Contents> | undefined
  /** Those of pins that are no counters now, too: they may be again tomorrow. */
  readonly #pulses = new Map<string, number>()
  /** The card does not have them all. */
  #behind = false
  #writtenAt: number

  constructor(options: TotalsOptions) {
    const { stateFolder, runtimeFolder, clock, log } = options
    const open = (folder: string | undefined, what: string, without: string): StateFile<Contents> | undefined =>
      folder === undefined ? undefined : new StateFile({ file: join(folder, FILE), contents, like, what, without, log })
    this.#options = options
    this.#card = open(stateFolder, 'the totals of the counters', 'they begin at 0, or at what is left in memory')
    this.#memory = open(runtimeFolder, 'the newest totals of the counters', 'they go on from those on the card')
    this.#writtenAt = clock.monotonic()
  }

  /** Reads what earlier runs left. A file that is damaged is told, kept aside, and counts as empty. */
  async load(): Promise<void> {
    if (this.#card === undefined) {
      this.#options.log.warn('counters need a state folder ($STATE_DIRECTORY), which is not set: totals begin at 0')
    }
    const card = (await this.#card?.load()) ?? {}
    const memory = (await this.#memory?.load()) ?? {}
    for (const [pin, pulses] of [...Object.entries(card), ...Object.entries(memory)]) {
      this.#pulses.set(pin, Math.max(pulses, this.#pulses.get(pin) ?? 0))
    }
    this.#behind = [...this.#pulses].some(([pin, pulses]) => pulses !== card[pin])
  }

  of(pin: number): number {
    return this.#pulses.get(String(pin)) ?? 0
  }

  /** Resolves when a crash can't take them any more, where there is memory for that. Never rejects. */
  async add(pin: number, pulses: number): Promise<void> {
    if (pulses === 0) return
    this.#pulses.set(String(pin), this.of(pin) + pulses)
    this.#behind = true
    await this.#memory?.save(() => this.#contents())
  }

  /** Writes to the card what it does not have, where the last write is long enough ago. To be called now and then. */
  keep(): void {
    const now = this.#options.clock.monotonic()
    if (now - this.#writtenAt >= CARD_EVERY_MS) void this.#write(now)
  }

  /** Resolves when everything is on the card, or can't be. */
  async close(): Promise<void> {
    await this.#write(this.#options.clock.monotonic())
    await this.flush()
  }

  /** Resolves when no write is under way. */
  async flush(): Promise<void> {
    await Promise.all([this.#card?.flush(), this.#memory?.flush()])
  }

  async #write(now: number): Promise<void> {
    if (!this.#behind) return
    this.#behind = false
    this.#writtenAt = now
    await this.#card?.save(() => this.#contents())
  }

  #contents(): Contents {
    return Object.fromEntries(this.#pulses)
  }
}
