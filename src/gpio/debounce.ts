/**
 * Makes settled levels of a wire that bounces. An edge is only a hint: edges get lost, come twice, come late where
 * the event loop was busy, and are not told at all where a read of ours came between. So each one leads to a read, a
 * level counts when it has been the same for `debounceMs`, by edges and by reads, and a slow look finds what no edge
 * told. Each backend runs one per input.
 */
import { type BackoffOptions, backoff } from '../backoff.ts'
import { type Clock, Rests } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { InputOptions, Level } from './gpio.ts'

/** How long a lost edge, or a watcher that died in silence, may go unseen. Two system calls per look. */
export const RECONCILE_MS = 1000

/** The first try to get a line back comes at once, the later ones after these. */
const RETRY: BackoffOptions = { firstMs: 1000, longestMs: 30_000 }

export interface LevelSource {
  /** The logical level now. Never called twice at once. @throws GpioError */
  read(): Promise<Level>
  /** Gets the line back after a failed read. On abort it gives up and holds nothing. @throws GpioError */
  recover(signal: AbortSignal): Promise<void>
}

export interface DebounceOptions extends Pick<InputOptions, 'debounceMs' | 'onChange' | 'onFault' | 'onRecovered'> {
  readonly line: number
  readonly clock: Clock
  readonly log: Logger
  readonly source: LevelSource
  /** What was read at open. */
  readonly initial: Level
}

export class Debounce {
  readonly #options: DebounceOptions
  readonly #stop = new AbortController()
  /** The last level told, or read at open. */
  #level: Level
  /** Counts hints; `#seen` is how many of them the last read came after. */
  #edges = 0
  #seen = 0
  readonly #rests: Rests
  #running: Promise<void> = Promise.resolve()

  constructor(options: DebounceOptions) {
    this.#options = options
    this.#level = options.initial
    this.#rests = new Rests(options.clock, this.#stop.signal)
  }

  /** The settled level. */
  get level(): Level {
    return this.#level
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Resolves when nothing of it runs any more; `source` is not called after that. Never throws. */
  stop(): Promise<void> {
    this.#stop.abort(new Error('the input was closed'))
    return this.#running
  }

  /** Something moved. `level`, where the caller is sure of it, lets no edge go missing without debouncing. */
  edge(level?: Level): void {
    if (this.#stop.signal.aborted) return
    this.#edges += 1
    if (this.#options.debounceMs === 0 && level !== undefined) this.#tell(level)
    this.#rests.asked()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        await this.#untilEdge(RECONCILE_MS)
        if (!signal.aborted) await this.#settle()
      } catch (error) {
        // Stopped in the middle, or the line failed.
        if (!signal.aborted) await this.#recover(error)
      }
    }
  }

  /** Waits, at most `ms`, and not at all where an edge came that no read has followed yet. Stop ends it, too. */
  async #untilEdge(ms: number): Promise<void> {
    if (this.#edges === this.#seen) await this.#rests.for(ms, 'or asked')
  }

  /**
   * Tells the level that the wire comes to rest at, if that is news. Chatter keeps it waiting, and silent.
   *
   * A read takes the event of the edges before it, which are never told then. So the wait begins at a read, not at an
   * edge, and each edge is followed by a read at once: what one read hides, that read has seen.
   */
  async #settle(): Promise<void> {
    const { debounceMs, source } = this.#options
    while (!this.#stop.signal.aborted) {
      const edges = this.#edges
      this.#seen = edges
      const before = this.#level
      const level = await source.read()
      // Back where it was, or an edge told something newer during the read. What comes later has its own edge.
      if (level === this.#level || before !== this.#level) return
      if (debounceMs > 0) {
        await this.#untilEdge(debounceMs)
        if (this.#edges !== edges || this.#stop.signal.aborted) continue
        if ((await source.read()) !== level || this.#edges !== edges) continue
      }
      this.#tell(level)
      return
    }
  }

  #tell(level: Level): void {
    if (level === this.#level || this.#stop.signal.aborted) return
    this.#level = level
    this.#call(() => this.#options.onChange(level))
  }

  /** A handler that throws is its owner's bug; it must not end the watching. */
  #call(handler: () => void): void {
    const { line, log } = this.#options
    try {
      handler()
    } catch (error) {
      log.error({ line, err: error }, 'handler of an input failed')
    }
  }

  /** Tells the fault once, then tries until the line can be read. Ends early, and quietly, when stopped. */
  async #recover(fault: unknown): Promise<void> {
    const { clock, line, log, onFault, onRecovered, source } = this.#options
    const { signal } = this.#stop
    this.#call(() => onFault(fault instanceof Error ? fault : new Error(messageOf(fault))))
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        await source.recover(signal)
        await source.read()
        this.#call(onRecovered)
        this.edge()
        return
      } catch (error) {
        log.debug({ line, failures, reason: messageOf(error) }, 'input is still lost')
      }
      await clock.sleep(backoff(failures, RETRY), signal).catch((error: unknown) => {
        if (!signal.aborted) throw error
      })
    }
  }
}
