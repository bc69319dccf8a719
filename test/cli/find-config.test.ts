import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findConfig } from '../../src/cli/find-config.ts'
import { asOrdinaryUser } from '../config/ordinary-user.ts'

const before = process.cwd()
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sensor-node-find-'))
  process.chdir(folder)
})
afterEach(async () => {
  process.chdir(before)
  await chmod(folder, 0o700)
  await rm(folder, { recursive: true })
})

describe('the configuration', () => {
  it('is the named one, there or not', async () => {
    expect(await findConfig('some.yaml')).toBe(join(folder, 'some.yaml'))
  })

  it('is the one of this folder before that of the system', async () => {
    await writeFile('config.yaml', '')
    expect(await findConfig(undefined)).toBe(join(folder, 'config.yaml'))
  })

  it('in a folder that this user may not enter is not said to be absent', async () => {
    await chmod(folder, 0o600)
    expect(await asOrdinaryUser(() => findConfig(undefined))).toMatch(/config\.yaml$/)
  })
})
