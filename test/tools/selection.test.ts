/** Which rows a person has asked for. */
import { describe, expect, it } from 'vitest'
import { parseSelection } from '../../src/tools/selection.ts'

const ALL = [
  { node: 'fridge', metric: 'temperature' },
  { node: 'fridge', sensor: 'shelf', metric: 'temperature' },
  { node: 'fridge', sensor: 'shelf', metric: 'humidity' },
  { node: 'fridge', metric: 'gpio 17' },
  { node: 'fridge' },
  { node: 'fridge', sensor: 'shelf' },
  { node: 'fridge2', sensor: 'attic', metric: 'temperature' },
  { node: 'attic', metric: 'co2' },
]

describe('what is asked for', () => {
  const found = (...patterns: string[]): number[] => {
    const chosen = parseSelection(patterns)
    return ALL.flatMap((one, index) => (chosen?.has(one) === true ? [index] : []))
  }

  it.each([
    [['fridge'], [0, 1, 2, 3, 4, 5]],
    [['attic'], [6, 7]],
    [['shelf'], [1, 2, 5]],
    [['fridge/*'], [0, 1, 2, 3, 4, 5]],
    [['fridge*'], [0, 1, 2, 3, 4, 5, 6]],
    [['fridge?'], [6]],
    [['fridge/shelf'], [1, 2, 4, 5]],
    [['fridge/temperature'], [0, 4]],
    [['fridge/shelf/temperature'], [1, 4, 5]],
    [['*/*/temperature'], [1, 4, 5, 6]],
    [['fridge/gpio*'], [3, 4]],
    [['+/shelf/#'], [1, 2, 4, 5]],
    [['#'], [0, 1, 2, 3, 4, 5, 6, 7]],
    [
      ['fridge2', 'attic/co2'],
      [6, 7],
    ],
    [['f.idge', 'FRIDGE', '.*'], []],
  ])('by %j is %j', (patterns, expected) => {
    expect(found(...patterns)).toEqual(expected)
  })

  it.each([[['']], [['a//b']], [['/a']], [['a/b/c/d']], [['attic', '']]])(
    'in %j is nothing that could be',
    (patterns) => {
      expect(parseSelection(patterns)).toBeUndefined()
    },
  )

  it('may come from a sensor of which one metric is wanted, and from no other', () => {
    const chosen = parseSelection(['fridge/shelf/temperature', 'attic'])
    expect(chosen?.mayHave('fridge', 'shelf')).toBe(true)
    expect(chosen?.mayHave('n1', 'attic')).toBe(true)
    expect(chosen?.mayHave('fridge', 'door')).toBe(false)
    expect(chosen?.mayHave('n1', undefined)).toBe(false)
  })
})
