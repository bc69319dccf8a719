/**
 * What runs side by side and can come and go while the agent lives: sensors, inputs, counters. Each is a loop with a
 * configuration of its own, told apart by a key. Called by the agent, with whole lists: what is in the new one and in
 * the old one alike is not touched.
 */
import { setMaxListeners } from 'node:events'
import type { Clock } from './clock.ts'
import { LATE, withDeadline } from './deadline.ts'
import type { Logger } from './log.ts'

/** One of them, as its loop sees it. */
export interface Part<C> {
  /** What it is configured to be now. */
  config(): C
  /** Aborts when it is to end: taken out of the configuration, replaced, or with the agent. */
  readonly signal: AbortSignal
  /** What others wait for at the start has been done, or has failed. */
  started(): void
}

export interface PartsOptions<C> {
  /** For the log: `sensor`. */
  readonly what: string
  readonly keyOf: (config: C) => string | number
  /** Whether one that runs takes the next configuration in its stride; it finds that in `config()`. */
  readonly goesOn: (running: C, next: C) => boolean
  /** Runs one until its signal aborts. */
  readonly run: (part: Part<C>) => Promise<void>
  /** What `run` throws: a bug of ours. */
  readonly onBug: (error: unknown) => void
  readonly clock: Clock
  readonly log: Logger
}

interface Running<C> {
  config: C
  /** Of its end or that of all. Not made by `AbortSignal.any`: that is slow to listen to, and a loop does at each wait. */
  readonly own: AbortController
  readonly started: Promise<void>
  readonly done: Promise<void>
}

/** One that does not end in this time is left behind: above what a driver has for its close. */
const RETIRE_DEADLINE_MS = 5000

export class Parts<C> {
  readonly #options: PartsOptions<C>
  readonly #signal: AbortSignal
  readonly #running = new Map<string | number, Running<C>>()
  /** Those told to end that have not yet. */
  readonly #leaving = new Set<Promise<void>>()

  /** @param signal ends them all */
  constructor(options: PartsOptions<C>, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
  }

  has(key: string | number): boolean {
    return this.#running.has(key)
  }

  /** Starts those of the list that don't run. Resolves when each of them has told that it started, or has ended. */
  async start(configs: readonly C[]): Promise<void> {
    if (this.#signal.aborted) return
    const { keyOf } = this.#options
    const starting = configs.filter((config) => !this.#running.has(keyOf(config))).map((config) => this.#start(config))
    await Promise.all(starting.map(({ started }) => started))
  }

  /** Ends those that the list lacks, or has in a way that they can't take; the others are told. Resolves when they have. */
  async retire(configs: readonly C[]): Promise<void> {
    const { what, keyOf, goesOn, clock, log } = this.#options
    const next = new Map(configs.map((config) => [keyOf(config), config]))
    const leaving: Promise<void>[] = []
    for (const [key, running] of this.#running) {
      const config = next.get(key)
      if (config !== undefined && goesOn(running.config, config)) {
        running.config = config
        continue
      }
      this.#running.delete(key)
      const gone = running.done.finally(() => this.#leaving.delete(gone))
      this.#leaving.add(gone)
      leaving.push(gone)
      running.own.abort()
    }
    if (leaving.length === 0) return
    const ended = await withDeadline(() => Promise.all(leaving), RETIRE_DEADLINE_MS, clock)
    if (ended === LATE) log.warn({ ms: RETIRE_DEADLINE_MS }, `a ${what} does not end: going on without it`)
  }

  /** Resolves when none runs any more. */
  async ended(): Promise<void> {
    await Promise.all([...[...this.#running.values()].map(({ done }) => done), ...this.#leaving])
  }

  #start(config: C): Running<C> {
    const { keyOf, run, onBug } = this.#options
    const own = new AbortController()
    const { signal } = own
    setMaxListeners(0, signal) // a loop listens as often as it has waits
    const end = (): void => own.abort(this.#signal.reason)
    this.#signal.addEventListener('abort', end, { once: true })
    let onStarted = (): void => {}
    const started = new Promise<void>((resolve) => {
      onStarted = resolve
    })
    const loop = async (): Promise<void> => {
      try {
        await run({ config: () => running.config, signal, started: () => onStarted() })
      } catch (error) {
        onBug(error)
      } finally {
        this.#signal.removeEventListener('abort', end)
        onStarted()
      }
    }
    // In this order, as the loop may ask for its configuration at once.
    const running: Running<C> = { config, own, started, done: Promise.resolve().then(loop) }
    this.#running.set(keyOf(config), running)
    return running
  }
}
