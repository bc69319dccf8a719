import { describe, expect, it } from 'vitest'
import { type Command, parseCommand } from '../src/command.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const refusal = (payload: Uint8Array): string => {
  const parsed = parseCommand(payload)
  return 'refusal' in parsed ? parsed.refusal : `not refused: ${JSON.stringify(parsed.command)}`
}

const words: [string, Command['state']][] = [
  ['on', 'on'],
  ['1', 'on'],
  ['true', 'on'],
  ['high', 'on'],
  ['off', 'off'],
  ['0', 'off'],
  ['false', 'off'],
  ['low', 'off'],
  ['toggle', 'toggle'],
]

describe('a word', () => {
  it.each(words)('%s is understood in any case, with blanks around it, and as the state of JSON', (word, state) => {
    const capital = word.slice(0, 1).toUpperCase() + word.slice(1)
    const mixed = [...word].map((letter, index) => (index % 2 === 0 ? letter : letter.toUpperCase())).join('')
    const variants = [word, word.toUpperCase(), capital, mixed].flatMap((text) => [
      ...[text, ` ${text} `, `\t${text}\r\n`, `\uFEFF${text}`],
      ...[JSON.stringify({ state: text }), ` {"state" : " ${text} "}\n`],
    ])
    for (const text of variants) expect([text, parseCommand(bytes(text))]).toEqual([text, { command: { state } }])
  })

  it.each<[string, Uint8Array]>([
    ['that is none', bytes('dance')],
    ['that only begins like one', bytes('one')],
    ['twice', bytes('on on')],
    ['in two parts', bytes('o n')],
    ['in quotes', bytes('"on"')],
    ['in single quotes', bytes("'on'")],
    ['with a NUL behind it', bytes('on\0')],
    ['with a NUL before it', bytes('\0on')],
    ['that is another number', bytes('2')],
    ['that is a longer number', bytes('01')],
    ['that is a number with decimals', bytes('1.0')],
    ['that is negative', bytes('-1')],
    ['in full-width letters', bytes('ｏｎ')],
    ['that an object has by nature', bytes('constructor')],
    ['that every object has by nature', bytes('__proto__')],
    ['with a full stop', bytes('on.')],
    ['in a list', bytes('["on"]')],
    ['null', bytes('null')],
    ['that ends in half a character', new Uint8Array([0x6f, 0x6e, 0xe2, 0x82])],
    ['in UTF-16', new Uint8Array([0x6f, 0x00, 0x6e, 0x00])],
  ])('%s is refused', (_, payload) => {
    expect(refusal(payload)).toMatch(/^the command (must be one of on, off, toggle|is not text$)/)
  })
})

describe('what is no command', () => {
  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'the command is empty; send one of '],
    ['blanks', bytes(' \t\r\n'), 'the command is empty; send one of '],
    ['bytes that are no UTF-8', new Uint8Array([0xff, 0xfe, 0x00]), 'the command is not text'],
    ['a megabyte', new Uint8Array(1_000_000), 'a command has at most 1024 bytes; this one is longer'],
    [
      'a word behind a kilobyte of blanks',
      bytes(`${' '.repeat(1023)}on`),
      'a command has at most 1024 bytes; this one is longer',
    ],
    [
      'JSON that breaks off',
      bytes('{"state":"on"'),
      'the command is not valid JSON; it may look like {"state":"on","for":"5s"}',
    ],
    ['JSON with something behind it', bytes('{"state":"on"} off'), 'the command is not valid JSON'],
    ['JSON with single quotes', bytes("{'state':'on'}"), 'the command is not valid JSON'],
    [
      'JSON that nests deeply',
      bytes(`{"state":${'['.repeat(500)}${']'.repeat(500)}}`),
      '"state" must be one of on, off',
    ],
    ['JSON with many deep levels of objects', bytes('{"a":'.repeat(200)), 'the command is not valid JSON'],
  ])('%s is refused', (_, payload, expected) => {
    expect(refusal(payload).startsWith(expected)).toBe(true)
  })

  it('a command of exactly 1024 bytes is read', () => {
    expect(parseCommand(bytes(`on${' '.repeat(1022)}`))).toEqual({ command: { state: 'on' } })
  })
})

