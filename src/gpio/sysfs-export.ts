/**
 * Claims a line from the kernel and gives it back. Done here and without blocking, because onoff's own way spins on
 * the main thread for seconds where udev is slow with the permissions, and leaves the line exported when it gives up.
 */
import { join } from 'node:path'
import { codeOf, GpioError, messageOf } from '../errors.ts'
import {
  type AttributeName,
  attributePath,
  gpioFolder,
  kindOfErrno,
  type Pin,
  permissionRemedy,
  pinError,
  present,
  type Sysfs,
} from './sysfs.ts'

/** udev hands the new files to group gpio a moment after the export; a busy Pi takes some 100 ms. */
const ACCESS_DEADLINE_MS = 2000
const ACCESS_POLL_MS = 20

/**
 * Exports a line and waits until `needs` can be read and written. A line that is exported already is taken over:
 * that is what a process that died leaves behind.
 *
 * @returns true where this export made it, false where the line was exported before
 * @throws GpioError; then nothing is left exported that was not before. The signal's reason on abort, likewise
 */
export async function exportPin(
  sysfs: Sysfs,
  pin: Pin,
  needs: readonly AttributeName[],
  signal: AbortSignal,
): Promise<boolean> {
  const ours = await claim(sysfs, pin)
  try {
    await usable(sysfs, pin, needs, signal)
    return ours
  } catch (error) {
    // The first failure is the one to tell; a second one here has the same cause.
    if (ours) await unexportPin(sysfs, pin).catch(() => {})
    throw error
  }
}

/** Gives a line back. @throws GpioError, also where it is not exported any more */
export async function unexportPin(sysfs: Sysfs, pin: Pin): Promise<void> {
  try {
    await sysfs.files.writeFile(join(gpioFolder(sysfs), 'unexport'), String(pin.number))
  } catch (error) {
    throw pinError(pin, 'be unexported', error)
  }
}

async function claim(sysfs: Sysfs, pin: Pin): Promise<boolean> {
  try {
    await sysfs.files.writeFile(join(gpioFolder(sysfs), 'export'), String(pin.number))
    return true
  } catch (error) {
    if (codeOf(error) !== 'EBUSY') throw pinError(pin, 'be exported', error)
    if (await present(sysfs, pin)) return false
    throw await busyError(sysfs, pin, error)
  }
}

async function usable(sysfs: Sysfs, pin: Pin, needs: readonly AttributeName[], signal: AbortSignal): Promise<void> {
  const deadline = sysfs.clock.monotonic() + ACCESS_DEADLINE_MS
  for (const name of needs) {
    const path = attributePath(sysfs, pin, name)
    for (;;) {
      try {
        await sysfs.files.access(path)
        break
      } catch (error) {
        if (sysfs.clock.monotonic() >= deadline) throw refused(pin, path, error)
      }
      await sysfs.clock.sleep(ACCESS_POLL_MS, signal)
    }
  }
}

function refused(pin: Pin, path: string, error: unknown): GpioError {
  const kind = kindOfErrno(error)
  const what = `GPIO${pin.line} is exported, but ${path} can't be read and written after ${ACCESS_DEADLINE_MS} ms`
  const remedy = kind === 'permission' ? `; ${permissionRemedy(error)}` : ''
  return new GpioError(kind, `${what}: ${messageOf(error)}${remedy}`, { cause: error })
}

async function busyError(sysfs: Sysfs, pin: Pin, error: unknown): Promise<GpioError> {
  const holder = await holderOf(sysfs, pin)
  const message =
    holder === undefined
      ? `is held by another program or driver; sudo cat /sys/kernel/debug/gpio (gpio-${pin.number}) or gpioinfo tells which`
      : `is held by "${holder}"; stop that, or use another pin`
  return new GpioError('busy', `GPIO${pin.line} (gpio${pin.number} of the kernel) ${message}`, { cause: error })
}

/**
 * The consumer that the kernel has for a line; only root can know. A row reads `gpio-529 (name|consumer) out hi`, from
 * some chips without the name; one with nothing behind the brackets is not claimed, and has the name alone
 * (gpiolib_dbg_show in drivers/gpio/gpiolib.c, gpio_sim_dbg_show in drivers/gpio/gpio-sim.c).
 */
async function holderOf(sysfs: Sysfs, pin: Pin): Promise<string | undefined> {
  try {
    const text = await sysfs.files.readFile(join(sysfs.root, 'sys/kernel/debug/gpio'))
    const row = new RegExp(`^ *gpio-${pin.number} +\\((?:[^|)]*\\|)?([^|)]*)\\) +\\S`, 'm')
    const name = row.exec(text)?.[1]?.trim()
    return name === '' ? undefined : name
  } catch {
    return undefined // not root, or debugfs is not mounted: the message says how to find out
  }
}
