// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a configuration names a variable
/** A configuration is whatever somebody typed, or a disk made of it. It is loaded, or its problems are told. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect } from 'vitest'
import { stringify } from 'yaml'
import { readDocument } from '../../src/config/document.ts'
import { expandTree } from '../../src/config/expand.ts'
import { parseConfig } from '../../src/config/load.ts'
import { entry } from '../../src/config/tree.ts'
import { formatDuration, parseDuration } from '../../src/duration.ts'
import { almost, anyText, holds, piecesOf } from '../fakes/properties.ts'

const SHIPPED = readFileSync(new URL('../../config.yaml', import.meta.url), 'utf8')
/** Everything of it, as if the comments' examples were meant. */
const UNCOMMENTED = SHIPPED.replaceAll(/^(\s*)# ?(?=[\s-]*[a-z_]+: )/gm, '$1')
const FULL = `
node: { id: rpi001 }
mqtt: { url: 'mqtts://broker:8883', username: u, password: p, keepalive: 30s, tls: { servername: x } }
sensors:
  - { type: bme280, bus: 1, address: 0x76, interval: 10s, metrics: { temperature: { offset: -0.4, digits: 1, median: 3 } } }
  - { id: attic, type: dht11, pin: 4, interval: 30s }
  - { id: trial, type: simulated, interval: 1s, fail_every: 20, metrics: { temperature: { shape: sine, min: 20, max: 30 } } }
gpio:
  backend: mock
  outputs: [{ pin: 17, name: LED }, { pin: 22, active_low: true, initial: last, max_on: 10m, on_disconnect: { state: off } }]
  inputs: [{ pin: 27, name: Door, debounce: 20ms, pull: up }]
topics: { sensors: "sensors/{node}", gpio: "gpio/{node}" }
outbox: { max_records: 100 }
`
const EXAMPLES = [SHIPPED, UNCOMMENTED, FULL]
const WORDS = [...new Set(FULL.match(/\w+/g))]

const env = { NAME: 'value', EMPTY: '', HOME: '/root' }

/** Loaded, or problems: each with a place in the file and words for people. */
function judge(text: string): void {
  const { config, problems, warnings } = parseConfig(text, '/etc/sensor-node/config.yaml', { env, hostname: 'pi' })
  for (const { line, column, message } of [...problems, ...warnings]) {
    expect(Number.isInteger(line) && line >= 1 && line <= text.split('\n').length).toBe(true)
    expect(Number.isInteger(column) && column >= 1).toBe(true)
    expect(message).not.toBe('')
  }
  if (config === undefined) expect(problems).not.toEqual([])
  if (config === undefined || problems.length > 0) return
  expect(config.sensors.length + config.gpio.outputs.length + config.gpio.inputs.length).toBeGreaterThan(0)
  for (const { pin } of [...config.gpio.outputs, ...config.gpio.inputs]) expect(pin >= 0 && pin <= 27).toBe(true)
  for (const topic of Object.values(config.topics)) expect(topic).toMatch(/^[^+#\0]+$/)
  expect(config.node.id).toMatch(/^[\w-]+$/)
}

holds(
  'any text is a configuration or has problems with places',
  fc.oneof(
    anyText,
    piecesOf([
      ...[
        'sensors',
        'gpio',
        ':',
        ': ',
        '- ',
        '\n',
        '\n  ',
        '[',
        ']',
        '{',
        '}',
        ',',
        '&a',
        '*a',
        '<<: ',
        '? ',
        '|',
        '>',
      ],
      ...[
        "'",
        '"',
        '#',
        ' #',
        '!!',
        '!!int ',
        '%YAML 1.2',
        '---',
        '...',
        '\t',
        '\r\n',
        '${',
        '${NAME}',
        '$${',
        '~',
        '0x',
      ],
      ...['\\', '@', '`', '\0', '\uFEFF', '\u2028', '1e999', '.inf', '-', ' '],
    ]),
  ),
  judge,
)

holds('a configuration with slips is one or has problems with places', almost(EXAMPLES), judge)

const { tree } = fc.letrec<{ tree: unknown; node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.oneof(
      fc.constantFrom<unknown>(...WORDS, '10s', '0x76', '${NAME}', '${NONE}', null, true),
      fc.jsonValue(),
      anyText,
    ),
    fc.array(tie('node'), { maxLength: 3 }),
    tie('tree'),
  ),
  tree: fc.dictionary(
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...WORDS) }, { weight: 1, arbitrary: anyText }),
    tie('node'),
    {
      maxKeys: 5,
    },
  ),
}))
holds(
  'any tree of YAML is a configuration or has problems with places',
  tree.map((value) => stringify(value)),
  judge,
)

const SECRET = 'tr0ub4dor-and-3'
holds(
  'what comes from the environment is in no message',
  fc
    .tuple(
      fc.constantFrom(...EXAMPLES),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 3 }),
    )
    .map(([text, places]) =>
      places.reduce((changed, at) => {
        const words = [...changed.matchAll(/(?<=[:[,] )[^\s{}[\],]+/g)]
        const word = words[Math.floor(at * words.length)]
        if (word === undefined) return changed
        return `${changed.slice(0, word.index)}"\${SECRET}"${changed.slice(word.index + word[0].length)}`
      }, text),
    ),
  (text) => {
    const { problems, warnings } = parseConfig(text, '/c.yaml', { env: { ...env, SECRET }, hostname: 'pi' })
    expect(JSON.stringify([problems, warnings])).not.toContain(SECRET)
  },
)

/** Pieces of a text with variables, and what each stands for. */
const variable = fc.oneof(
  fc
    .string({ maxLength: 8 })
    .map((text) => text.replaceAll('$', ''))
    .map((text) => ({ text, value: text })),
  fc.constantFrom(
    { text: '${NAME}', value: '${OTHER} $${NAME} $&' },
    { text: '${EMPTY}', value: '' },
    { text: '$${', value: '${' },
  ),
)
holds(
  'variables are replaced once, and what is in them is not looked at',
  fc.array(variable, { maxLength: 6 }),
  (parts) => {
    const text = parts.map((part) => part.text).join('')
    const { root } = readDocument(`key: ${JSON.stringify(text)}\n`)
    if (root === undefined) throw new Error('not YAML')
    const problems = expandTree(root, { NAME: '${OTHER} $${NAME} $&', EMPTY: '' })
    expect(problems).toEqual([])
    expect(entry(root, 'key')).toMatchObject({ value: parts.map(({ value }) => value).join('') })
  },
)

const TEN_YEARS_MS = 3650 * 86_400_000
holds(
  'any text is a duration or none',
  fc.oneof(anyText, almost(['500ms', '10s', '1.5h', '3650d']), piecesOf(['9', '0', '.', 's', 'm', ' '])),
  (text) => {
    const ms = parseDuration(text)
    if (ms === undefined) return
    expect(text.trim()).toMatch(/^\d+(\.\d+)?(ms|s|m|h|d)$/)
    expect(ms >= 0 && ms <= TEN_YEARS_MS).toBe(true)
  },
)

holds('a duration that is written is read as the same', fc.nat(TEN_YEARS_MS), (ms) => {
  expect(parseDuration(formatDuration(ms))).toBe(ms)
})
