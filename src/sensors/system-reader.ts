/**
 * Asks the file system below one root, and never twice at once for the same thing. A dead network disk or a driver
 * that is stuck holds one thread of Node's pool until it answers; asked again at every retry it would hold all four,
 * and with them every file and name lookup of the program. Made by `system.ts`, one for each configured sensor.
 */
import { readdir, readFile, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Space } from './system-files.ts'

/** Each gives undefined where there is nothing, where the kernel refuses, and while an earlier question hangs. */
export interface SystemReader {
  text(path: string): Promise<string | undefined>
  /** In the order of the numbers in the names: `hwmon2` before `hwmon10`. */
  names(folder: string): Promise<string[] | undefined>
  space(path: string): Promise<Space | undefined>
  /** Whether an earlier question about this path still has no answer. */
  hangs(path: string): boolean
}

/** @param root the folder that stands for `/`; every path given later is below it */
export function createReader(root: string, log: Logger): SystemReader {
  const unanswered = new Set<string>()

  async function ask<T>(path: string, question: (path: string) => Promise<T>): Promise<T | undefined> {
    const full = join(root, path)
    if (unanswered.has(full)) return undefined
    unanswered.add(full)
    try {
      return await question(full)
    } catch (error) {
      if (codeOf(error) === undefined) throw error
      log.debug({ path: full, reason: messageOf(error) }, 'not readable')
      return undefined
    } finally {
      unanswered.delete(full)
    }
  }

  return {
    text: (path) => ask(path, (full) => readFile(full, 'utf8')),
    names: (folder) =>
      ask(folder, async (full) => (await readdir(full)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))),
    space: (path) => ask(path, (full) => statfs(full)),
    hangs: (path) => unanswered.has(join(root, path)),
  }
}
