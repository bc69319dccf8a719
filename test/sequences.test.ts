import { expect, it } from 'vitest'
import { createSequences } from '../src/sequences.ts'

it('each has numbers of its own, from 0, without a gap', () => {
  const sequence = createSequences()
  expect([sequence('a'), sequence('b'), sequence('a'), sequence('a'), sequence('b')]).toEqual([0, 0, 1, 2, 1])
})
