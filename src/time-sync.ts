/**
 * Whether the wall clock is right. A Pi has no battery clock: after a boot it shows the time of its last shutdown until
 * a time server answers. Asked until it was right once; from then on it stays so, whatever steps it makes.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type BackoffOptions, backoff } from './backoff.ts'
import { type Clock, pause } from './clock.ts'
import type { Logger } from './log.ts'

export interface TimeSyncOptions {
  /** The folder that stands for `/`. */
  readonly root: string
  /** What the system says; undefined: it does not. Never rejects. */
  readonly ask: () => Promise<boolean | undefined>
  readonly clock: Clock
  readonly log: Logger
  /** The clock is right now, for certain. Called once. */
  readonly onSynchronised: () => void
}

/** Of systemd-timesyncd (its manual page, 'Files'): there while it runs, with the file once it has set the clock. */
const FOLDER = 'run/systemd/timesync'
const FLAG = 'synchronized'

/** While the clock is known to be wrong, ms. */
const LOOK_EVERY_MS = 1000
/** While nobody knows, ms. */
const IDLE_LOOK_EVERY_MS = 60_000
/** Asking starts a process. */
const ASK: BackoffOptions = { firstMs: 10_000, longestMs: 300_000 }
/** The wall clock has been set when it moved so far against the monotonic one, ms: worth asking at once. */
const STEP_MS = 500

export class TimeSync {
  readonly #options: TimeSyncOptions
  #state: 'synchronised' | 'unsynchronised' | 'unknown' = 'unknown'
  #asked = 0
  #askAt = Number.NEGATIVE_INFINITY
  #offset: number

  constructor(options: TimeSyncOptions) {
    this.#options = options
    this.#offset = this.#offsetNow()
  }

  /** It is known to be wrong. Where nobody knows, it counts as right. */
  get unsynchronised(): boolean {
    return this.#state === 'unsynchronised'
  }

  /** Looks, unless it was right once. Never rejects. */
  async look(): Promise<void> {
    const { root, clock, log, onSynchronised } = this.#options
    if (this.#state === 'synchronised') return
    const folder = join(root, FOLDER)
    const stepped = Math.abs(this.#offsetNow() - this.#offset) > STEP_MS
    this.#offset = this.#offsetNow()
    let answer: boolean | undefined
    if (await exists(join(folder, FLAG))) answer = true
    else if (stepped || clock.monotonic() >= this.#askAt) {
      answer = await this.#options.ask()
      this.#asked += 1
      this.#askAt = clock.monotonic() + backoff(this.#asked, ASK)
      if (answer === undefined && (await exists(folder))) answer = false
    } else return
    const before = this.#state
    this.#state = answer === undefined ? 'unknown' : answer ? 'synchronised' : 'unsynchronised'
    if (this.#state === before) return
    if (this.#state === 'unsynchronised') log.warn('the clock has not been set yet: records say so')
    if (this.#state !== 'synchronised') return
    log.info('the clock is synchronised')
    onSynchronised()
  }

  /** Looks again and again, until the clock is right or the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (this.#state !== 'synchronised' && !signal.aborted) {
      await pause(this.#options.clock, this.unsynchronised ? LOOK_EVERY_MS : IDLE_LOOK_EVERY_MS, signal)
      if (!signal.aborted) await this.look()
    }
  }

  #offsetNow(): number {
    return this.#options.clock.now() - this.#options.clock.monotonic()
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false, // whatever the reason: it is not to be seen
  )
}
