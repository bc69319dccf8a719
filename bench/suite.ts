/** What a suite is, and what it is given. Each is a file in suites/, and knows nothing of rounds and ratios. */

import type { Figures } from './arithmetic.ts'
import type { Broker } from './broker.ts'
import type { Contestant, Job } from './contestants.ts'
import type { Child } from './process.ts'

export interface Figure {
  /** Its name in JSON and in the targets; the unit stands at its end. */
  readonly key: string
  readonly label: string
  readonly unit: string
  /** Digits after the point; default 1. */
  readonly digits?: number
}

export interface Bench {
  readonly broker: Broker
  /** For files; removed at the end. */
  readonly folder: string
  /** Aborts when the bench is told to end. */
  readonly signal: AbortSignal
  /** Starts a contestant at a job. `own`: folders of that name are its own, and kept from start to start. */
  begin(contestant: Contestant, job: Job, own?: string): Promise<Child>
  /** A line for whoever looks on. */
  say(line: string): void
  readonly options: { readonly readings: number }
}

export interface Suite {
  readonly name: string
  readonly about: string
  readonly figures: readonly Figure[]
  /** Without `--rounds`. */
  readonly rounds: number
  /** Runs only if it is asked for by name. */
  readonly onRequest?: true
  /** Whether the job is one for it; default: for all. */
  fits?(contestant: Contestant): boolean
  /** Once before the rounds: to warm what is warm in a real one, to see that all do the same. */
  prepare?(contestant: Contestant, bench: Bench): Promise<void>
  /** One contestant in one round. @throws Error where it does not do its job */
  measure(contestant: Contestant, bench: Bench): Promise<Figures>
  /** All of a round at once, in the place of `measure`: where they do not get into each other's way. */
  together?: true
}
