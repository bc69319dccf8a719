/**
 * Property tests: a claim, what it is about, and chance. In CI the claims together are tried 100,000 times, elsewhere a
 * part of that. A failure prints its seed; PROPERTY_SEED=… repeats it.
 */
import fc from 'fast-check'
import { it } from 'vitest'

/** How often each claim is tried in CI: more where a case costs microseconds, fewer where it costs a file. */
export const CASES = {
  'any bytes on a command topic move a pin if, and only if, they are a command for it': 6000,
  'any bytes are a command or a reason why not': 20_000,
  'any bytes are a request that can be carried out, or a reason why not': 6000,
  'any bytes on the topic of requests get one answer, and only a right one does anything': 3000,
  'any topic is a command topic or none': 12_000,
  'any text is a duration or none': 10_000,
  'a duration that is written is read as the same': 6000,
  'any text is a configuration or has problems with places': 4000,
  'a configuration with slips is one or has problems with places': 600,
  'any tree of YAML is a configuration or has problems with places': 1500,
  'what comes from the environment is in no message': 300,
  'variables are replaced once, and what is in them is not looked at': 5000,
  'any names of files are channels, each quantity once': 6000,
  'any text is a number of the kernel or none': 11_000,
  'an IIO device with any contents gives finite values or a SensorError': 500,
  'any text is an answer of a thermometer or none': 9000,
  'any files of /proc and /sys give finite quantities or none': 9000,
  'any machine has a birth': 300,
  'a record is read back from the store as it was': 3000,
  'any bytes of the store are a record or none': 6000,
  'any bytes of the store are a summary, or one of nothing': 3000,
  'any manifest names tables or makes no sense': 6000,
  'any table is whole or not': 3000,
  'any file of last levels gives levels of the pins in question, or none': 300,
} as const

export type Claim = keyof typeof CASES

/** Of the cases in CI. */
const OUTSIDE_CI = 1 / 60
/** A case that takes longer counts as a hang, ms. They take less than one, on a machine with other things to do. */
const LONGEST_CASE_MS = 3000
/** Of all cases of a claim. */
const PATIENCE_MS = 240_000

/** Tries a claim; `check` throws where it does not hold. */
export function holds<T>(claim: Claim, about: fc.Arbitrary<T>, check: (value: T) => unknown): void {
  it(claim, { timeout: PATIENCE_MS }, async () => {
    const { CI, PROPERTY_SEED } = process.env
    const property = fc.asyncProperty(about, async (value) => {
      const start = performance.now()
      await check(value)
      const ms = performance.now() - start
      if (ms > LONGEST_CASE_MS) throw new Error(`took ${Math.round(ms)} ms`)
    })
    await fc.assert(property, {
      numRuns: CI === undefined ? Math.ceil(CASES[claim] * OUTSIDE_CI) : CASES[claim],
      ...(PROPERTY_SEED === undefined ? {} : { seed: Number(PROPERTY_SEED) }),
    })
  })
}

/** Bytes that nobody has thought of, some too many. */
export const anyBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 64 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1000, maxLength: 3000 }) },
)

/** Text of any characters, half a surrogate pair included. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ maxLength: 80 }),
  fc.array(fc.nat(0xffff), { maxLength: 20 }).map((units) => String.fromCharCode(...units)),
)

/** Pieces of a language in any order, and one of them over and over: what makes a careless pattern take for ever. */
export function piecesOf(pieces: readonly string[]): fc.Arbitrary<string> {
  const piece = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...pieces) }, { weight: 1, arbitrary: anyText })
  return fc.oneof(
    { weight: 4, arbitrary: fc.array(piece, { maxLength: 30 }).map((all) => all.join('')) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(piece, fc.array(piece, { minLength: 1, maxLength: 3 }), fc.nat(3000), piece)
        .map(([first, middle, times, last]) => first + middle.join('').repeat(times).slice(0, 20_000) + last),
    },
  )
}

/** Good examples with a few slips: characters taken out, put in, doubled. */
export function almost(examples: readonly string[]): fc.Arbitrary<string> {
  const slip = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    out: fc.nat(4),
    put: fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom('', '\n', '"', '{', '}', '-', '0', '9', ' ', '\0', 'é')),
  })
  return fc.tuple(fc.constantFrom(...examples), fc.array(slip, { maxLength: 4 })).map(([example, slips]) =>
    slips.reduce((text, { at, out, put }) => {
      const index = Math.floor(at * text.length)
      return text.slice(0, index) + put + text.slice(index + out)
    }, example),
  )
}
