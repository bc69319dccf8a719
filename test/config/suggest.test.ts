import { describe, expect, it } from 'vitest'
import { alternatives, didYouMean, enumeration, nearest } from '../../src/config/suggest.ts'

describe('the nearest words', () => {
  it.each([
    ['intervall', ['interval']],
    ['clientId', ['client_id']],
    ['CLIENT-ID', ['client_id']],
    ['clent_id', ['client_id']],
    ['idd', ['id']],
    ['tpye', ['type']],
    ['mix', ['min', 'max']],
    ['min', ['min']],
    ['host', []],
    ['x', []],
    ['', []],
  ])('to %s are %j', (word, expected) => {
    expect(nearest(word, ['interval', 'client_id', 'id', 'type', 'min', 'max'])).toEqual(expected)
  })

  it('are none among none', () => expect(nearest('type', [])).toEqual([]))
})

it('lists words as people do', () => {
  expect(alternatives(['a', 'b', 'c'])).toBe('a, b or c')
  expect(enumeration(['a', 'b'])).toBe('a and b')
  expect(enumeration(['a'])).toBe('a')
  expect(enumeration([])).toBe('')
  expect(didYouMean(['min', 'max'])).toBe('did you mean min or max?')
  expect(didYouMean([])).toBeUndefined()
})
