/**
 * A duration as a type of the configuration. Apart from the other value types because sensor types use it in their own
 * options, and from `duration.ts` because the command line needs no schema.
 */
import { z } from 'zod'
import { parseDuration } from './duration.ts'

const MESSAGE = 'must be a duration with its unit, such as 500ms, 10s, 5m, 2h or 7d'

/** A duration in the file, milliseconds in the program. */
export const duration = () =>
  z
    .string({ error: MESSAGE })
    .meta({ pattern: '^\\s*\\d+(\\.\\d+)?(ms|s|m|h|d)\\s*$', patternErrorMessage: MESSAGE }) // for editors
    .transform((text, context) => {
      const ms = parseDuration(text)
      if (ms !== undefined) return ms
      context.addIssue(`${MESSAGE}, and at most 3650d`)
      return z.NEVER
    })

/** A duration above 0. */
export const positiveDuration = () => duration().refine((ms) => ms > 0, 'must be longer than 0')
