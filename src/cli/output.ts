/**
 * Standard output that can't be written any more. A reader that has gone (`| head -1`) has what it wanted: that is no
 * failure. A full disk is one, and is told. Called once by the command line; what runs for long asks to be ended.
 */
import { codeOf, messageOf } from '../errors.ts'

let failed = false
const listeners = new Set<() => void>()

/** From now on nothing that is written to either output ends the process by itself. */
export function guardOutput(): void {
  process.stdout.on('error', (error) => {
    if (codeOf(error) !== 'EPIPE' && !failed) {
      failed = true
      process.stderr.write(`standard output can’t be written: ${messageOf(error)}\n`)
    }
    for (const listener of listeners) listener()
  })
  process.stderr.on('error', () => {}) // nobody is left to be told
}

/** Is called when standard output has gone, and whatever is written to it is in vain. */
export function onOutputGone(listener: () => void): void {
  listeners.add(listener)
}

/** Whether something was not written that somebody waited for. */
export async function outputFailed(): Promise<boolean> {
  await new Promise((resolve) => setImmediate(resolve)) // a failed write is told after the fact
  return failed
}
