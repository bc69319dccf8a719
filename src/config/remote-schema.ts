/** The part of the schema that says which requests over MQTT are answered. */
import { z } from 'zod'
import { ACTION_NAMES } from '../requests/index.ts'
import { alternatives } from './suggest.ts'
import { list } from './values.ts'

const error = 'must be true, false, or a section with actions'

const allowed = z
  .strictObject(
    {
      actions: list(z.enum(ACTION_NAMES, { error: `must be ${alternatives(ACTION_NAMES)}` })).describe(
        'Instead of a word: these requests only.',
      ),
    },
    { error },
  )
  .optional()

const wordToSection = (value: unknown): unknown =>
  value === true ? { actions: ACTION_NAMES } : value === false ? undefined : value

/** `true` for all actions, `false` for none, or the list of those that are answered; undefined for none. */
export const remote = z
  .preprocess(wordToSection, allowed)
  .meta({ orFlag: true })
  .prefault(false)
  .describe('`true`: requests on `devices/<node>/request` are answered; `false`: that topic is not even subscribed to.')
