/** What a configuration came to, kept for the next start: when it is taken, and that it is what a fresh look would give. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { createConfigMemo } from '../../src/cli/config-memo.ts'
import { type LoadEnv, type Loaded, loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/errors.ts'
import { blocksOf, PAGES, placeOf, textOf, whole } from '../docs/documents.ts'

const TEXT = 'gpio: { outputs: [{ pin: 17 }] }\n'
const HERE: LoadEnv = { env: {}, hostname: 'rpi001' }

let folder: string
let place: string
let program: string
let file: string
let memo: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sensor-node-memo-'))
  place = join(folder, 'cache')
  program = join(folder, 'program')
  file = join(folder, 'config.yaml')
  memo = join(place, 'config.memo')
  mkdirSync(place, { mode: 0o750 })
  mkdirSync(program)
  writeFileSync(join(program, 'main.js'), '// 1')
  writeFileSync(file, TEXT)
})
afterEach(() => rmSync(folder, { recursive: true }))

interface Life {
  readonly config: Loaded['config']
  readonly warnings: Loaded['warnings']
  readonly told: string
}

/** One life: what it loads, and what is told of it after it was kept. @throws ConfigError */
async function live(env = HERE): Promise<Life> {
  const kept = createConfigMemo({ place, program, usable: true })
  const { config, warnings } = await kept.load(file, env)
  return { config, warnings, told: await kept.keep() }
}

/** Two lives; the second is as if there were no memo. */
async function twice(env = HERE): Promise<string> {
  await live(env)
  const { told, config, warnings } = await live(env)
  const fresh = await loadConfig(file, env)
  expect({ config, warnings }).toStrictEqual({ config: fresh.config, warnings: fresh.warnings })
  expect(isDeepStrictEqual(config, fresh.config)).toBe(true)
  return told
}

