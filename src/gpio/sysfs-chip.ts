/**
 * Finds the kernel's number of a header line by the label of its chip. The base of a chip moves with the kernel and
 * with the order in which chips come up (0, 399, 512 and 571 have been seen), so it is looked up and never assumed.
 */
import { join } from 'node:path'
import { codeOf, GpioError, messageOf } from '../errors.ts'
import { HEADER_LABELS, INSTEAD } from './header.ts'
import { gpioFolder, type Pin, permissionRemedy, type Sysfs } from './sysfs.ts'

export interface Chip {
  /** As sysfs names it, such as `gpiochip512`. */
  readonly name: string
  readonly label: string
  /** Number of its first line. */
  readonly base: number
  /** How many lines it has. */
  readonly lines: number
}

/** The line under the number that the kernel has for it now. @throws GpioError as `findHeaderChip` does */
export async function resolvePin(sysfs: Sysfs, line: number): Promise<Pin> {
  const chip = await findHeaderChip(sysfs)
  if (line < chip.lines) return { line, number: chip.base + line }
  const has = `${describe(chip)} has no line ${line}`
  throw new GpioError('not-found', `GPIO${line} does not exist: ${has}; see pinout for what this board's header has`)
}

/** @throws GpioError `not-found` or `ambiguous`, with what is there */
export async function findHeaderChip(sysfs: Sysfs): Promise<Chip> {
  const chips = await listChips(sysfs)
  const [chip, ...others] = chips.filter(({ label }) => HEADER_LABELS.includes(label))
  const there = chips.map(describe).join(', ')
  if (chip === undefined) {
    const found = chips.length === 0 ? `${gpioFolder(sysfs)} has no gpiochip` : `there is only ${there}`
    const message = `no GPIO chip of a Raspberry Pi's header (${HEADER_LABELS.join(', ')}): ${found}`
    throw new GpioError('not-found', `${message}; not a Raspberry Pi? ${INSTEAD}`)
  }
  if (others.length > 0) {
    const message = `${others.length + 1} GPIO chips could be the header: ${there}`
    throw new GpioError('ambiguous', `${message}; take away the overlay or module that adds the other`)
  }
  return chip
}

/** All chips that sysfs has, in the order of their numbers. @throws GpioError where it has none to list */
export async function listChips(sysfs: Sysfs): Promise<Chip[]> {
  const folder = gpioFolder(sysfs)
  try {
    const names = await sysfs.files.readdir(folder)
    const chips = await Promise.all(names.filter((name) => /^gpiochip\d+$/.test(name)).map((name) => chip(sysfs, name)))
    return chips.filter((found) => found !== undefined).sort((a, b) => a.base - b.base)
  } catch (error) {
    if (error instanceof GpioError) throw error
    if (codeOf(error) === 'ENOENT') {
      const message = `there is no ${folder}: this kernel has no GPIO by sysfs (CONFIG_GPIO_SYSFS)`
      throw new GpioError('not-found', `${message}; not a Raspberry Pi? ${INSTEAD}`, { cause: error })
    }
    if (codeOf(error) === 'EACCES') {
      const message = `${folder} can't be listed: ${messageOf(error)}; ${permissionRemedy(error)}`
      throw new GpioError('permission', message, { cause: error })
    }
    throw new GpioError('io', `${folder} can't be listed: ${messageOf(error)}`, { cause: error })
  }
}

async function chip(sysfs: Sysfs, name: string): Promise<Chip | undefined> {
  const read = async (file: string): Promise<string> =>
    (await sysfs.files.readFile(join(gpioFolder(sysfs), name, file))).trim()
  try {
    const label = await read('label')
    return { name, label, base: await count(read, name, 'base'), lines: await count(read, name, 'ngpio') }
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENODEV') return undefined // it went away while we looked
    throw error
  }
}

async function count(read: (file: string) => Promise<string>, name: string, file: string): Promise<number> {
  const text = await read(file)
  if (/^\d+$/.test(text)) return Number(text)
  throw new GpioError('io', `${name}/${file} holds no number but ${JSON.stringify(text)}`)
}

function describe({ name, label, base, lines }: Chip): string {
  return `${name} (${label}, lines ${base} to ${base + lines - 1})`
}
