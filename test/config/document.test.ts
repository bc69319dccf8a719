// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a configuration names a variable
import { describe, expect, it } from 'vitest'
import { readDocument } from '../../src/config/document.ts'
import { type ConfigNode, entry, items } from '../../src/config/tree.ts'
import { line } from './told.ts'

const problemsOf = (text: string): string[] => readDocument(text).problems.map(line)

function scalarOf(node: ConfigNode | undefined): unknown {
  return node?.kind === 'scalar' ? node.value : undefined
}

describe('a tree of the file', () => {
  const { root } = readDocument(
    'gpio:\n  outputs:\n    - pin: 17\n      "name": \'LED\'\n    - { pin: 0x16, initial: off }\n',
  )
  const [first, second] = items(entry(root, 'gpio', 'outputs'))

  it('knows path, line and column of every key and value', () => {
    expect(entry(first, 'pin')).toMatchObject({
      path: 'gpio.outputs[0].pin',
      key: { line: 3, column: 7 },
      at: { line: 3, column: 12 },
    })
    expect(entry(first, 'name')).toMatchObject({ source: "'LED'", quoted: true, at: { line: 4, column: 15 } })
    expect(second).toMatchObject({ path: 'gpio.outputs[1]', key: undefined, at: { line: 5, column: 7 } })
  })

  it('reads on and off as text, and 0x16 as 22', () => {
    expect(scalarOf(entry(second, 'initial'))).toBe('off')
    expect(scalarOf(entry(second, 'pin'))).toBe(22)
  })

  it('reads on and off as text even where the file asks for YAML 1.1', () => {
    const { root } = readDocument('%YAML 1.1\n---\ninitial: off\n')
    expect(scalarOf(entry(root, 'initial'))).toBe('off')
  })

  it('points at the key of an empty value', () => {
    expect(entry(readDocument('mqtt:\n  url:\n\n').root, 'mqtt', 'url')).toMatchObject({
      value: null,
      at: { line: 2, column: 3 },
    })
  })

  it('takes a key that is a number or a word of YAML for text', () => {
    expect(entry(readDocument('1: a\ntrue: b\n').root, 'true')).toMatchObject({ path: 'true', value: 'b' })
  })

  it('shows an odd key in quotes, and shortens a long one', () => {
    const { root } = readDocument(`"a b": 1\n${'k'.repeat(60)}: 1\n`)
    expect(entry(root, 'a b')?.path).toBe('["a b"]')
    expect(entry(root, 'k'.repeat(60))?.path).toHaveLength(44)
  })

  it('reads files with the line ends of Windows', () => {
    expect(entry(readDocument('a: 1\r\nb: x\r\n').root, 'b')).toMatchObject({ value: 'x', at: { line: 2, column: 4 } })
  })

  it('resolves aliases, and places a repeated value where the alias stands', () => {
    const { root, problems } = readDocument('a: &x { pin: 1 }\nb: *x\nc: &p 4\nd: *p\n')
    expect(problems).toEqual([])
    expect(entry(root, 'b', 'pin')).toMatchObject({ path: 'b.pin', value: 1, at: { line: 1, column: 14 } })
    expect(entry(root, 'd')).toMatchObject({ value: 4, at: { line: 4, column: 4 } })
  })
})

describe('what is no configuration at all', () => {
  it.each([
    ['', 'is empty'],
    ['# only a comment\n\n', 'is empty'],
    ['---\n', 'is empty'],
    ['null\n', 'is empty'],
    ['- a\n- b\n', 'must be a section of keys; it is a list'],
    ['[]', 'must be a section of keys; it is a list'],
    ['just words\n', 'must be a section of keys; it is a single value'],
    ['42', 'must be a section of keys; it is a single value'],
  ])('is told at 1:1: %j', (text, message) => {
    const { root, problems } = readDocument(text)
    expect(root).toBeUndefined()
    expect(problems).toMatchObject([
      { line: 1, column: 1, path: '', message, suggestion: expect.stringContaining('sensors:') },
    ])
  })

  it.each([
    ['[['.repeat(20_000)],
    ['- '.repeat(20_000)],
    [`a: ${'{b: '.repeat(5000)}`],
    [`a:\n${' '.repeat(9000)}b: 1`],
    [`${'a: '.repeat(20_000)}}`],
  ])('is refused, not parsed, where it nests so deeply that the parser could end the process', (text) =>
    expect(problemsOf(text)).toMatchObject([expect.stringContaining('1:1 : is nested too deeply')]),
  )
})

