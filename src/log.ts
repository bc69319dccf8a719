/**
 * The logger: pino, JSON on standard output, readable on a terminal. Made once by the command line and handed
 * down; there is no global one.
 */
import { type Logger, type LoggerOptions, pino } from 'pino'
import type { LogLevel } from './log-level.ts'

export type { Logger }

/** Keys whose values are never written, at the top level and one below. */
const SECRET_KEYS = ['password', 'passphrase', 'key', 'token', 'secret']

/** Lines that could not be written and are tried again with the next, bytes; more are dropped. */
const MOST_KEPT_BYTES = 64 * 1024

/**
 * Makes the agent's logger.
 *
 * @param level the lowest level that is written
 * @param terminal whether a person reads it: coloured lines instead of JSON
 * @param output 1: standard output; 2: standard error, of a command whose output is for a script
 */
export async function createLog(level: LogLevel, terminal: boolean, output: 1 | 2 = 1): Promise<Logger> {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
  }
  if (!terminal) {
    const written = pino.destination({ dest: output, sync: true, maxLength: MOST_KEPT_BYTES })
    // A disk that is full takes no line, and there is nobody to be told: the agent is not there for its log.
    written.on('error', () => {})
    return pino(options, written)
  }
  const { default: pretty } = await import('pino-pretty')
  return pino(
    options,
    pretty({ sync: true, destination: output, translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname' }),
  )
}

/** For code that must be handed a logger and has nobody to tell. */
export function silentLog(): Logger {
  return pino({ level: 'silent' })
}
