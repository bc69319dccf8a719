/**
 * Which GPIO chips there are, and who holds which line: what the character device tells anybody who may open it, and no
 * line is requested. Where it can't be asked, sysfs tells chips and what was exported. Called by `scan.ts`.
 */
import { basename } from 'node:path'
import type { Clock } from '../clock.ts'
import { codeOf, GpioError, messageOf } from '../errors.ts'
import { openChip } from '../gpio/chardev-chip.ts'
import type { Kernel } from '../gpio/chardev-kernel.ts'
import { lineInfo } from '../gpio/chardev-line.ts'
import { HEADER_LABELS } from '../gpio/header.ts'
import { gpioFolder, nodeFiles, permissionRemedy, type Sysfs } from '../gpio/sysfs.ts'
import { listChips, type Chip as SysfsChip } from '../gpio/sysfs-chip.ts'

export interface HeldLine {
  /** Its number on the chip: of the header's chip, the BCM number. */
  readonly line: number
  readonly direction: 'in' | 'out' | 'unknown'
  /** As `gpioinfo` names it; undefined where the kernel has no name for who it is. */
  readonly holder: string | undefined
}

export interface GpioChip {
  /** `/dev/gpiochip0`, or `gpiochip512` where only sysfs shows it. */
  readonly name: string
  readonly label: string
  readonly lines: number
  /** Whether the 40 pins hang on it. */
  readonly header: boolean
  readonly held: readonly HeldLine[]
}

export interface GpioFindings {
  readonly chips: readonly GpioChip[]
  /** What could not be found out, why, and what to do. */
  readonly problems: readonly string[]
}

/** @param kernel makes the system calls; throws where koffi does not load, which is told */
export async function scanGpio(root: string, kernel: () => Kernel, clock: Clock): Promise<GpioFindings> {
  const problems: string[] = []
  const chips = byCharacterDevice(kernel, problems)
  // Some that are refused are told as such; sysfs has them, too, but under other names.
  if (chips.length > 0) return { chips, problems }
  return { chips: await bySysfs({ files: nodeFiles, clock, root }, problems), problems }
}

function byCharacterDevice(load: () => Kernel, problems: string[]): GpioChip[] {
  try {
    const kernel = load()
    return kernel.chips().flatMap((path) => withChip(kernel, path, problems))
  } catch (error) {
    // No folder of devices: a tree without one.
    if (codeOf(error) !== 'ENOENT') problems.push(`who holds which line is not known: ${messageOf(error)}`)
    return []
  }
}

function withChip(kernel: Kernel, path: string, problems: string[]): GpioChip[] {
  const name = `/dev/${basename(path)}`
  let fd: number | undefined
  try {
    const chip = openChip(kernel, path)
    if (chip === undefined) return []
    fd = chip.fd
    const held = Array.from({ length: chip.lines }, (_, line) => ({ line, ...lineInfo(kernel, chip, line) }))
      .filter(({ used }) => used)
      .map(({ line, output, consumer }) => ({
        line,
        direction: output ? ('out' as const) : ('in' as const),
        holder: consumer,
      }))
    return [{ name, label: chip.label, lines: chip.lines, header: HEADER_LABELS.includes(chip.label), held }]
  } catch (error) {
    const denied = ['EACCES', 'EPERM'].includes(codeOf(error) ?? '')
    problems.push(`${name}: ${messageOf(error)}${denied ? `; ${permissionRemedy(error)}` : ''}`)
    return []
  } finally {
    if (fd !== undefined) kernel.close(fd)
  }
}

async function bySysfs(sysfs: Sysfs, problems: string[]): Promise<GpioChip[]> {
  try {
    const chips = await listChips(sysfs)
    const exported = (await sysfs.files.readdir(gpioFolder(sysfs))).flatMap(
      (name) => /^gpio(\d+)$/.exec(name)?.[1] ?? [],
    )
    return chips.map((chip) => ({
      name: chip.name,
      label: chip.label,
      lines: chip.lines,
      header: HEADER_LABELS.includes(chip.label),
      held: exportedOf(chip, exported.map(Number)),
    }))
  } catch (error) {
    if (!(error instanceof GpioError)) throw error
    if (error.kind !== 'not-found') problems.push(error.message)
    return []
  }
}

function exportedOf({ base, lines }: SysfsChip, numbers: readonly number[]): HeldLine[] {
  return numbers
    .map((number) => number - base)
    .filter((line) => line >= 0 && line < lines)
    .sort((a, b) => a - b)
    .map((line) => ({ line, direction: 'unknown', holder: 'sysfs' }))
}
