/**
 * Keeps a repeating fault from filling the log: it is told when it begins, when it changes its kind, and when it
 * ends, with how often it happened.
 */
import type { Logger } from './log.ts'

export interface Fault {
  /** For comparison; not shown. */
  readonly kind: string
  readonly message: string
}

export class FaultLog {
  readonly #log: Logger
  readonly #what: string
  #current: Fault | undefined
  /** Since it began, of all kinds. */
  #count = 0

  /** @param what names the thing that fails, at the start of each line: `sensor`, `broker` */
  constructor(log: Logger, what: string) {
    this.#log = log
    this.#what = what
  }

  /** The fault that is going on, if any. */
  get current(): Fault | undefined {
    return this.#current
  }

  happened(fault: Fault, fields: Readonly<Record<string, unknown>> = {}): void {
    const same = this.#current?.kind === fault.kind
    this.#count += 1
    const level = same ? 'debug' : 'warn'
    this.#current = fault
    this.#log[level]({ ...fields, kind: fault.kind, reason: fault.message }, `${this.#what} failed`)
  }

  ended(fields: Readonly<Record<string, unknown>> = {}): void {
    if (this.#current === undefined) return
    this.#log.info({ ...fields, kind: this.#current.kind, failures: this.#count }, `${this.#what} recovered`)
    this.#current = undefined
    this.#count = 0
  }
}