describe('JSON', () => {
  it.each<[string, Command]>([
    ['{"state":true}', { state: 'on' }],
    ['{"state":false}', { state: 'off' }],
    ['{"state":1}', { state: 'on' }],
    ['{"state":0}', { state: 'off' }],
    ['{"state":"on","for":"5s"}', { state: 'on', forMs: 5000 }],
    ['{"for":"500ms","state":"OFF"}', { state: 'off', forMs: 500 }],
    ['{"state":"toggle","for":"1.5h"}', { state: 'toggle', forMs: 5_400_000 }],
    ['{"state":"on","for":"60d"}', { state: 'on', forMs: 5_184_000_000 }],
    ['{"state":"on","state":"off"}', { state: 'off' }], // the last of two, as every parser of JSON in use does
    ['{"\\u0073tate":"on"}', { state: 'on' }],
  ])('%s is understood', (text, command) => {
    expect(parseCommand(bytes(text))).toEqual({ command })
  })

  const STATE = '"state" must be one of on, off, toggle'
  it.each([
    '{}',
    '{"state":null}',
    '{"state":2}',
    '{"state":1.5}',
    '{"state":""}',
    '{"state":"dance"}',
    '{"state":["on"]}',
    '{"state":{"state":"on"}}',
    '{"for":"5s"}',
    '{"state":"constructor"}',
    '{"State":"on"}',
  ])('%s is refused for its state', (text) => {
    expect(refusal(bytes(text))).toContain(STATE)
  })

  it.each([
    '"0s"',
    '"-1s"',
    '5',
    '"5"',
    'null',
    '"1e9d"',
    '""',
    '"5 s"',
    '"5S"',
    '"s"',
    '"forever"',
    '{}',
    '["5s"]',
    'true',
    '"5000d"',
    '"Infinitys"',
    '"0.0s"',
  ])('for: %s is refused', (text) => {
    const words = refusal(bytes(`{"state":"on","for":${text}}`))
    expect(words).toMatch(/^"for" must be a duration above 0/)
    expect(words).not.toContain('"state"')
  })

  it.each([
    ['{"state":"on","fro":"5s"}', '"fro"'],
    ['{"state":"on","ID":"x"}', '"ID"'],
    ['{"state":"on","__proto__":{"for":"5s"}}', '"__proto__"'],
    ['{"state":"on","constructor":1}', '"constructor"'],
    ['{"state":"on","a":1,"b":2}', '"a", "b"'],
    ['{"state":"on","":1}', '""'],
    ['{"state":"on","a\\nb":1}', '"a\\nb"'],
    [`{"state":"on","${'x'.repeat(500)}":1}`, `"${'x'.repeat(32)}"`],
  ])('%s is refused for the key that it does not know', (text, keys) => {
    expect(refusal(bytes(text))).toBe(`unknown key ${keys}; there are "state", "for", "id", "ts", "ttl"`)
  })

  it('tells everything that is wrong at once', () => {
    const words = refusal(bytes('{"state":"dance","for":5,"x":1}'))
    expect(words).toContain('"state" must be')
    expect(words).toContain('"for" must be')
    expect(words).toContain('unknown key "x"')
  })

  it('leaves no trace on the prototype of objects', () => {
    parseCommand(bytes('{"state":"on","__proto__":{"state":"off","forMs":1}}'))
    expect('forMs' in {}).toBe(false)
  })
})

describe('any bytes at all', () => {
  it('are parsed or refused, never thrown at', () => {
    let state = 3
    for (let times = 0; times < 2000; times += 1) {
      const payload = Uint8Array.from({ length: times % 40 }, () => {
        state = (state * 48271) % 2147483647 // Park and Miller's generator
        return state % 256
      })
      const parsed = parseCommand(payload)
      expect('refusal' in parsed ? parsed.refusal.length : 1).toBeGreaterThan(0)
    }
  })
})

describe('what else JSON may say', () => {
  const AT = '2026-01-31T12:00:00Z'
  it.each<[string, object]>([
    ['{"state":"on","id":"a-1"}', { command: { state: 'on' }, id: 'a-1' }],
    ['{"state":"on","id":42}', { command: { state: 'on' }, id: 42 }],
    [`{"state":"on","ts":"${AT}"}`, { command: { state: 'on' } }],
    [
      `{"state":"on","ts":"${AT}","ttl":"10s"}`,
      { command: { state: 'on' }, validity: { at: Date.parse(AT), ttlMs: 10_000 } },
    ],
    [
      '{"state":"off","for":"5s","id":"x","ts":"2026-01-31T14:00:00.250+02:00","ttl":"1m"}',
      { command: { state: 'off', forMs: 5000 }, id: 'x', validity: { at: Date.parse(AT) + 250, ttlMs: 60_000 } },
    ],
  ])('%s is understood', (text, parsed) => {
    expect(parseCommand(bytes(text))).toEqual(parsed)
  })

  it.each([
    ['{"state":"on","ttl":"10s"}', '"ttl" needs "ts" beside it'],
    [`{"state":"on","ts":"${AT}","ttl":"0s"}`, '"ttl" must be a duration above 0'],
    [`{"state":"on","ts":"${AT}","ttl":10}`, '"ttl" must be a duration above 0'],
    ['{"state":"on","ts":"yesterday"}', '"ts" must be a time with its zone'],
    ['{"state":"on","ts":"2026-01-31T12:00:00"}', '"ts" must be a time with its zone'],
    ['{"state":"on","ts":1769860800}', '"ts" must be a time with its zone'],
    ['{"state":"on","ts":"2026-02-30T12:00:00Z"}', '"ts" must be a time with its zone'],
    ['{"state":"on","id":""}', '"id" must be a text of 1 to 128 characters'],
    [`{"state":"on","id":"${'x'.repeat(129)}"}`, '"id" must be a text of 1 to 128 characters'],
    ['{"state":"on","id":1.5}', '"id" must be a text'],
    ['{"state":"on","id":null}', '"id" must be a text'],
    ['{"state":"on","id":{"a":1}}', '"id" must be a text'],
  ])('%s is refused', (text, words) => {
    expect(refusal(bytes(text))).toContain(words)
  })

  it.each([
    ['{"state":"dance","id":"a"}', 'a'],
    ['{"id":7}', 7],
    ['{"state":"on","id":"a","what":1}', 'a'],
    ['{"state":"on","id":"a","ttl":"10s"}', 'a'],
  ])('%s is refused, and who sent it can be told', (text, id) => {
    expect(parseCommand(bytes(text))).toMatchObject({ id, refusal: expect.any(String) })
  })

  it.each(['{"state":"dance","id":[]}', '{"state":"on","id":""}', '[{"id":"a"}]', 'on'])('%s has no id', (text) => {
    expect(parseCommand(bytes(text)).id).toBeUndefined()
  })
})
