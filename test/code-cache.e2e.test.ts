/** The built agent with a folder for its compiled code, as the service has one: started, and started again. */
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AgentProcess, startAgent } from './fakes/agent-process.ts'
import { describeWith } from './fakes/tools.ts'

/** Nobody listens there; the agent is ready all the same. */
const CONFIG = `
mqtt: { url: 'mqtt://127.0.0.1:1' }
gpio: { backend: mock, outputs: [{ pin: 17 }] }
`

let folder: string
let cache: string
const started: AgentProcess[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sensor-node-code-'))
  cache = join(folder, 'cache')
  await mkdir(cache, { mode: 0o750 })
  await writeFile(join(folder, 'config.yaml'), CONFIG)
})
afterEach(async () => {
  for (const agent of started.splice(0)) await agent.end('SIGKILL')
  await rm(folder, { recursive: true })
})

interface Life {
  readonly env?: Readonly<Record<string, string>>
  readonly by?: readonly string[]
  readonly level?: string
}

function begin({ env = {}, by = [], level = 'debug' }: Life): AgentProcess {
  const args = ['run', '--config', join(folder, 'config.yaml'), '--log-level', level]
  const agent = startAgent(args, { env: { CACHE_DIRECTORY: cache, ...env }, by })
  started.push(agent)
  return agent
}

/** One life, until the code is kept: what is told of each file. */
async function live(life: Life = {}): Promise<Record<string, string>> {
  return (await kept(life)).files
}

interface Kept {
  readonly files: Record<string, string>
  readonly config: string
}

async function kept(life: Life): Promise<Kept> {
  const agent = begin(life)
  await agent.wrote(/"msg":"compiled code"/)
  expect(await agent.end('SIGTERM')).toBe(0)
  const line =
    agent
      .output()
      .split('\n')
      .find((text) => text.includes('"compiled code"')) ?? ''
  return JSON.parse(line) as Kept
}

describe('the agent’s second start', () => {
  it('takes its code from the cache, all of it, whatever part of the program it is in', async () => {
    expect(await live()).toMatchObject({ 'agent.js': 'not there, kept', 'mock.js': 'not there, kept' })
    const told = await live()
    expect(Object.keys(told)).toEqual(expect.arrayContaining(['agent.js', 'mock.js']))
    expect(new Set(Object.values(told))).toEqual(new Set(['used']))
  })

  it('takes its configuration from there, and loads nothing that could read or check one', async () => {
    const env = { STATE_DIRECTORY: join(folder, 'state') }
    const sensors = 'sensors: [{ type: simulated, metrics: { temperature: {} } }, { id: a, type: system }]'
    await writeFile(join(folder, 'config.yaml'), `${CONFIG.replace(/^gpio:.*$/m, '')}${sensors}\n`)
    const first = await kept({ env })
    expect(first.config).toBe('not there, kept')
    expect(Object.keys(first.files)).toEqual(expect.arrayContaining(['config.js', 'zod.js']))
    const second = await kept({ env })
    expect(second.config).toBe('used')
    expect(Object.keys(second.files)).not.toContain('config.js')
    expect(Object.keys(second.files)).not.toContain('zod.js')
  })

  it('with outputs has in memory what a command in JSON needs before one comes', async () => {
    await kept({})
    const { config, files } = await kept({})
    expect([config, files['zod.js']]).toEqual(['used', 'used'])
    expect(Object.keys(files)).not.toContain('config.js')
  })

  it('with another configuration has that one, and keeps it', async () => {
    await live()
    await writeFile(join(folder, 'config.yaml'), CONFIG.replace('17', '18'))
    expect((await kept({})).config).toBe('of another program or Node.js, kept')
    const agent = begin({})
    await agent.wrote(/"msg":"output opened"/)
    expect(agent.output()).toMatch(/"pin":18/)
    expect(agent.output()).not.toMatch(/"pin":17/)
  })

  it('after one that was cut off uses nothing of before, and makes all of it anew', async () => {
    const run = join(folder, 'run')
    await mkdir(run)
    const env = { RUNTIME_DIRECTORY: run }
    await live({ env })
    await expect.poll(() => readdir(run)).not.toContain('starting')
    await writeFile(join(run, 'starting'), '') // as a crash leaves it
    const { files, config } = await kept({ env })
    const cutOff = 'not used: the start before was cut off, kept'
    expect([config, files['agent.js'], files['mock.js']]).toEqual([cutOff, cutOff, cutOff])
    const third = await kept({ env })
    expect([third.config, third.files['agent.js']]).toEqual(['used', 'used'])
  })

  it('after one whose configuration was wrong uses what there is', async () => {
    const run = join(folder, 'run')
    await mkdir(run)
    const env = { RUNTIME_DIRECTORY: run }
    await live({ env })
    await writeFile(join(folder, 'config.yaml'), `${CONFIG}wrong: 1\n`)
    expect(await begin({ env }).exited).toBe(78)
    await writeFile(join(folder, 'config.yaml'), CONFIG)
    expect((await kept({ env })).files['agent.js']).toBe('used')
  })

  it('with other flags of V8 compiles anew, and then has that', async () => {
    await live()
    const life = { env: { NODE_OPTIONS: '--stack-trace-limit=7' } }
    expect((await live(life))['agent.js']).toBe('rejected by V8, kept')
    expect((await live(life))['agent.js']).toBe('used')
  })

  it('over a cache that is cut off is a plain start, which says no more than ever', async () => {
    await live()
    await truncate(join(cache, 'agent.js.code'), 400_000)
    expect(await live({ level: 'debug' })).toMatchObject({ 'agent.js': 'damaged: not whole, kept', 'mock.js': 'used' })
  })

  it('tells nothing of it at the usual level', async () => {
    const agent = begin({ level: 'info' })
    await expect.poll(() => readdir(cache), { timeout: 15_000 }).toContain('agent.js.code')
    await agent.end('SIGTERM')
    expect(agent.output()).not.toMatch(/compiled|agent\.js|warning/i)
  })
})

describeWith(['prlimit'], 'with no room for the code', () => {
  it('the agent runs, and leaves no half of a file', async () => {
    const told = await live({ by: ['prlimit', '--fsize=100000'] })
    expect(told['agent.js']).toMatch(/^not there, not kept: EFBIG/)
    expect(told['mock.js']).toBe('not there, kept')
    expect(await readdir(cache)).not.toEqual(expect.arrayContaining([expect.stringContaining('agent')]))
    expect((await readFile(join(cache, 'mock.js.code'))).length).toBeGreaterThan(1000)
  })
})
