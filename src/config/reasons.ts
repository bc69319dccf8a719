/** What a schema wants, in a person's words, for every rule that does not say it in its own. */
import type { z } from 'zod'
import { alternatives } from './suggest.ts'

const TYPES: Readonly<Record<string, string>> = {
  string: 'must be text',
  number: 'must be a number',
  int: 'must be a whole number',
  boolean: 'must be true or false',
  object: 'must be a section with keys of its own',
  array: 'must be a list',
}

/** An error map for zod, asked after the schema's own. Never shows the value: that is done where its source is known. */
export const reasonFor: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? `must be of type ${issue.expected}`
    case 'invalid_value':
      return `must be ${alternatives(issue.values.map(String))}`
    case 'too_small':
      return limit(issue.origin, 'at least', Number(issue.minimum), issue.inclusive !== false, 'above')
    case 'too_big':
      return limit(issue.origin, 'at most', Number(issue.maximum), issue.inclusive !== false, 'below')
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`
    case 'invalid_format':
      return 'is not written as it must be'
    default:
      return undefined
  }
}

function limit(origin: string, word: string, bound: number, inclusive: boolean, exclusive: string): string {
  const range = inclusive ? `${word} ${bound}` : `${exclusive} ${bound}`
  if (origin === 'string')
    return bound === 1 && word === 'at least' ? 'must not be empty' : `must have ${range} characters`
  return origin === 'array' ? `must have ${range} entries` : `must be ${range}`
}
