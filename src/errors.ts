/**
 * Every error that crosses a seam of ours. `kind` is for code, `message` for people: what failed, on which
 * thing, with the values, and what to do about it. Nothing matches on message text.
 */

export type SensorErrorKind =
  | 'not-found' // nothing answers at the address, pin or path
  | 'wrong-device' // something answers, and it is not what the config says
  | 'permission' // the thing is there and we may not use it
  | 'unavailable' // the driver package is absent or does not load
  | 'unsupported' // this machine can't do it
  | 'bus' // a transfer failed
  | 'invalid-data' // the device answered with what can't be a measurement
  | 'timeout' // no answer within the deadline
  | 'checksum' // ordinary: one transfer was garbled
  | 'silent' // ordinary: one request was not answered
  | 'crashed' // the driver's process died
  | 'simulated' // a fault on demand

/** A read or an open that failed. One sensor's fault, never the agent's. */
export class SensorError extends Error {
  override readonly name = 'SensorError'
  readonly kind: SensorErrorKind
  constructor(kind: SensorErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
  /** Ordinary for the kind of sensor (a DHT's checksum): retried without a reopen, `offline` after 3 in a row. */
  get ordinary(): boolean {
    return this.kind === 'checksum' || this.kind === 'silent'
  }
}

export type GpioErrorKind =
  | 'not-found' // no such chip or line
  | 'ambiguous' // more than one chip could be the header
  | 'busy' // the line is held by somebody else
  | 'permission'
  | 'unavailable' // the driver package is absent or does not load
  | 'unsupported' // this backend or machine can't do it
  | 'lost' // the line or chip vanished under us
  | 'io' // anything else that the kernel refused
  | 'misuse' // a bug of the caller, such as an output opened twice

/** A pin that can't be opened, read or driven. */
export class GpioError extends Error {
  override readonly name = 'GpioError'
  readonly kind: GpioErrorKind
  constructor(kind: GpioErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

export type StoreErrorKind =
  | 'full' // no room on the disk
  | 'read-only' // the file system takes no writes
  | 'permission' // the files or their folder are not ours to use
  | 'damaged' // what is there can't be read
  | 'newer' // a later version of ours wrote it
  | 'locked' // another process uses it
  | 'unavailable' // the driver package is absent or does not load
  | 'io' // anything else that the disk refused

/** The outbox on disk can't be used. The records go on in memory. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly kind: StoreErrorKind
  constructor(kind: StoreErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** A command that is not carried out, and why. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly kind = 'refused'
}

/** One thing wrong in a configuration, with where it is and what to do. `line` and `column` count from 1; line 0: there is no file. */
export interface Problem {
  readonly line: number
  readonly column: number
  readonly path: string
  readonly message: string
  readonly suggestion?: string
}

/** A configuration that can't be used. All of its problems at once, in the order of the file. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly kind = 'config'
  readonly file: string
  readonly problems: readonly Problem[]
  constructor(file: string, problems: readonly Problem[], options?: ErrorOptions) {
    super(problems.map((problem) => formatProblem(file, problem)).join('\n'), options)
    this.file = file
    this.problems = problems
  }
}

/** `file:line:column: path: reason (suggestion)`, the form that editors make clickable. */
export function formatProblem(file: string, problem: Problem): string {
  const where = problem.path === '' ? '' : `${problem.path}: `
  const suggestion = problem.suggestion === undefined ? '' : ` (${problem.suggestion})`
  if (problem.line === 0) return `${where}${problem.message}${suggestion}`
  return `${file}:${problem.line}:${problem.column}: ${where}${problem.message}${suggestion}`
}

/** A package of `optionalDependencies` that can't be used on this machine. */
export class DriverUnavailableError extends Error {
  override readonly name = 'DriverUnavailableError'
  readonly kind = 'unavailable'
  readonly packageName: string
  constructor(packageName: string, reason: string, remedy: string, options?: ErrorOptions) {
    super(`driver ${packageName} is unavailable: ${reason}; ${remedy}`, options)
    this.packageName = packageName
  }
}

/** The text of whatever was thrown: packages throw strings, too. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** The `code` or, where a native package leaves that empty, nothing. */
export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' && thrown.code !== '' ? thrown.code : undefined
}
