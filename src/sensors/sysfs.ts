/** Looking around below /sys, where things come and go. Called by the files that find devices there. */
import { codeOf } from '../errors.ts'

/** What was asked for, or undefined where there is nothing or the kernel refuses: it describes nothing then. */
export async function unlessRefused<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return undefined
  }
}
