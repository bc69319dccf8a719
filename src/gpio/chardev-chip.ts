/**
 * Finds the chip of the header among the character devices, by its label. Numbers of devices move with the kernel and
 * with the order in which chips come up (a Pi 5's header has been gpiochip4 and gpiochip0), so they mean nothing.
 */
import { codeOf, GpioError, messageOf } from '../errors.ts'
import type { Kernel } from './chardev-kernel.ts'
import { type ChipInfo, decodeChipInfo, GET_CHIPINFO } from './chardev-uapi.ts'
import { HEADER_LABELS, INSTEAD } from './header.ts'
import { permissionRemedy } from './sysfs.ts'

export interface Chip extends ChipInfo {
  readonly path: string
  /** Open while it is being used. */
  readonly fd: number
}

/**
 * Calls `use` with the header's chip, and closes it again.
 *
 * @throws GpioError `not-found`, `ambiguous` or `permission`, with what is there; whatever `use` throws
 */
export function withHeaderChip<T>(kernel: Kernel, use: (chip: Chip) => T): T {
  const opened: Chip[] = []
  const refused: { readonly path: string; readonly error: unknown }[] = []
  try {
    for (const path of kernel.chips()) {
      try {
        const chip = openChip(kernel, path)
        if (chip !== undefined) opened.push(chip)
      } catch (error) {
        refused.push({ path, error })
      }
    }
    const [chip, ...others] = opened.filter(({ label }) => HEADER_LABELS.includes(label))
    if (others.length > 0) {
      const message = `${others.length + 1} GPIO chips could be the header: ${opened.map(describe).join(', ')}`
      throw new GpioError('ambiguous', `${message}; take away the overlay or module that adds the other`)
    }
    if (chip !== undefined) return use(chip)
    const [first] = refused
    throw first === undefined ? absent(opened) : notAllowed(first.path, first.error)
  } finally {
    for (const { fd } of opened) kernel.close(fd)
  }
}

/** How a chip is named to people. */
export function describe({ path, label, lines }: Pick<Chip, 'path' | 'label' | 'lines'>): string {
  return `${path} (${label}, ${lines} lines)`
}

/** To be closed by the caller. Undefined where it went away meanwhile, or is no GPIO chip at all. @throws the kernel's error */
export function openChip(kernel: Kernel, path: string): Chip | undefined {
  let fd: number | undefined
  try {
    fd = kernel.open(path)
    const bytes = Buffer.alloc(GET_CHIPINFO.bytes)
    kernel.ioctl(fd, GET_CHIPINFO, bytes)
    return { path, fd, ...decodeChipInfo(bytes) }
  } catch (error) {
    if (fd !== undefined) kernel.close(fd)
    if (['ENOENT', 'ENODEV', 'ENXIO', 'ENOTTY'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}

function absent(opened: readonly Chip[]): GpioError {
  const found = opened.length === 0 ? 'there is no /dev/gpiochip*' : `there is only ${opened.map(describe).join(', ')}`
  const message = `no GPIO chip of a Raspberry Pi's header (${HEADER_LABELS.join(', ')}): ${found}`
  return new GpioError('not-found', `${message}; not a Raspberry Pi? ${INSTEAD}`)
}

function notAllowed(path: string, error: unknown): GpioError {
  const denied = ['EACCES', 'EPERM'].includes(codeOf(error) ?? '')
  const message = `${path} can't be opened: ${messageOf(error)}`
  return new GpioError(denied ? 'permission' : 'io', denied ? `${message}; ${permissionRemedy(error)}` : message, {
    cause: error,
  })
}
