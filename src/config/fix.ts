/**
 * Guesses what was meant by a value that is wrong. A guess is only made where the schema would take it, so one
 * list of usual slips serves every kind of value.
 */
import { z } from 'zod'
import { takesText, wordsOf } from './shape.ts'
import { didYouMean, nearest } from './suggest.ts'
import type { ConfigNode, ScalarNode } from './tree.ts'

interface Guess {
  readonly value: unknown
  readonly advice: string
}

/** What to write instead; undefined where nothing comes to mind. Never tells of text from the environment. */
export function suggestValue(node: ConfigNode, schema: z.core.$ZodType | undefined): string | undefined {
  if (schema === undefined || node.kind !== 'scalar') return undefined
  if (node.expanded)
    return node.quoted && !takesText(schema) ? 'write it without quotes, on a line of its own' : undefined
  const guess = guesses(node).find(({ value }) => z.safeParse(schema, value).success)
  return (
    guess?.advice ?? (typeof node.value === 'string' ? didYouMean(nearest(node.value, wordsOf(schema))) : undefined)
  )
}

function guesses({ value, source }: ScalarNode): Guess[] {
  if (typeof value === 'string') return guessesForText(value, source)
  if (value === null) return []
  const quoted = { value: source, advice: `put it in quotes: '${source}'` }
  if (typeof value === 'boolean') return [written(value ? 'on' : 'off'), quoted]
  const level = value === 0 || value === 1 ? [written(value === 1 ? 'on' : 'off'), written(value === 1)] : []
  return [...level, quoted, written(`${source}s`)]
}

/** How people write units of time that are `ms`, `s`, `m`, `h` and `d` here. */
const UNITS: Readonly<Record<string, string>> = {
  msec: 'ms',
  millisecond: 'ms',
  sec: 's',
  second: 's',
  min: 'm',
  minute: 'm',
  hr: 'h',
  hour: 'h',
  day: 'd',
}

const YES = ['yes', 'y', 'true', 'on', '1']
const NO = ['no', 'n', 'false', 'off', '0']

function guessesForText(text: string, source: string): Guess[] {
  const plain = text.trim().toLowerCase()
  const number = /^[-+]?(0x[\da-f]+|\d+(\.\d+)?)$/.test(plain) ? Number(plain) : undefined
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/.exec(plain) ?? []
  const truth = YES.includes(plain) ? true : NO.includes(plain) ? false : undefined
  const [, scheme = '', address = ''] = /^(?:(\w+):\/\/)?(.*)$/.exec(text.trim()) ?? []
  const encrypted = ['mqtts', 'ssl', 'tls', 'https', 'wss'].includes(scheme.toLowerCase())
  return [
    ...(number === undefined ? [] : [{ value: number, advice: 'remove the quotes' }, written(`${plain}s`)]),
    ...(truth === undefined ? [] : [written(truth ? 'on' : 'off'), unquoted(truth, source)]),
    written(plain),
    ...(amount === undefined ? [] : [written(`${amount}${UNITS[unit] ?? UNITS[unit.replace(/s$/, '')] ?? unit}`)]),
    ...(address === '' ? [] : [written(`${encrypted ? 'mqtts' : 'mqtt'}://${address}`)]),
    { value: { type: plain }, advice: `did you mean type: ${plain}?` },
    ...(/[/+#]|^\W*$/.test(text) ? [] : [written(text.trim().replace(/[^A-Za-z0-9_-]+/g, '-'))]),
  ]
}

function unquoted(value: boolean, source: string): Guess {
  return { value, advice: source.slice(1, -1) === String(value) ? 'remove the quotes' : `did you mean ${value}?` }
}

function written(value: string | boolean): Guess {
  return { value, advice: `did you mean ${value}?` }
}
