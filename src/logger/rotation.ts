/** When a file is full, and what it is called from then on. Pure. Days are those of UTC, as the times in the file are. */
import { basename, extname } from 'node:path'

export type Rotation = 'never' | 'day' | { readonly bytes: number }

const UNITS = { kb: 1e3, mb: 1e6, gb: 1e9, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 } as const

/** Of `day` or a size such as `10MB`; undefined for anything else. */
export function parseRotation(text: string): Rotation | undefined {
  if (text === 'day') return 'day'
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(kb|mb|gb|kib|mib|gib)$/.exec(text.toLowerCase()) ?? []
  if (amount === undefined || unit === undefined) return undefined
  const bytes = Math.round(Number(amount) * UNITS[unit as keyof typeof UNITS]) // the pattern lists the keys
  return bytes > 0 ? { bytes } : undefined
}

/** `2026-11-21`. @param at ms since 1970 */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

/** What the file of `day`, or one that is full at `at`, is called when it is put away: `readings-2026-11-21.csv`. */
export function rotatedName(file: string, rotation: Rotation, day: string, at: number, count: number): string {
  const extension = extname(file)
  const stem = file.slice(0, file.length - extension.length)
  const time = rotation === 'day' ? day : new Date(at).toISOString().slice(0, 19).replaceAll(':', '-')
  return `${stem}-${time}${count === 0 ? '' : `.${count}`}${extension}`
}

/** Those of the names that are files put away of this one, oldest first. */
export function rotatedOf(file: string, names: readonly string[]): string[] {
  const extension = extname(file)
  const stem = basename(file, extension)
  const order = (name: string): readonly [string, number] | undefined => {
    if (!name.startsWith(`${stem}-`) || !name.endsWith(extension)) return undefined
    const middle = name.slice(stem.length + 1, name.length - extension.length)
    const [, time, count = '0'] = /^(\d{4}-\d\d-\d\d(?:T\d\d-\d\d-\d\d)?)(?:\.(\d+))?$/.exec(middle) ?? []
    return time === undefined ? undefined : [time, Number(count)]
  }
  return names
    .flatMap((name) => {
      const key = order(name)
      return key === undefined ? [] : [{ name, key }]
    })
    .sort((a, b) => (a.key[0] < b.key[0] ? -1 : a.key[0] > b.key[0] ? 1 : a.key[1] - b.key[1]))
    .map(({ name }) => name)
}
