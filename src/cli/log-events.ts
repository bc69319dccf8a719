/** What `sensor-node log --json` tells of its work: not more often than a script wants to hear, and nothing twice. */
import { type Clock, pause } from '../clock.ts'
import type { Progress } from '../logger/logger.ts'
import type { Tell } from './events.ts'

/** What was written is told at most so often, ms. */
const PROGRESS_MS = 1000

export function createLogEvents(tell: Tell, clock: Clock) {
  let now: Progress = { rows: 0, duplicates: 0 }
  let told = now
  const over = new AbortController()
  let waiting: Promise<void> | undefined

  /** The rows and duplicates since it was told the last time. */
  const written = (): void => {
    const [rows, duplicates] = [now.rows - told.rows, now.duplicates - told.duplicates]
    told = now
    if (rows + duplicates > 0) tell('written', { rows, duplicates })
  }

  return {
    progress(so: Progress): void {
      now = so
      if (over.signal.aborted) return
      waiting ??= pause(clock, PROGRESS_MS, over.signal).then(() => {
        waiting = undefined
        written()
      })
    },

    rotated(file: string, removed: readonly string[]): void {
      written()
      tell('rotated', { file, removed })
    },

    /** What is left to be told. */
    async end(so: Progress & { readonly waiting: number }, code: number): Promise<void> {
      over.abort()
      await waiting
      now = so
      written()
      tell('end', { rows: so.rows, duplicates: so.duplicates, waiting: so.waiting, code })
    },
  }
}
