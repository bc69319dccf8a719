/**
 * From the broker to the file: every message waits here, unacknowledged, until what it says is on disk. What came while
 * a batch was being written makes up the next one. Called by `sensor-node log`; the connection is the caller's.
 */
import { type BackoffOptions, backoff } from '../backoff.ts'
import { type Clock, pause } from '../clock.ts'
import { StoreError } from '../errors.ts'
import type { Incoming } from '../telemetry.ts'
import type { Taken } from './intake.ts'
import type { LogFile } from './log-file.ts'

export interface LoggerOptions {
  readonly file: LogFile
  readonly clock: Clock
  /** A line for a person. */
  readonly say: (line: string) => void
  /** After each batch, and for records that were there already. */
  readonly onProgress?: (so: Progress) => void
  /** The disk takes nothing, and why; it is told once for each reason. */
  readonly onStuck?: (reason: string) => void
}

/** Since the start. */
export interface Progress {
  readonly rows: number
  readonly duplicates: number
}

export interface Written extends Progress {
  /** Messages that wait for the disk; they are not acknowledged. */
  readonly waiting: number
}

export type Logger = ReturnType<typeof createLogger>

/** Of a disk that fails. */
const RETRY: BackoffOptions = { firstMs: 1000, longestMs: 30_000 }
/** Messages in one batch: what one write and one wait for the disk are for. */
const LARGEST_BATCH = 1000
/** Kinds of messages that can't be understood are told once each; so many topics. */
const MAX_COMPLAINTS = 100

export function createLogger({ file, clock, say, onProgress, onStuck }: LoggerOptions) {
  const pending: { readonly taken: Taken; readonly done: () => void }[] = []
  const complained = new Set<string>()
  let rows = 0
  let duplicates = 0
  let wake = (): void => {}
  let stopping = false
  const stop = new AbortController()

  /** True when the rows are on disk; false where they can't be, and the end has come. */
  async function write(batch: readonly Taken[]): Promise<boolean> {
    const all = batch.flatMap((taken) => taken.rows)
    const places = batch.flatMap(({ place }) => (place === undefined ? [] : [place]))
    let told: string | undefined
    for (let failures = 1; ; failures += 1) {
      try {
        await file.append(all, places)
        if (told !== undefined) say('the file can be written again')
        rows += all.length
        return true
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        if (told !== error.kind) {
          say(`${error.message}; nothing is acknowledged meanwhile, trying again`)
          onStuck?.(error.message)
        }
        told = error.kind
        if (stopping) return false
        await pause(clock, backoff(failures, RETRY), stop.signal)
      }
    }
  }

  return {
    /** Resolves when the message may be acknowledged. */
    take(message: Incoming): Promise<void> {
      if (stopping) return new Promise(() => {}) // it comes again
      const taken = file.intake.take(message, clock.now())
      const { topic } = message
      if (taken.duplicate === true) duplicates += 1
      if (taken.problem !== undefined && complained.size < MAX_COMPLAINTS && !complained.has(topic)) {
        complained.add(topic)
        say(`${topic}: ${taken.problem}: not written`)
      }
      return new Promise((resolve) => {
        pending.push({ taken, done: resolve })
        wake()
      })
    },

    /** Resolves after `stop`, when all is written or can't be. */
    async run(): Promise<Written> {
      for (;;) {
        if (pending.length === 0) {
          if (stopping) break
          await new Promise<void>((resolve) => {
            wake = resolve
          })
          continue
        }
        const batch = pending.slice(0, LARGEST_BATCH)
        if (!(await write(batch.map(({ taken }) => taken)))) break
        pending.splice(0, batch.length)
        for (const { done } of batch) done()
        onProgress?.({ rows, duplicates })
      }
      return { rows, duplicates, waiting: pending.length }
    },

    /** What comes from now on is left to the broker. */
    stop(): void {
      stopping = true
      stop.abort()
      wake()
    },
  }
}
