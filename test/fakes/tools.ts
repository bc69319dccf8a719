/** Tests that need a tool: skipped by name where it is absent, and failing where CI is set. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, it } from 'vitest'

/** Debian keeps servers in sbin, which is not on everybody's PATH. */
const FOLDERS = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']

/** Absolute path of a program; undefined where it is not installed. */
export function findTool(name: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** A `describe` that needs programs. */
export function describeWith(tools: readonly string[], name: string, tests: () => void): void {
  const absent = tools.filter((tool) => findTool(tool) === undefined)
  if (absent.length === 0) describe(name, tests)
  else if (process.env.CI === undefined) describe.skip(`${name} (needs ${absent.join(', ')})`, tests)
  else
    describe(name, () => {
      it(`needs ${absent.join(', ')}, which CI must install`, () => expect(absent).toEqual([]))
    })
}
