/**
 * The past of a board in memory, in a file: each change of a wire is a line, written before anybody can hear of it, so
 * that a SIGKILL loses none. The next process reads it back and finds its outputs as they are there, driven, as on a Pi.
 * Used by `mock.ts` for tests; nothing else needs it.
 */
import { appendFileSync, readFileSync } from 'node:fs'
import { codeOf, GpioError, messageOf } from '../errors.ts'
import type { Level } from './gpio.ts'

/** One change of a wire: what it is from `at` on. */
export interface Move {
  /** Milliseconds on the monotonic clock. */
  readonly at: number
  readonly direction: 'in' | 'out'
  readonly level: Level
}

/** A change as it stands in the file; levels are the wire's. */
export interface Entry extends Move {
  readonly line: number
}

/** What the file tells, oldest first; nothing where there is none. A line that is no entry is passed over. */
export function readHistory(file: string): Entry[] {
  try {
    return readFileSync(file, 'utf8').split('\n').flatMap(entryOf)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw new GpioError('io', `the history of the board, ${file}, can't be read: ${messageOf(error)}`, { cause: error })
  }
}

/** @throws GpioError where it can't be written */
export function appendHistory(file: string, { at, line, direction, level }: Entry): void {
  try {
    appendFileSync(file, `${JSON.stringify({ at, line, direction, level })}\n`)
  } catch (error) {
    const message = `the history of the board, ${file}, can't be written: ${messageOf(error)}`
    throw new GpioError('io', message, { cause: error })
  }
}

function entryOf(text: string): Entry[] {
  try {
    const { at, line, direction, level } = JSON.parse(text)
    const good = typeof at === 'number' && Number.isInteger(line) && ['in', 'out'].includes(direction)
    return good && (level === 0 || level === 1) ? [{ at, line, direction, level }] : []
  } catch {
    return [] // cut short by a full disk, or the empty rest after the last one
  }
}
