/**
 * Whether the start before this one came to an end: a mark in memory that survives a restart, there from the first moment
 * until the agent is ready or ends as it should. What V8 has compiled can bring V8 down, by a fault of its own or of the
 * memory; then the next start must not try the same again. Used by `code-cache.ts`.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from '../errors.ts'

export interface StartMark {
  /** The start before was cut off, whatever by. */
  readonly cutOff: boolean
  /** This one came to its end. Never throws. */
  remove(): void
}

/** In no folder, nothing is known. `folder`: `$RUNTIME_DIRECTORY`. Never throws. */
export function setStartMark(folder: string | undefined): StartMark {
  if (folder === undefined || folder === '') return { cutOff: false, remove() {} }
  const file = join(folder, 'starting')
  return {
    cutOff: !written(file),
    remove() {
      try {
        rmSync(file, { force: true })
      } catch {
        // the next start takes a little longer, and no more
      }
    },
  }
}

/** False where there is a mark already. */
function written(file: string): boolean {
  try {
    writeFileSync(file, '', { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    return codeOf(error) !== 'EEXIST'
  }
}
