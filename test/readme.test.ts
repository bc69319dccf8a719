/** What the documents say is true: the reference is the schema's, every YAML block loads, every script exists. */
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../src/config/load.ts'
import { configReference, requestReference } from '../src/config/reference.ts'

const path = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url))
const read = (name: string): string => readFileSync(path(name), 'utf8')

const GENERATED = [
  ['the schema', configReference],
  ['the actions', requestReference],
] as const

describe('the README', () => {
  it.each(GENERATED)('has the tables that are made from %s', (source, make) => {
    const [begin, end] = ['begin', 'end'].map(
      (word) => `<!-- generated from ${source} by \`npm run docs\`: ${word} -->`,
    )
    const text = read('README.md')
    const [before = '', rest = ''] = text.split(begin ?? '')
    const [, after = ''] = rest.split(end ?? '')
    const fresh = `${before}${begin}\n\n${make()}\n\n${end}${after}`
    if (process.env.SENSOR_NODE_WRITE === 'docs') writeFileSync(path('README.md'), fresh)
    expect(read('README.md')).toBe(fresh)
  })

  it('names only npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json'))
    const named = ['README.md', 'CONTRIBUTING.md'].flatMap((file) =>
      [...read(file).matchAll(/npm (?:run )?(\w+)/g)].map(([, script]) => script),
    )
    const own = named.filter((script) => !['install', 'ci', 'rebuild', 'packages', 'audit'].includes(script ?? ''))
    expect(own.filter((script) => scripts[script ?? ''] === undefined)).toEqual([])
    expect(own.length).toBeGreaterThan(3)
  })

  it('names only files that exist', () => {
    const links = [...read('README.md').matchAll(/\]\((?!http|#)([^)]+)\)/g)].map(([, file]) => file ?? '')
    expect(links.length).toBeGreaterThan(0)
    for (const link of links) expect(read(link)).not.toBe('')
  })
})

describe('every YAML block of the documents', () => {
  const blocks = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].flatMap((file) =>
    [...read(file).matchAll(/```ya?ml\n([\s\S]*?)```/g)].map(([, yaml]) => ({ file, yaml: yaml ?? '' })),
  )

  it('is found', () => expect(blocks.length).toBeGreaterThan(0))

  it.each(blocks)('loads, in $file', async ({ yaml }) => {
    const folder = await mkdtemp(join(tmpdir(), 'sensor-node-docs-'))
    try {
      const file = join(folder, 'config.yaml')
      await writeFile(file, yaml)
      const { config } = await loadConfig(file, { env: {}, hostname: 'rpi001' })
      expect(config.sensors.length + config.gpio.outputs.length + config.gpio.inputs.length).toBeGreaterThan(0)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
