import { chmod, chown } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { scanAccess, type User } from '../../src/scan/access.ts'
import { machine, removeMachines } from '../fakes/machine.ts'

afterEach(removeMachines)

const UID = process.getuid?.() ?? 0
/** The group that the files get, which the tree calls i2c: root may give them to any, others to their own. */
const GID = UID === 0 ? 997 : (process.getegid?.() ?? 0)
const STRANGER: User = { name: 'pi', uid: 54_321, gids: [54_321] }

async function tree(mode: number, members = ''): Promise<string> {
  const root = await machine({
    'etc/group': `root:x:0:\nbroken\ni2c:x:${GID}:${members}\npi:x:54321:\n`,
    'dev/i2c-1': '',
    'dev/i2c-10': '',
    'dev/i2c-2': '',
    'dev/null': '',
  })
  for (const name of ['i2c-1', 'i2c-2', 'i2c-10']) {
    await chown(join(root, 'dev', name), UID, GID)
    await chmod(join(root, 'dev', name), mode)
  }
  return root
}

describe('the groups of a user', () => {
  it('have their names, or their numbers where there is none', async () => {
    const root = await machine({ 'etc/group': 'pi:x:1000:\ngpio:x:997:pi\n' })
    expect(await scanAccess(root, { name: 'pi', uid: 1000, gids: [1000, 997, 4, 997] })).toEqual({
      user: 'pi',
      groups: ['pi', 'gpio', '4'],
      missing: [],
    })
    expect((await scanAccess(await machine({}), STRANGER)).groups).toEqual(['54321'])
  })

  it('the one that has the device files is told, with the command to join it', async () => {
    expect((await scanAccess(await tree(0o660), STRANGER)).missing).toEqual([
      {
        group: 'i2c',
        files: ['/dev/i2c-1', '/dev/i2c-2', '/dev/i2c-10'],
        remedy: 'sudo usermod -aG i2c pi, then log in again',
      },
    ])
    expect((await scanAccess(await tree(0o660, 'anna,pi'), STRANGER)).missing[0]?.remedy).toMatch(/log in again$/)
    expect((await scanAccess(await tree(0o660), { ...STRANGER, gids: [GID] })).missing).toEqual([])
  })

  it('files without rights for their group are for root alone', async () => {
    const [missing] = (await scanAccess(await tree(0o600), STRANGER)).missing
    expect(missing).toMatchObject({ remedy: expect.stringMatching(/udev/) })
    expect(missing?.group).toBeUndefined()
  })

  it('nobody misses what everybody may use, and root misses nothing', async () => {
    expect((await scanAccess(await tree(0o666), STRANGER)).missing).toEqual([])
    expect((await scanAccess(await tree(0o600), { name: 'root', uid: 0, gids: [0] })).missing).toEqual([])
  })

  it('sysfs needs to be written only', async () => {
    const root = await machine({ 'sys/class/gpio/export': '' })
    const file = join(root, 'sys/class/gpio/export')
    await chmod(file, 0o222)
    expect((await scanAccess(root, STRANGER)).missing).toEqual([])
    await chmod(file, 0o444)
    expect((await scanAccess(root, STRANGER)).missing).toMatchObject([{ files: ['/sys/class/gpio/export'] }])
  })
})
