/** Nothing that anybody publishes commands the terminal. */
import { expect, it } from 'vitest'
import { age } from '../../src/tools/age.ts'
import { alignedLines } from '../../src/tools/aligned.ts'
import { fitted, redrawn } from '../../src/tools/frame.ts'
import { cells, cutTo, jsonText, printable } from '../../src/tools/printable.ts'
import { createRandom } from '../fakes/random.ts'

it.each([
  ['an escape sequence', '\u001b[2Jx', '\ufffd[2Jx'],
  ['a C1 control', '\u009b2Jx', '\ufffd2Jx'],
  ['a bell, a line feed, a tab, a null', 'a\u0007b\nc\td\u0000', 'a\ufffdb\ufffdc\ufffdd\ufffd'],
  ['writing from right to left', 'a\u202eb', 'a\ufffdb'],
  ['half a character', 'a\ud800', 'a\ufffd'],
  ['no width at all', 'a\u200bb', 'a\ufffdb'],
  ['a letter and its accent', 'e\u0301', 'é'],
  ['accents without end', `a${'\u0321'.repeat(3)}`, 'a\ufffd\ufffd\ufffd'],
  ['ordinary text', '21.5 °C, Küche, 温度', '21.5 °C, Küche, 温度'],
])('%s is shown safely', (_, text, shown) => {
  expect(printable(text)).toBe(shown)
})

it('long text is cut, and says so', () => {
  expect(printable('x'.repeat(1_000_000), 10)).toBe('xxxxxxxxx…')
  expect(printable('x'.repeat(10), 10)).toBe('xxxxxxxxxx')
})

it('whatever the bytes, no control character is left', () => {
  const random = createRandom(7)
  for (let round = 0; round < 500; round += 1) {
    const text = Buffer.from(Array.from({ length: 40 }, () => random(256))).toString(
      round % 2 === 0 ? 'utf8' : 'latin1',
    )
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
    expect(printable(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
  }
})

it('wide characters take two cells, and are never cut in half', () => {
  expect(cells('温度')).toBe(4)
  expect(cutTo('温度計', 4)).toBe('温…')
  expect(cells(cutTo('温度計', 4))).toBeLessThanOrEqual(4)
  expect(cutTo('abc', 3)).toBe('abc')
  expect(cutTo('abcd', 3)).toBe('ab…')
})

it('columns stand below each other, numbers at their right', () => {
  expect(
    alignedLines(
      [
        ['温', '1', 'x'],
        ['abc', '10', ''],
      ],
      [1],
    ),
  ).toEqual(['温    1  x', 'abc  10'])
})

it('what does not fit is cut, and the last line says how much is missing', () => {
  const lines = ['one', 'two', 'three', 'four', 'five']
  expect(fitted(lines, { columns: 80, rows: 5 })).toEqual(lines)
  expect(fitted(lines, { columns: 80, rows: 3 })).toEqual(['one', 'two', '… 3 more lines'])
  expect(fitted(lines, { columns: 80, rows: 3 }, 100)).toEqual(['one', 'two', '… 98 more lines'])
  expect(fitted(lines, { columns: 4, rows: 9 })).toEqual(['one', 'two', 'th…', 'fo…', 'fi…'])
  expect(fitted(lines, { columns: 1, rows: 1 })).toHaveLength(1)
})

it('a picture is written over the one before, without clearing it first', () => {
  expect(redrawn(['a', 'b'])).toBe('\u001b[Ha\u001b[K\r\nb\u001b[K\u001b[J')
})

it.each([
  [-5000, 'now'],
  [999, 'now'],
  [42_000, '42s'],
  [60_000, '1m'],
  [3_599_000, '59m'],
  [7_200_000, '2h'],
  [86_400_000 * 12, '12d'],
])('%i ms ago is %s', (ms, text) => {
  expect(age(ms)).toBe(text)
})

it('JSON has no character that commands a terminal, and is the same to a program', () => {
  const value = { text: '\u001b[2J\u009b2J\u007f\u202e ünï 温' }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
  expect(jsonText(value)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/)
  expect(JSON.parse(jsonText(value))).toEqual(value)
  expect(jsonText(value)).toContain('ünï 温')
})
