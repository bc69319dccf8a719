/** Sizes as people write them, `64MB`, as a type of the configuration. Decimal, as disks are sold. */
import { z } from 'zod'

const UNIT_BYTES = { B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9 } as const
const SIZE = /^(\d+(?:\.\d+)?) ?(B|kB|KB|MB|GB)$/

const MESSAGE = 'must be a size with its unit, such as 500kB, 64MB or 1GB'

/** A size in the file, bytes in the program. */
export function size(min: string, max: string) {
  return z
    .string({ error: MESSAGE })
    .meta({ pattern: '^\\s*\\d+(\\.\\d+)? ?(B|kB|KB|MB|GB)\\s*$', patternErrorMessage: MESSAGE }) // for editors
    .transform((text, context) => {
      const bytes = parseSize(text)
      if (bytes === undefined) context.addIssue(MESSAGE)
      else if (bytes < (parseSize(min) ?? 0)) context.addIssue(`must be at least ${min}`)
      else if (bytes > (parseSize(max) ?? 0)) context.addIssue(`must be at most ${max}`)
      else return bytes
      return z.NEVER
    })
}

function parseSize(text: string): number | undefined {
  const [, amount, unit] = SIZE.exec(text.trim()) ?? []
  if (amount === undefined || unit === undefined) return undefined
  return Math.round(Number(amount) * UNIT_BYTES[unit as keyof typeof UNIT_BYTES]) // the pattern lists the keys
}
