/**
 * Every YAML block of the documents is a configuration, or a part of one, that loads, and that editors take. A part is a
 * block that lacks `sensors` or `gpio`, or is a list of sensors or rules: what it lacks is that of MINIMAL.
 */
import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { parse, parseDocument } from 'yaml'
import { parseConfig } from '../../src/config/load.ts'
import { type Block, blocksOf, PAGES, pathOf, placeOf } from './documents.ts'

const MINIMAL: Readonly<Record<string, string>> = {
  sensors: 'sensors: [{ type: bme280 }]',
  gpio: 'gpio: { outputs: [{ pin: 17 }, { pin: 22 }], inputs: [{ pin: 27 }] }',
}

const check = new Ajv({ strict: false, allErrors: true }).compile(
  JSON.parse(readFileSync(pathOf('config.schema.json'), 'utf8')),
)

const blocks = [...PAGES, 'CONTRIBUTING.md', 'CHANGELOG.md']
  .flatMap((file) => blocksOf(file))
  .filter(({ language }) => /^ya?ml$/.test(language))
const named = (some: readonly Block[]) => some.map((block) => ({ place: placeOf(block), block }))
const ours = blocks.filter(({ marks }) => !marks.has('not ours'))

/** The block, and below it what it lacks, so that its lines keep their numbers. */
function whole(text: string): string {
  const value: unknown = parse(text, { schema: 'core' })
  if (Array.isArray(value)) {
    const key = value.every((entry) => 'type' in entry) ? 'sensors' : 'rules'
    return whole(`${key}:\n${text.replace(/^/gm, '  ')}`)
  }
  const there = typeof value === 'object' && value !== null ? Object.keys(value) : []
  // A file that has either is a whole one, unless it has rules for what it does not show.
  if (there.some((key) => key in MINIMAL) && !there.includes('rules')) return text
  const lacking = Object.keys(MINIMAL).filter((key) => !there.includes(key))
  return [text, ...lacking.map((key) => MINIMAL[key])].join('\n')
}

/** What the loader has against it. A variable of the environment may have any value. */
function problems(text: string): string[] {
  const env = Object.fromEntries([...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => [name, 'value']))
  return parseConfig(whole(text), '/etc/sensor-node/config.yaml', { env, hostname: 'rpi001' }).problems.map(
    ({ line, path, message }) => `line ${line}: ${path}: ${message}`,
  )
}

describe('every YAML block of the documents', () => {
  it('is found', () => expect(ours.length).toBeGreaterThan(10))

  it.each(named(ours.filter(({ marks }) => !marks.has('wrong'))))('$place loads, and editors take it', ({ block }) => {
    expect(problems(block.text)).toEqual([])
    check(parse(whole(block.text), { schema: 'core' }))
    expect(check.errors ?? []).toEqual([])
  })

  it.each(named(ours.filter(({ marks }) => marks.has('wrong'))))('$place is refused, as it says', ({ block }) => {
    expect(problems(block.text)).not.toEqual([])
  })

  it.each(named(blocks.filter(({ marks }) => marks.has('not ours'))))('$place is YAML', ({ block }) => {
    expect(parseDocument(block.text, { logLevel: 'silent' }).errors).toEqual([])
  })

  it('is made whole by nothing that would hide what is wrong', () => {
    expect(problems('mqtt: { urll: x }')).not.toEqual([])
    expect(problems('- { type: bme281 }')).not.toEqual([])
    expect(
      problems('gpio: { outputs: [{ pin: 17 }] }\nrules: [{ when: { pin: 5, becomes: on }, then: { alert: a } }]'),
    ).not.toEqual([])
    expect(problems('- { type: bme280 }')).toEqual([])
    expect(problems('mqtt: { url: "mqtt://broker" }')).toEqual([])
  })
})
