/** A real logger whose lines a test can read: the same levels, fields and redaction as pino on standard output. */
import { pino } from 'pino'
import type { Logger } from '../../src/log.ts'

export interface Line {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

export interface RecordingLog {
  readonly log: Logger
  readonly lines: readonly Line[]
  /** The lines of these levels as `level message`, in order. */
  told(...levels: string[]): string[]
}

/** Records everything, from `trace` up. */
export function recordLog(): RecordingLog {
  const lines: Line[] = []
  const write = (text: string): void => {
    lines.push(JSON.parse(text) as Line) // pino writes one object a line, with these two
  }
  const log = pino(
    { level: 'trace', base: null, timestamp: false, formatters: { level: (label) => ({ level: label }) } },
    { write },
  )
  return {
    log,
    lines,
    told: (...levels) => lines.filter(({ level }) => levels.includes(level)).map(({ level, msg }) => `${level} ${msg}`),
  }
}
