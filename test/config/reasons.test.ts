import { expect, it } from 'vitest'
import { z } from 'zod'
import { reasonFor } from '../../src/config/reasons.ts'

it.each([
  [z.string(), 5, 'must be text'],
  [z.string().min(1), '', 'must not be empty'],
  [z.string().min(3), 'ab', 'must have at least 3 characters'],
  [z.string().max(3), 'abcd', 'must have at most 3 characters'],
  [z.string().regex(/x/), 'y', 'is not written as it must be'],
  [z.number(), 'x', 'must be a number'],
  [z.number(), Number.NaN, 'must be a number'],
  [z.int(), 1.5, 'must be a whole number'],
  [z.number().min(3), 2, 'must be at least 3'],
  [z.number().positive(), 0, 'must be above 0'],
  [z.number().lt(3), 3, 'must be below 3'],
  [z.number().multipleOf(5), 3, 'must be a multiple of 5'],
  [z.boolean(), 'on', 'must be true or false'],
  [z.array(z.number()), {}, 'must be a list'],
  [z.array(z.number()).min(1), [], 'must have at least 1 entries'],
  [z.object({}), [], 'must be a section with keys of its own'],
  [z.enum(['a', 'b', 'c']), 'd', 'must be a, b or c'],
  [z.literal(5), 6, 'must be 5'],
  [z.string({ error: 'its own words' }), 5, 'its own words'],
])('a rule without words of its own gets a person’s: %#', (schema, value, reason) => {
  expect(schema.safeParse(value, { error: reasonFor }).error?.issues[0]?.message).toBe(reason)
})
