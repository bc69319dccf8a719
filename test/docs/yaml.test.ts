/**
 * Every YAML block of the documents is a configuration, or a part of one, that loads, and that editors take. A part is a
 * block that lacks `sensors` or `gpio`, or is a list of sensors or rules: what it lacks is that of `whole`.
 */
import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { parse, parseDocument } from 'yaml'
import { parseConfig } from '../../src/config/load.ts'
import { type Block, blocksOf, PAGES, pathOf, placeOf, whole } from './documents.ts'

const check = new Ajv({ strict: false, allErrors: true }).compile(
  JSON.parse(readFileSync(pathOf('config.schema.json'), 'utf8')),
)

const blocks = [...PAGES, 'CONTRIBUTING.md', 'CHANGELOG.md']
  .flatMap((file) => blocksOf(file))
  .filter(({ language }) => /^ya?ml$/.test(language))
const named = (some: readonly Block[]) => some.map((block) => ({ place: placeOf(block), block }))
const ours = blocks.filter(({ marks }) => !marks.has('not ours'))

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
