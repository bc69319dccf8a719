/** What a command called `timedatectl` says of the clock, and when it is not even asked. */
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { askTimedatectl } from '../src/timedatectl.ts'

let root: string
let asked: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sensor-node-time-'))
  asked = join(root, 'asked')
  await mkdir(join(root, 'run/systemd/system'), { recursive: true })
  vi.stubEnv('PATH', `${root}:/usr/bin:/bin`)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(root, { recursive: true })
})

async function says(script: string): Promise<void> {
  const command = join(root, 'timedatectl')
  await writeFile(command, `#!/bin/sh\necho "$*" >'${asked}'\n${script}\n`)
  await chmod(command, 0o755)
}

describe('timedatectl', () => {
  it.each([
    ['echo NTPSynchronized=yes', true],
    ['echo NTPSynchronized=no', false],
    ['echo NTPSynchronized=perhaps', undefined],
    ['echo Failed to connect to bus >&2; exit 1', undefined],
    ['echo NTPSynchronized=yes; exit 1', undefined],
    ['kill -9 $$', undefined],
  ])('that does %j means %j', async (script, answer) => {
    await says(script)
    expect(await askTimedatectl(root)).toBe(answer)
    expect(existsSync(asked)).toBe(true)
  })

  it('that is not there means nothing', async () => {
    vi.stubEnv('PATH', root)
    expect(await askTimedatectl(root)).toBeUndefined()
  })

  it('is not asked where systemd does not run', async () => {
    await says('echo NTPSynchronized=yes')
    await rm(join(root, 'run/systemd/system'), { recursive: true })
    expect(await askTimedatectl(root)).toBeUndefined()
    expect(existsSync(asked)).toBe(false)
  })
})
