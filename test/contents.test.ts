/** What the small files of the agent may hold: the very things that the library of schemas would take. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Contents, count, listOf, number, oneOf, PIN_KEY, section, tableOf, text } from '../src/contents.ts'

const level = oneOf(0, 1)
const KINDS: [string, Contents<unknown>, z.ZodType][] = [
  ['text', text, z.string()],
  ['a number', number, z.number()],
  ['a count', count, z.int().min(0)],
  ['a level', level, z.union([z.literal(0), z.literal(1)])],
  ['true alone', oneOf(true), z.literal(true)],
  ['a list', listOf(text), z.array(z.string())],
  ['a table', tableOf(number), z.record(z.string(), z.number())],
  ['a table by pin', tableOf(count, PIN_KEY), z.record(z.string().regex(/^\d{1,2}$/), z.int().min(0))],
  [
    'a section',
    section({ a: text, b: tableOf(level) }, { c: number, d: section({ e: count }, {}) }),
    z.object({
      a: z.string(),
      b: z.record(z.string(), z.union([z.literal(0), z.literal(1)])),
      c: z.number().optional(),
      d: z.object({ e: z.int().min(0) }).optional(),
    }),
  ],
]

const leaf = fc.oneof(
  fc.constantFrom(
    0,
    1,
    -1,
    2,
    0.5,
    1e300,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    2 ** 53,
    -0,
    true,
    false,
    null,
    '',
    'a',
    '17',
    [],
    {},
  ),
  fc.constantFrom(0, 1, true, false), // what most kinds are about: seldom among all of the above
  fc.string(),
  fc.double({ noNaN: true }),
)
const key = fc.oneof(fc.constantFrom('a', 'b', 'c', 'd', 'e', '0', '17', '170', 'constructor'), fc.string())
const own = fc.record(
  { a: leaf, b: fc.dictionary(key, leaf), c: leaf, d: fc.oneof(leaf, fc.record({ e: leaf }, { requiredKeys: [] })) },
  { requiredKeys: [] },
)
/** What a section takes, but for the odd number: chance alone makes hardly any. */
const whole = fc.record(
  {
    a: fc.string(),
    b: fc.dictionary(key, fc.constantFrom(0, 1)),
    c: fc.double(),
    d: fc.record({ e: fc.integer({ min: -1, max: 3 }) }),
  },
  { requiredKeys: ['a', 'b'] },
)
const anything = fc.oneof(leaf, fc.array(leaf), fc.dictionary(key, leaf), own, whole)

describe('the contents of a small file', () => {
  it.each(KINDS)('%s: what a schema takes is taken, and nothing else', (_, contents, schema) => {
    let good = 0
    fc.assert(
      fc.property(anything, (value) => {
        const expected = schema.safeParse(value).success
        if (expected) good += 1
        expect(contents(value)).toBe(expected)
      }),
      { numRuns: 2000 },
    )
    expect(good).toBeGreaterThan(0)
  })

  it.each([[undefined], [() => 1], [Number.NaN], [Symbol('a')]])('%o, which no JSON has, is nothing of it', (value) => {
    for (const [, contents] of KINDS) expect(contents(value)).toBe(false)
  })

  it('what another version has beside it does not matter', () => {
    expect(section({ a: text }, {})({ a: 'x', later: [1] })).toBe(true)
  })

  it('a key that every object inherits is not there', () => {
    expect(section({ constructor: text }, {})({})).toBe(false)
    expect(section({}, { toString: text })({})).toBe(true)
  })
})