describe('what is no YAML', () => {
  it.each([
    ['gpio:\n\toutputs: []\n', '2:1', 'a tab can not indent'],
    ['a: 1\n b: 2\n', '1:4', 'a key begins where a value stands'],
    ['mqtt:\n  url: abc: def\n', '2:8', 'a key begins where a value stands'],
    ['a: 1\n---\nb: 2\n', '2:1', 'a second document begins here'],
    ['a: 1\n...\nb: 2\n', '3:1', 'a second document begins here'],
    ['a: "x\\q"\n', '1:6', 'a backslash between double quotes'],
    ['a: @foo\n', '1:4', 'text can not begin with this character'],
    ['a: `foo`\n', '1:4', 'text can not begin with this character'],
    ["a: 'x' y\n", '1:8', 'this does not belong here'],
    ['a: b\nfoo\n', '2:1', 'something is missing'],
    ["a: 1\nb: 'never\nc: 2\n", '2:4', 'the quote or bracket that begins here is never closed'],
    ['a: 1\nb: [1,\nc: 2\n', '2:4', 'the quote or bracket that begins here is never closed'],
    ['a: 1\nb: {c: 1\nd: 2\n', '2:4', 'the quote or bracket that begins here is never closed'],
    ['a: !secret foo\n', '1:4', 'text that begins with ! is a tag'],
    ['%FOO bar\n---\na: 1\n', '1:1', 'a line that begins with %'],
    ['a: 1\nb:\n  - 1\n c: 2\n', '4:1', 'the indentation does not fit'],
  ])('is told with its place and a remedy: %j', (text, place, message) => {
    const [first = ''] = problemsOf(text)
    expect(first).toContain(`${place} : ${message}`)
    expect(first).toMatch(/\(.+\)$/)
  })

  it.each(['a: { pin: ${PIN} }\n', 'a: [ gpio/{node} ]\n', 'a: {node}/x\n'])(
    'advises quotes where braces are in the way: %s',
    (text) => {
      expect(problemsOf(text)[0]).toContain("put quotes around text with { and }: '${NAME}', 'gpio/{node}'")
    },
  )

  it('tells of every line that is wrong, once', () => {
    expect(problemsOf('a: @x\nb: 1\nc: %y\n')).toMatchObject([
      expect.stringMatching(/^1:4/),
      expect.stringMatching(/^3:4/),
    ])
  })

  it('never shows what stands there, which may be a password', () => {
    const broken = [
      'a: |hunter2\n x',
      'a: !hunter2 x',
      'a: *hunter2',
      'a: "x" hunter2',
      'a: "\\hunter2"',
      "a: 'hunter2",
      'a: @hunter2',
      '%hunter2\n---\na: 1',
      'a: &hunter2 *x',
    ]
    for (const text of broken) {
      expect(problemsOf(text), text).not.toEqual([])
      expect(problemsOf(text).join(), text).not.toContain('hunter2')
    }
  })
})

describe('keys and aliases', () => {
  it('reports a key that stands twice at the second, with the place of the first, and goes on', () => {
    const { root, problems } = readDocument('a:\n  x: 1\n  "x": 2\n  x: 3\nb: 1\n')
    expect(problems.map(line)).toEqual([
      '3:3 a.x: stands twice, first at 2:3 (remove one of them)',
      '4:3 a.x: stands twice, first at 2:3 (remove one of them)',
    ])
    expect(entry(root, 'a', 'x')).toMatchObject({ value: 1 })
    expect(entry(root, 'b')).toMatchObject({ value: 1 })
  })

  it.each(['? [a]\n: 1\n', ': 1\n', '{a: 1}: 2\n', 'x: &k y\n*k : 1\n'])(
    'refuses a key that is no word: %j',
    (text) => {
      expect(problemsOf(text).join()).toContain('a key must be a word')
    },
  )

  it('refuses an alias without an anchor, at the alias', () => {
    expect(problemsOf('a: 1\nb: *nobody\n')[0]).toContain('2:4 b: text that begins with * stands for an anchor')
  })

  it('refuses an alias to what it stands in', () => {
    expect(problemsOf('a: &a\n  - *a\n')).toEqual([
      '2:5 a[0]: is an alias for what it stands in (write the values out)',
    ])
  })

  it('stops where aliases multiply', () => {
    const laughs = Array.from({ length: 12 }, (_, level) => {
      const below =
        level === 0
          ? '1'
          : Array(10)
              .fill(`*l${level - 1}`)
              .join(', ')
      return `k${level}: &l${level} [${below}]`
    })
    expect(problemsOf(laughs.join('\n')).join()).toContain('aliases multiply the file beyond 20000 values')
  })

  it('takes __proto__ for a key like any other', () => {
    expect(entry(readDocument('__proto__: 1\n').root, '__proto__')).toMatchObject({ value: 1 })
  })
})
