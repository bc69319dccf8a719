/**
 * What Raspberry Pi OS's `config.txt` asks the firmware for at the next boot: overlays, parameters, settings. It may
 * have been changed since this boot, so that what the kernel shows goes first; see `overlays.ts`, which calls this.
 * Syntax: Raspberry Pi documentation, 'config.txt' and 'Device trees, overlays, and parameters'.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from './errors.ts'

export interface OverlayLine {
  /** `w1-gpio` */
  readonly name: string
  /** `gpiopin` to `4`; a parameter without a value has an empty one. */
  readonly params: Readonly<Record<string, string>>
  /** As it stands there, blanks trimmed. */
  readonly text: string
}

export interface BootConfig {
  /** Without the root. */
  readonly file: string
  readonly overlays: readonly OverlayLine[]
  /** `dtparam=i2c_arm=on` gives `i2c_arm` to `on`. The last one counts. */
  readonly params: Readonly<Record<string, string>>
  /** The lines that are neither, `enable_uart` to `1`. The last one counts. */
  readonly settings: Readonly<Record<string, string>>
}

/** Since Raspberry Pi OS 12, and before. The older place holds a note to the newer one where both are there. */
const FILES = ['boot/firmware/config.txt', 'boot/config.txt']

/** The first of the files that can be read; undefined where there is none. @param model of this machine, for `[pi4]` */
export async function readBootConfig(root: string, model: string | undefined): Promise<BootConfig | undefined> {
  for (const file of FILES) {
    try {
      return { file: `/${file}`, ...parse(await readFile(join(root, file), 'utf8'), model) }
    } catch (error) {
      if (codeOf(error) === undefined) throw error
    }
  }
  return undefined
}

function parse(text: string, model: string | undefined): Omit<BootConfig, 'file'> {
  const overlays: { name: string; params: Record<string, string>; text: string }[] = []
  const params: Record<string, string> = {}
  const settings: Record<string, string> = {}
  let applies = true
  for (const line of text.split(/\r?\n/).map((one) => one.trim())) {
    const filter = /^\[(.*)\]/.exec(line)?.[1]
    if (filter !== undefined) applies = appliesTo(filter, model)
    const [, key, value] = /^([^#=][^=]*)=(.*)$/.exec(line) ?? []
    if (filter !== undefined || !applies || key === undefined || value === undefined) continue
    if (key === 'dtoverlay') {
      const [name, ...rest] = value.split(/[,:]/)
      if (name !== undefined && name !== '') overlays.push({ name, params: assignments(rest), text: line })
    } else if (key === 'dtparam') {
      // Those after an overlay are for that overlay first; where it does not know them, for the board.
      const given = assignments(value.split(','))
      Object.assign(params, given)
      Object.assign(overlays.at(-1)?.params ?? {}, given)
    } else settings[key] = value
  }
  return { overlays, params, settings }
}

function assignments(parts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    parts.map((part) => {
      const at = part.indexOf('=')
      return at === -1 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)]
    }),
  )
}

/** What stands below a filter of another model is not for this one. Filters by anything else are taken to apply. */
function appliesTo(filter: string, model: string | undefined): boolean {
  if (filter === 'all') return true
  if (filter === 'none') return false
  const [, kind, digit] = /^(pi|cm)(\d)/.exec(filter) ?? []
  if (kind === undefined || model === undefined) return true
  // [pi4] is for the Pi 4, 400 and CM4, [cm4] for the CM4 alone; [pi02] is told from [pi0] no more than [pi3+] from [pi3].
  return generationOf(model) === digit && (kind === 'pi' || model.includes('Compute Module'))
}

/** Models: `Raspberry Pi Model B Rev 2`, `Raspberry Pi Zero 2 W Rev 1.0`, `Raspberry Pi 400 Rev 1.0`. */
function generationOf(model: string): string {
  if (model.startsWith('Raspberry Pi Zero')) return '0'
  return /^Raspberry Pi (?:Compute Module )?(\d)/.exec(model)?.[1] ?? '1'
}
