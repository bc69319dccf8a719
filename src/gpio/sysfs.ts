/**
 * The kernel's GPIO files: where they are, what a line's attributes say, and what an errno means to a person.
 * The onoff backend stands on this; `sysfs-chip.ts` finds the line's number, `sysfs-export.ts` claims it.
 * Files and meanings: Linux, Documentation/ABI/obsolete/sysfs-gpio and Documentation/admin-guide/gpio/sysfs.rst.
 */
import { constants } from 'node:fs'
import { access, readdir, readFile, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { codeOf, GpioError, type GpioErrorKind, messageOf } from '../errors.ts'
import type { Level } from './gpio.ts'

/** What is needed of a file system. Errors carry an errno name in `code`, as Node's do. */
export interface SysfsFiles {
  readFile(path: string): Promise<string>
  writeFile(path: string, text: string): Promise<void>
  readdir(path: string): Promise<readonly string[]>
  /** Rejects where the file can't be both read and written. */
  access(path: string): Promise<void>
}

export const nodeFiles: SysfsFiles = {
  readFile: (path) => readFile(path, 'utf8'),
  // Never created: in sysfs a file that is absent would give EACCES instead of ENOENT.
  writeFile: (path, text) => writeFile(path, text, { flag: constants.O_WRONLY }),
  readdir: (path) => readdir(path),
  access: (path) => access(path, constants.R_OK | constants.W_OK),
}

export interface Sysfs {
  readonly files: SysfsFiles
  readonly clock: Clock
  /** Stands for `/`. */
  readonly root: string
}

/** A line under both of its names: the header's BCM number and the kernel's global number. */
export interface Pin {
  readonly line: number
  readonly number: number
}

export interface Attributes {
  readonly direction: string
  readonly edge: string
  readonly activeLow: boolean
  /** Logical: the kernel applies `active_low` to it. */
  readonly value: Level
}

export type AttributeName = 'value' | 'direction' | 'edge' | 'active_low'

export function gpioFolder(sysfs: Sysfs): string {
  return join(sysfs.root, 'sys/class/gpio')
}

export function attributePath(sysfs: Sysfs, pin: Pin, name: AttributeName): string {
  return join(gpioFolder(sysfs), `gpio${pin.number}`, name)
}

/** What the kernel has for an exported line. @throws the file system's error */
export async function readAttributes(sysfs: Sysfs, pin: Pin): Promise<Attributes> {
  const read = async (name: AttributeName): Promise<string> =>
    (await sysfs.files.readFile(attributePath(sysfs, pin, name))).trim()
  return {
    direction: await read('direction'),
    // Only lines that can interrupt have an edge.
    edge: (await present(sysfs, pin, 'edge')) ? await read('edge') : 'none',
    activeLow: (await read('active_low')) === '1',
    value: (await read('value')) === '1' ? 1 : 0,
  }
}

/** Whether an exported line has the attribute. @throws the file system's error */
export async function present(sysfs: Sysfs, pin: Pin, name?: AttributeName): Promise<boolean> {
  try {
    const names = await sysfs.files.readdir(join(gpioFolder(sysfs), `gpio${pin.number}`))
    return name === undefined || names.includes(name)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

/** What an errno says about a line that was there a moment ago. */
export function kindOfErrno(error: unknown): GpioErrorKind {
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'permission'
    case 'ENODEV':
    case 'ENOENT':
    case 'ENXIO':
      return 'lost'
    case 'EBUSY':
      return 'busy'
    default:
      return 'io'
  }
}

const REMEDY: Partial<Record<GpioErrorKind, string>> = {
  lost: 'it was unexported by another program, or its chip is gone',
  busy: 'another program or driver holds it',
}

/** Whatever went wrong with a line, as an error of ours. One of ours passes. `doing` reads 'be read'. */
export function pinError(pin: Pin, doing: string, error: unknown): GpioError {
  if (error instanceof GpioError) return error
  const kind = kindOfErrno(error)
  const remedy = kind === 'permission' ? permissionRemedy(error) : REMEDY[kind]
  const message = `GPIO${pin.line} (gpio${pin.number} of the kernel) can't ${doing}: ${messageOf(error)}`
  return new GpioError(kind, remedy === undefined ? message : `${message}; ${remedy}`, { cause: error })
}

/** What to do where the kernel says no. */
export function permissionRemedy(error: unknown): string {
  if (codeOf(error) === 'EROFS') {
    return 'the files are read-only here: a systemd unit must not have ProtectKernelTunables=yes'
  }
  return `the files belong to group gpio: run sudo usermod -aG gpio ${userName()}, then log in again or restart the service`
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    return '<user>' // a user id that no passwd entry names
  }
}
