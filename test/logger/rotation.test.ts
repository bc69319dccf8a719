import { expect, it } from 'vitest'
import { parseRotation, rotatedName, rotatedOf } from '../../src/logger/rotation.ts'

it.each([
  ['day', 'day'],
  ['10MB', { bytes: 10_000_000 }],
  ['1.5kB', { bytes: 1500 }],
  ['1MiB', { bytes: 1_048_576 }],
  ['10', undefined],
  ['0MB', undefined],
  ['hour', undefined],
  ['-1MB', undefined],
])('%s is %j', (text, rotation) => {
  expect(parseRotation(text)).toEqual(rotation)
})

it('a file that is put away has its day in its name, or the moment; a second one a number', () => {
  const at = Date.UTC(2026, 10, 21, 15, 52, 43)
  expect(rotatedName('/a.b/readings.csv', 'day', '2026-11-20', at, 0)).toBe('/a.b/readings-2026-11-20.csv')
  expect(rotatedName('/a.b/readings.csv', { bytes: 1 }, 'x', at, 2)).toBe('/a.b/readings-2026-11-21T15-52-43.2.csv')
  expect(rotatedName('/a.b/readings', 'day', '2026-11-20', at, 0)).toBe('/a.b/readings-2026-11-20')
})

it('only files that were put away are found again, oldest first', () => {
  const names = ['r-2026-01-02.10.csv', 'r-2026-01-02.csv', 'r-2026-01-02.2.csv', 'r-2026-01-01.csv']
  const others = ['r.csv', 'r-old.csv', 'r-2026-01-01.txt', 'rx-2026-01-01.csv', 'r.csv.state', 'r-2026-01-01-mine.csv']
  expect(rotatedOf('/x/r.csv', [...names, ...others])).toEqual([
    'r-2026-01-01.csv',
    'r-2026-01-02.csv',
    'r-2026-01-02.2.csv',
    'r-2026-01-02.10.csv',
  ])
})