describe('a configuration', () => {
  it('is looked at once, and kept for the next start', async () => {
    expect((await live()).told).toBe('not there, kept')
    expect(statSync(memo).mode & 0o777).toBe(0o600)
    expect(await twice()).toBe('used')
  })

  it('is taken where a link in the folder of the program leads nowhere', async () => {
    symlinkSync(join(folder, 'nowhere.js'), join(program, 'link.js'))
    expect(await twice()).toBe('used')
    writeFileSync(join(folder, 'nowhere.js'), '// now there')
    expect((await live()).told).toBe('of another program or Node.js, kept')
  })

  it('is written once, and not where it was used', async () => {
    await live()
    const { ino } = statSync(memo)
    const kept = createConfigMemo({ place, program, usable: true })
    await kept.load(file, HERE)
    await kept.keep()
    await kept.keep()
    expect(statSync(memo).ino).toBe(ino)
  })

  it('as it is shipped is the same from the memo', async () => {
    writeFileSync(file, textOf('config.yaml'))
    expect(await twice()).toBe('used')
  })

  const blocks = PAGES.flatMap((page) => blocksOf(page)).filter(
    ({ language, marks }) => /^ya?ml$/.test(language) && !marks.has('not ours') && !marks.has('wrong'),
  )
  it.each(blocks.map((block) => ({ place: placeOf(block), block })))('of $place is the same', async ({ block }) => {
    const names = [...block.text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name)
    const env = Object.fromEntries(names.map((name) => [name, 'value']))
    for (const [, name = ''] of block.text.matchAll(
      /(?:ca|cert|key|password_file): ["']?(?:\/etc\/sensor-node\/)?([\w.-]+)/g,
    ))
      writeFileSync(join(folder, name), 'x', { mode: 0o600 })
    writeFileSync(file, whole(block.text).replaceAll('/etc/sensor-node', folder))
    const told = await twice({ ...HERE, env })
    const ours = names.length === 0 && !/^\s*password:/m.test(block.text)
    expect(told).toBe(ours ? 'used' : 'not there, not kept: it is not for a disk')
  })

  it('of any sensors, pins and numbers is the same', async () => {
    const value = fc.double({ noDefaultInfinity: true, noNaN: true, min: -1e9, max: 1e9 })
    const some = fc.record(
      { scale: value, offset: value, digits: fc.integer({ min: 0, max: 10 }), median: fc.integer({ min: 1, max: 99 }) },
      { requiredKeys: [] },
    )
    const sensor = fc.record({ metrics: fc.record({ temperature: some, humidity: some }, { requiredKeys: [] }) })
    const config = fc.record({
      sensors: fc.array(sensor, { maxLength: 5 }),
      outputs: fc.uniqueArray(fc.integer({ min: 0, max: 27 }), { minLength: 1 }),
      // A name may hold anything but what would stand for a variable.
      name: fc.string({ minLength: 1, maxLength: 60 }).map((name) => name.replaceAll('$', '€')),
    })
    await fc.assert(
      fc.asyncProperty(config, async ({ sensors, outputs, name }) => {
        const pins = outputs.map((pin) => ({ pin, name }))
        const typed = sensors.map((one, index) => ({ id: `s${index}`, type: 'simulated', ...one }))
        writeFileSync(file, stringify({ sensors: typed, gpio: { backend: 'mock', outputs: pins } }))
        expect(await twice()).toBe('used')
      }),
      { numRuns: 30 },
    )
  })
})

describe('it is looked at anew', () => {
  const anew = 'of another program or Node.js, kept'

  it('where the text is another, be it as long and as old', async () => {
    await live()
    const { atime, mtime } = statSync(file)
    writeFileSync(file, TEXT.replace('17', '18'))
    utimesSync(file, atime, mtime)
    const { told, config } = await live()
    expect([told, config.gpio.outputs[0]?.pin]).toEqual([anew, 18])
  })

  it('where only a comment is another: warnings have places', async () => {
    await live()
    writeFileSync(file, `# more\n${TEXT}`)
    expect((await live()).told).toBe(anew)
  })

  it.each<[string, LoadEnv]>([
    ['the host has another name', { env: {}, hostname: 'rpi002' }],
    [
      'the kernel has given a pin to something else',
      { ...HERE, overlays: { owners: [{ kind: 'w1', name: '1-Wire', pins: [4], source: 'kernel' }], boot: undefined } },
    ],
    ['nothing of the machine counts', { ...HERE, overlays: { owners: [], boot: undefined } }],
    ['relative paths begin elsewhere', { ...HERE, folder: '/srv' }],
  ])('where %s', async (_, env) => {
    await live()
    expect((await live(env)).told).toBe(anew)
    expect(await twice(env)).toBe('used')
  })

  it('where the file is another of the same text', async () => {
    await live()
    file = join(folder, 'other.yaml')
    writeFileSync(file, TEXT)
    expect((await live()).told).toBe(anew)
  })

  it.each([
    ['changed', (): void => writeFileSync(join(program, 'main.js'), '// 2')],
    ['joined by another', (): void => writeFileSync(join(program, 'more.js'), '')],
    ['gone', (): void => rmSync(join(program, 'main.js'))],
  ])('where a file of the program is %s', async (_, change) => {
    await live()
    change()
    expect((await live()).told).toBe(anew)
  })

  it('where another Node.js has made it', async () => {
    await live()
    const own = readFileSync(memo).toString('latin1')
    writeFileSync(memo, Buffer.from(own.replace(`"version":"${process.version}"`, '"version":"v19.0.0"'), 'latin1'))
    expect((await live()).told).toMatch(/^(of another|damaged).*, kept$/)
  })
})

describe('nothing that others may have written is taken', () => {
  it.each([0o620, 0o602, 0o666])('of mode %o', async (mode) => {
    await live()
    chmodSync(memo, mode)
    expect((await live()).told).toBe('not trusted: others may write it, kept')
    expect(await twice()).toBe('used')
  })

  it.runIf(process.getuid?.() === 0)('of another owner', async () => {
    await live()
    chownSync(memo, 65534, 65534)
    expect((await live()).told).toBe('not trusted: others may write it, kept')
  })

  it('behind a link', async () => {
    await live()
    const elsewhere = join(folder, 'elsewhere')
    writeFileSync(elsewhere, readFileSync(memo))
    rmSync(memo)
    symlinkSync(elsewhere, memo)
    const before = readFileSync(elsewhere)
    expect((await live()).told).toMatch(/^ELOOP.*, kept$/)
    expect(readFileSync(elsewhere)).toEqual(before)
    expect(await twice()).toBe('used')
  })
})

describe('what is damaged costs a look, and no more', () => {
  it.each([0, 7, 16, 100, 400])('cut off at %i bytes', async (bytes) => {
    await live()
    truncateSync(memo, bytes)
    expect((await live()).told).toMatch(/^damaged.*, kept$/)
    expect(await twice()).toBe('used')
  })

  it('any byte that has flipped', async () => {
    const { config } = await live()
    const good = readFileSync(memo)
    for (let at = 0; at < good.length; at += 13) {
      const bad = Buffer.from(good)
      bad[at] = (bad[at] ?? 0) ^ 0x10
      writeFileSync(memo, bad)
      const life = await live()
      expect(life.config).toStrictEqual(config)
      expect(life.told).not.toBe('used')
    }
  })

  it.each(['', 'hello', '\0'.repeat(64)])('a foreign file: %j', async (text) => {
    writeFileSync(memo, text, { mode: 0o600 })
    expect((await live()).told).toMatch(/^(damaged|of another).*, kept$/)
  })

  it('a folder in its place stays', async () => {
    mkdirSync(memo)
    expect((await live()).told).toMatch(/not kept: E/)
    expect(statSync(memo).isDirectory()).toBe(true)
  })

  it('a folder of the cache that is gone', async () => {
    rmSync(place, { recursive: true })
    expect((await live()).told).toMatch(/^not there, not kept: ENOENT/)
  })
})

describe('never kept', () => {
  const SECRETS: [string, string, LoadEnv['env']][] = [
    ['a password', `mqtt: { username: u, password: hunter2 }\n${TEXT}`, {}],
    ['a password from the environment', `mqtt: { username: u, password: "\${PW}" }\n${TEXT}`, { PW: 'hunter2' }],
    ['a password that is commented out', `mqtt:\n  username: u\n  # password: hunter2\n${TEXT}`, {}],
    ['a password in quotes that is commented out', `mqtt: { username: u } # "Password" : 'hunter2'\n${TEXT}`, {}],
    ['anything from the environment', `node: { id: "\${PW}" }\n${TEXT}`, { PW: 'hunter2' }],
    ['a part of a word from the environment', `node: { id: "a\${PW}" }\n${TEXT}`, { PW: 'hunter2' }],
  ]
  it.each(SECRETS)('is %s, and what was kept before is gone', async (_, text, env) => {
    await live()
    writeFileSync(file, text)
    expect((await live({ ...HERE, env })).told).toMatch(/not kept: it is not for a disk$/)
    expect(existsSync(memo)).toBe(false)
    expect((await live({ ...HERE, env })).told).toMatch(/^not there, not kept/)
  })

  it('is what has a problem: each start tells it', async () => {
    writeFileSync(file, 'gpio: { outputs: [{ pin: 99 }] }\n')
    for (let start = 0; start < 2; start += 1) await expect(live()).rejects.toThrow(ConfigError)
    expect(existsSync(memo)).toBe(false)
  })
})

describe('with a memo, each start', () => {
  const broker = `mqtt: { url: 'mqtt://broker.lan', username: u, password_file: secret }\n${TEXT}`

  it('tells the warnings', async () => {
    writeFileSync(file, broker)
    writeFileSync(join(folder, 'secret'), 'x', { mode: 0o644 })
    const first = await live()
    expect(first.warnings.map(({ path }) => path)).toEqual(['mqtt.url', 'mqtt.url', 'mqtt.password_file'])
    const { warnings, told } = await live()
    expect(told).toBe('used')
    expect(warnings).toStrictEqual(first.warnings)
  })

  it('looks at the files that are named', async () => {
    writeFileSync(file, broker)
    writeFileSync(join(folder, 'secret'), 'x', { mode: 0o600 })
    await live()
    chmodSync(join(folder, 'secret'), 0o644)
    expect((await live()).warnings.map(({ path }) => path)).toContain('mqtt.password_file')
    rmSync(join(folder, 'secret'))
    const told = await live().catch((error: unknown) => error)
    const fresh = await loadConfig(file, HERE).catch((error: unknown) => error)
    expect(told).toBeInstanceOf(ConfigError)
    expect(told).toStrictEqual(fresh)
  })

  it('looks for the credentials that systemd gives', async () => {
    writeFileSync(file, `mqtt: { username: u }\n${TEXT}`)
    await live()
    writeFileSync(join(folder, 'mqtt-password'), 'x', { mode: 0o600 })
    const { told, config } = await live({ ...HERE, env: { CREDENTIALS_DIRECTORY: folder } })
    expect([told, config.mqtt.password_file]).toEqual(['used', join(folder, 'mqtt-password')])
  })

  it('tells of a file that can not be read', async () => {
    await live()
    rmSync(file)
    await expect(live()).rejects.toThrow(ConfigError)
  })
})
