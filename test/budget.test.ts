/**
 * What the program weighs, to the byte: the files of the bundle, the modules in each, and what a start with a small
 * configuration loads of them and of Node.js. `budget.json` has the figures; `npm run budget` writes them anew. Times are
 * not held here: they are another machine's.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RolldownOptions, rolldown } from 'rolldown'
import { expect, it } from 'vitest'

interface Weight {
  readonly modules: number
  readonly bytes: number
}

interface Budget {
  /** Of all files of `dist`. */
  readonly files: Readonly<Record<string, Weight>>
  /** Those that a small configuration loads, in the order of their names. */
  readonly start: readonly string[]
}

const top = fileURLToPath(new URL('..', import.meta.url))
const FILE = join(top, 'test/budget.json')
const HOW = 'If that is meant: npm run budget'

/** One sensor and nothing else. */
const SMALL = `
mqtt: { url: 'mqtt://127.0.0.1:1' }
sensors:
  - { type: simulated, interval: 10s, metrics: { temperature: { shape: constant } } }
`

/** Parts of Node.js, by their inner names, that such a configuration has no use for; each takes a millisecond or more. */
const HEAVY = ['crypto', 'http', 'https', 'http2', 'inspector', '_tls_wrap', 'worker_threads', 'zlib']

/** Tells what is loaded at the end of the process. */
const TELL = `
const texts = []
globalThis.Function = new Proxy(Function, { construct: (target, args) => (texts.push(args.at(-1)), new target(...args)) })
process.on('exit', () => {
  const builtins = process.moduleLoadList.flatMap((name) => (/^NativeModule (\\S+)$/.exec(name) ?? []).slice(1))
  require('fs').writeFileSync(process.env.TELL, JSON.stringify({ files: Object.keys(require.cache), builtins, texts }))
})
`

async function weigh(): Promise<Budget['files']> {
  const config: { default: RolldownOptions } = await import(join(top, '.rolldown.config.mjs'))
  const { output, ...input } = config.default
  const bundle = await rolldown({ ...input, cwd: top })
  const { output: files } = await bundle.generate(Array.isArray(output) ? output[0] : output)
  const weights = files.flatMap((file): [string, Weight][] =>
    file.type === 'chunk'
      ? [[file.fileName, { modules: Object.keys(file.modules).length, bytes: Buffer.byteLength(file.code) }]]
      : [],
  )
  return Object.fromEntries(weights.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

interface Loaded {
  readonly files: string[]
  readonly builtins: string[]
  /** What was compiled of text, by `new Function`. */
  readonly texts: string[]
}

/** What a run with this configuration has loaded by its end. */
async function loadedBy(config: string): Promise<Loaded> {
  const folder = await mkdtemp(join(tmpdir(), 'sensor-node-budget-'))
  try {
    const tell = join(folder, 'tell.cjs')
    const told = join(folder, 'told.json')
    await writeFile(tell, TELL)
    await writeFile(join(folder, 'config.yaml'), config)
    await new Promise<void>((resolve, reject) => {
      const args = ['--require', tell, join(top, 'dist/main.js'), 'run', '--config', join(folder, 'config.yaml')]
      // From the environment nothing: it may have Node.js load more.
      const child = execFile(process.execPath, args, { env: { PATH: process.env.PATH, TELL: told } }, (error) => {
        if (error === null) resolve()
        else reject(error)
      })
      child.stdout?.on('data', (text: string) => {
        if (text.includes('broker connection failed')) child.kill()
      })
    })
    return JSON.parse(await readFile(told, 'utf8'))
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** A line for each file, so that a change of one is a change of one. */
function written({ files, start }: Budget): string {
  const lines = Object.entries(files).map(
    ([name, { modules, bytes }]) => `    "${name}": { "modules": ${modules}, "bytes": ${bytes} }`,
  )
  const names = start.map((name) => `"${name}"`).join(', ')
  return `{\n  "files": {\n${lines.join(',\n')}\n  },\n  "start": [${names}]\n}\n`
}

/** What differs, a sentence each. */
function differences(before: Budget, now: Budget): string[] {
  const names = new Set([...Object.keys(before.files), ...Object.keys(now.files)])
  const ofFiles = [...names].flatMap((name) => {
    const was = before.files[name]
    const is = now.files[name]
    if (was === undefined) return [`${name} is new: ${is?.bytes} bytes. ${HOW}`]
    if (is === undefined) return [`${name} is gone. ${HOW}`]
    if (was.bytes === is.bytes && was.modules === is.modules) return []
    const by = is.bytes - was.bytes
    const change = `${by < 0 ? 'shrank' : 'grew'} by ${Math.abs(by)} bytes to ${is.bytes}`
    return [`${name} ${change}, with ${is.modules} modules in place of ${was.modules}. ${HOW}`]
  })
  const more = now.start.filter((name) => !before.start.includes(name)).map((name) => `a start loads ${name}, too`)
  const less = before.start.filter((name) => !now.start.includes(name)).map((name) => `a start loads ${name} no more`)
  return [...ofFiles, ...[...more, ...less].map((text) => `${text}. ${HOW}`)]
}

it('the bundle has the files, modules and bytes of budget.json, and a small configuration loads those that it says', async () => {
  const { files } = await loadedBy(SMALL)
  const start = files.filter((file) => dirname(file) === join(top, 'dist')).map((file) => basename(file))
  const now: Budget = { files: await weigh(), start: start.toSorted() }
  if (process.env.SENSOR_NODE_WRITE === 'budget') await writeFile(FILE, written(now))
  const before: Budget = JSON.parse(await readFile(FILE, 'utf8'))
  expect(differences(before, now)).toEqual([])
})

it('a small configuration loads no package from its folder, and no part of Node.js that is heavy', async () => {
  const { files, builtins } = await loadedBy(SMALL)
  expect(files.filter((file) => file.includes('node_modules'))).toEqual([])
  expect(builtins.filter((name) => HEAVY.includes(name))).toEqual([])
})

it('no text is compiled at run time: of no schema, above all', async () => {
  expect((await loadedBy(`${SMALL}gpio: { backend: mock, outputs: [{ pin: 17 }] }\n`)).texts).toEqual([])
})

it('a configuration with pins loads the board, which the test before would have seen', async () => {
  const { files } = await loadedBy(`${SMALL}gpio: { backend: mock, outputs: [{ pin: 17 }] }\n`)
  expect(files.map((file) => basename(file))).toContain('mock.js')
})

it('a difference is told with what grew, by how much, and what to do', () => {
  const before = { files: { 'agent.js': { modules: 3, bytes: 100 }, 'old.js': { modules: 1, bytes: 1 } }, start: [] }
  const now = {
    files: { 'agent.js': { modules: 4, bytes: 130 }, 'new.js': { modules: 1, bytes: 9 } },
    start: ['new.js'],
  }
  expect(differences(before, now)).toEqual([
    'agent.js grew by 30 bytes to 130, with 4 modules in place of 3. If that is meant: npm run budget',
    'old.js is gone. If that is meant: npm run budget',
    'new.js is new: 9 bytes. If that is meant: npm run budget',
    'a start loads new.js, too. If that is meant: npm run budget',
  ])
})
