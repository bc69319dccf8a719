import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { CASES } from '../fakes/properties.ts'

it('there are 100,000 cases in CI, or more', () => {
  const all = Object.values(CASES).reduce((sum, cases) => sum + cases, 0)
  expect(all).toBeGreaterThanOrEqual(100_000)
})

it('every claim is tried, once', () => {
  const tests = readdirSync(import.meta.dirname).map((name) => readFileSync(`${import.meta.dirname}/${name}`, 'utf8'))
  const tried = tests.flatMap((text) => [...text.matchAll(/holds\(\s*'([^']+)'/g)].map(([, claim]) => claim))
  expect(tried.toSorted()).toEqual(Object.keys(CASES).toSorted())
})
