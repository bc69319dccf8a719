/**
 * Which groups the user of this process is in, and which it would need: by the owners of the device files that are
 * there, as udev has set them. Called by `scan.ts`.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { unlessRefused } from '../sensors/sysfs.ts'

export interface User {
  readonly name: string
  readonly uid: number
  /** All group ids of the process. */
  readonly gids: readonly number[]
}

export interface MissingAccess {
  /** The group that has the files; undefined where only root may use them. */
  readonly group?: string
  readonly files: readonly string[]
  readonly remedy: string
}

export interface AccessFindings {
  readonly user: string
  /** By name where /etc/group has one. */
  readonly groups: readonly string[]
  readonly missing: readonly MissingAccess[]
}

interface Group {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

/** inode(7): read and write of owner, group, others. */
const OWNER_RW = 0o600
const GROUP_RW = 0o060
const OTHERS_RW = 0o006

const ROOT = 0

/** The files that sensor-node opens. */
const WANTED = /^(gpiochip|i2c-)\d+$/

export async function scanAccess(root: string, user: User): Promise<AccessFindings> {
  const groups = groupsIn((await unlessRefused(readFile(join(root, 'etc/group'), 'utf8'))) ?? '')
  const nameOf = (gid: number): string => groups.find((group) => group.gid === gid)?.name ?? String(gid)
  const names = ((await unlessRefused(readdir(join(root, 'dev')))) ?? []).filter((name) => WANTED.test(name))
  const files = [...names.map((name) => `dev/${name}`).sort(byNumber), 'sys/class/gpio/export']
  const closed = new Map<number | undefined, string[]>()
  for (const file of files) {
    const stats = await unlessRefused(stat(join(root, file)))
    if (stats === undefined || mayUse(stats, user, file)) continue
    const helps = stats.gid !== ROOT && (stats.mode & GROUP_RW & neededBits(file)) !== 0
    const gid = helps ? stats.gid : undefined
    closed.set(gid, [...(closed.get(gid) ?? []), `/${file}`])
  }
  return {
    user: user.name,
    groups: [...new Set(user.gids)].map(nameOf),
    missing: [...closed].map(([gid, paths]) => missing(gid, paths, groups, nameOf, user)),
  }
}

function missing(
  gid: number | undefined,
  files: readonly string[],
  groups: readonly Group[],
  nameOf: (gid: number) => string,
  { name }: User,
): MissingAccess {
  if (gid === undefined) {
    const rules = 'Raspberry Pi OS gives them to the groups gpio and i2c by udev rules (99-com.rules)'
    return { files, remedy: `only root may use them; ${rules}` }
  }
  const group = nameOf(gid)
  const listed = groups.find((one) => one.gid === gid)?.members.includes(name) === true
  const remedy = listed
    ? 'you are in it since you logged in: log in again'
    : `sudo usermod -aG ${group} ${name}, then log in again`
  return { group, files, remedy }
}

function mayUse({ mode, uid, gid }: { mode: number; uid: number; gid: number }, user: User, file: string): boolean {
  if (user.uid === ROOT) return true
  const needed = neededBits(file)
  // One class decides, and the first that fits: an owner without rights has none by the group.
  const bits = user.uid === uid ? OWNER_RW : user.gids.includes(gid) ? GROUP_RW : OTHERS_RW
  return (mode & bits & needed) === (bits & needed)
}

/** `export` of sysfs is written only. */
function neededBits(file: string): number {
  return file.endsWith('/export') ? 0o222 : 0o666
}

function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

/** group(5). */
function groupsIn(text: string): Group[] {
  return text.split('\n').flatMap((line) => {
    const [name, , gid, members] = line.split(':')
    if (name === undefined || gid === undefined || !/^\d+$/.test(gid)) return []
    return [{ name, gid: Number(gid), members: (members ?? '').split(',').filter((one) => one !== '') }]
  })
}
