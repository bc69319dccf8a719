/** Machines as folders: the fixture trees, and trees that a test makes and removes again. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { silentLog } from '../../src/log.ts'
import type { SensorEnv } from '../../src/sensors/sensor.ts'
import { FakeClock } from './fake-clock.ts'

/** Never aborts. */
export const NEVER = new AbortController().signal

/** The folder of a tree below `test/fixtures`. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
}

/** What a sensor of that machine is opened with. */
export function envOf(root: string, clock = new FakeClock()): SensorEnv {
  return { clock, log: silentLog(), root, name: 'attic' }
}

const made: string[] = []

/** A machine in a temporary folder: the text of each file, `{ to }` for a link. */
export async function machine(files: Readonly<Record<string, string | { readonly to: string }>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'machine-'))
  made.push(root)
  for (const [path, content] of Object.entries(files)) {
    const file = join(root, path)
    await mkdir(dirname(file), { recursive: true })
    if (typeof content === 'string') await writeFile(file, content)
    else await symlink(content.to, file)
  }
  return root
}

/** Removes what `machine` has made. */
export async function removeMachines(): Promise<void> {
  for (const root of made.splice(0)) await rm(root, { recursive: true, force: true })
}
