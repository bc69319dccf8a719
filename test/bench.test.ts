/** The bench: its sums, what it makes of the service's unit, and that a run gives what it promises. No times are held. */
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { median, orderOf, quantile, type Round, ratiosOf, spreadOf } from '../bench/arithmetic.ts'
import { type Contestant, configOf } from '../bench/contestants.ts'
import { readOptions } from '../bench/options.ts'
import { cpuMs, descriptorsOf, memoryOf } from '../bench/proc.ts'
import { reportOf, tableOf } from '../bench/report.ts'
import { play } from '../bench/rounds.ts'
import { readService } from '../bench/service.ts'
import type { Bench, Suite } from '../bench/suite.ts'
import { SUITES } from '../bench/suites.ts'
import { TARGETS, targetOf, verdict } from '../bench/targets.ts'
import { parseConfig } from '../src/config/load.ts'
import { describeWith } from './fakes/tools.ts'

const TOP = fileURLToPath(new URL('..', import.meta.url))

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sensor-node-bench-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the sums of the bench', () => {
  it('the middle of an even number of values is half way between two', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([7])).toBe(7)
  })

  it('a percentile lies between its neighbours, in proportion, and the ends are the ends', () => {
    const values = [50, 10, 40, 20, 30]
    expect([0, 0.25, 0.5, 0.95, 1].map((share) => quantile(values, share))).toEqual([10, 20, 30, 48, 50])
    expect(values).toEqual([50, 10, 40, 20, 30])
  })

  it('of nothing there is no percentile, and no spread', () => {
    expect(quantile([], 0.5)).toBeNaN()
    expect(spreadOf([])).toBeUndefined()
  })

  it('every other round goes backwards', () => {
    expect([0, 1, 2, 3].map((round) => orderOf(['a', 'b', 'c'], round).join(''))).toEqual(['abc', 'cba', 'abc', 'cba'])
  })

  it('the ratio is the median of the rounds’ ratios, not the ratio of the medians', () => {
    const rounds: Round[] = [
      { agent: { x: 1 }, bare: { x: 2 } },
      { agent: { x: 30 }, bare: { x: 10 } },
      { agent: { x: 8 }, bare: { x: 10 } },
    ]
    expect(ratiosOf(rounds, 'x', 'agent', 'bare')).toEqual([0.5, 3, 0.8])
    expect(spreadOf(ratiosOf(rounds, 'x', 'agent', 'bare'))).toEqual({ median: 0.8, min: 0.5, max: 3 })
  })

  it('a round that lacks one of two, or has a floor of 0, tells no ratio', () => {
    const rounds: Round[] = [
      { agent: { x: 1 } },
      { bare: { x: 1 } },
      { agent: { x: 1 }, bare: { x: 0 } },
      { agent: { x: Number.NaN }, bare: { x: 1 } },
      { agent: { x: 1 }, bare: { x: Number.POSITIVE_INFINITY } },
      { agent: { x: 3 }, bare: { x: 2 } },
    ]
    expect(ratiosOf(rounds, 'x', 'agent', 'bare')).toEqual([1.5])
  })
})

describe('targets', () => {
  it('name suites and figures that there are', () => {
    for (const { suite, figure } of TARGETS) {
      const figures = SUITES.find(({ name }) => name === suite)?.figures.map(({ key }) => key) ?? []
      expect(figures, suite).toContain(figure)
    }
  })

  it('of the start depend on the Node.js', () => {
    const of = (major: number): number | undefined => targetOf('start', 'cpu_online_ms', major)?.target
    expect([20, 22, 24].map(of)).toEqual([0.6, 0.35, 0.35])
    expect(targetOf('start', 'online_ms', 20)).toBeUndefined()
  })

  it('are told in words, at the limit as met', () => {
    const less = { suite: 's', figure: 'f', to: 'bare', better: 'less', target: 0.6, stretch: 0.5 } as const
    expect([0.5, 0.51, 0.6, 0.61].map((value) => verdict(less, value))).toEqual([
      'met, stretch too',
      'met',
      'met',
      'MISSED',
    ])
    const more = { ...less, better: 'more', target: 0.7, stretch: 0.9 } as const
    expect([0.69, 0.7, 0.9].map((value) => verdict(more, value))).toEqual(['MISSED', 'met', 'met, stretch too'])
    expect(verdict(less, Number.NaN)).toBe('not known')
  })
})

describe('the rounds', () => {
  const contestant = (name: string): Contestant => ({ name, program: async () => ({ command: name, args: [] }) })
  const suite = (measure: Suite['measure']): Suite => ({
    name: 'start',
    about: 'a trial',
    rounds: 1,
    figures: [{ key: 'cpu_online_ms', label: 'CPU', unit: 'ms' }],
    measure,
  })
  const bench = { say() {}, signal: new AbortController().signal } as unknown as Bench // all that rounds ask for

  it('measure one after the other, in turns', async () => {
    const order: string[] = []
    const trial = suite(async ({ name }) => {
      order.push(name)
      return { cpu_online_ms: name === 'agent' ? 3 : 6 }
    })
    const { rounds, failures } = await play(trial, [contestant('agent'), contestant('bare')], 2, bench)
    expect(order).toEqual(['agent', 'bare', 'bare', 'agent'])
    expect(failures).toEqual([])
    const report = reportOf(trial, rounds, failures, 20)
    expect(report.rows[0]).toMatchObject({ ratio: { median: 0.5, min: 0.5, max: 0.5 }, verdict: 'met, stretch too' })
  })

  it('go on without one that fails, which is told by name', async () => {
    const trial = suite(async ({ name }) => {
      if (name === 'bare') throw new Error('no online within 300 s')
      return { cpu_online_ms: 3 }
    })
    const { rounds, failures } = await play(trial, [contestant('agent'), contestant('bare')], 3, bench)
    expect(rounds).toEqual([
      { agent: { cpu_online_ms: 3 } },
      { agent: { cpu_online_ms: 3 } },
      { agent: { cpu_online_ms: 3 } },
    ])
    expect(failures).toEqual(['bare: no online within 300 s'])
    const suites = [reportOf(trial, rounds, failures, 20)]
    const absent = [{ name: 'C', why: 'gcc is not installed: sudo apt install gcc' }]
    const table = tableOf({ node: 'v20', machine: 'm', absent, suites }, new Map())
    expect(table).toContain('C: not installed (gcc is not installed: sudo apt install gcc)')
    expect(table).toContain('could not be measured: bare: no online within 300 s')
    expect(table).toMatch(/CPU, ms +3\.0 +– +0\.60 +0\.50 +not known/)
  })
})

describe('what the agent is told', () => {
  const unit = (lines: readonly string[]): string => {
    const file = join(folder, 'unit')
    writeFileSync(file, `[Service]\n${lines.join('\n')}\n`)
    return file
  }

  it('is what the unit says, with folders in the place of the system’s', () => {
    const file = unit([
      'ExecStart=/usr/bin/node --max-semi-space-size=1 --no-opt /opt/sensor-node/dist/main.js run --config /etc/c.yaml',
      'Environment=NODE_ENV=production',
      'Environment="NODE_COMPILE_CACHE=%C/sensor-node/code"',
      'StateDirectory=sensor-node',
    ])
    const { flags, env } = readService(file, folder)
    expect(flags).toEqual(['--max-semi-space-size=1', '--no-opt'])
    expect(env).toEqual({
      NODE_ENV: 'production',
      NODE_COMPILE_CACHE: join(folder, 'CACHE_DIRECTORY/sensor-node/code'),
      STATE_DIRECTORY: join(folder, 'STATE_DIRECTORY/sensor-node'),
    })
    expect(readdirSync(join(folder, 'STATE_DIRECTORY'))).toEqual(['sensor-node'])
  })

  it('of the shipped unit has the state folder', () => {
    const { env } = readService(join(TOP, 'deploy/sensor-node.service'), folder)
    expect(env).toMatchObject({ NODE_ENV: 'production', STATE_DIRECTORY: expect.stringContaining(folder) })
  })

  it('of a job is a configuration that check accepts', () => {
    for (const suite of ['json', 'both'] as const) {
      const job = {
        port: 1883,
        sensors: 3,
        intervalMs: 10,
        quantities: ['temperature', 'count'],
        what: suite,
        batch: 1,
      }
      const { problems } = parseConfig(configOf(job), 'config.yaml', { hostname: 'h', env: {} })
      expect(problems).toEqual([])
    }
  })
})

describe('what the kernel tells of a process', () => {
  const USES_SOME = `
    const until = process.cpuUsage().user + 100_000
    while (process.cpuUsage().user < until);
    console.log(JSON.stringify(process.cpuUsage()))
    process.stdin.resume()`
  const TICK_MS = 10

  it('is at least the processor time that it counted itself, memory that is its own, and nothing when it is gone', async () => {
    const child = spawn(process.execPath, ['-e', USES_SOME], { stdio: ['pipe', 'pipe', 'inherit'] })
    const pid = child.pid ?? 0
    try {
      const text = await new Promise<string>((resolve) => child.stdout.once('data', (bytes) => resolve(`${bytes}`)))
      const { user, system } = JSON.parse(text)
      expect(cpuMs(pid)).toBeGreaterThanOrEqual((user + system) / 1000 - TICK_MS)
      const { rss, pss, anonymous } = memoryOf(pid)
      expect(anonymous).toBeGreaterThan(0)
      expect(pss).toBeGreaterThanOrEqual(anonymous)
      expect(rss).toBeGreaterThanOrEqual(pss)
      expect(descriptorsOf(pid)).toBeGreaterThanOrEqual(3)
    } finally {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    }
    expect(cpuMs(pid)).toBe(0)
    expect(memoryOf(pid)).toEqual({ rss: 0, pss: 0, anonymous: 0 })
  })
})

describe('the options', () => {
  it.each(['--rounds=0', '--rounds=x', '--readings=-1', '--sweet'])('refuse %s', (arg) => {
    expect(() => readOptions([arg])).toThrow()
  })
})

/** A start of two processes and a broker, on a machine that is full. */
const PATIENCE_MS = 180_000

describeWith(['mosquitto'], 'npm run bench', () => {
  // The compiler keeps what Node.js 22 and later has compiled of it, below TMPDIR: nothing of ours.
  const env = (): NodeJS.ProcessEnv => ({ ...process.env, TMPDIR: folder, NODE_DISABLE_COMPILE_CACHE: '1' })
  const args = ['run', '--silent', 'bench', '--', '--suite', 'start', '--rounds', '1', '--json', '--no-build']

  it(
    'gives data for machines, and leaves nothing behind',
    async () => {
      const { stdout } = await promisify(execFile)('npm', args, { cwd: TOP, env: env(), timeout: PATIENCE_MS })
      const report = JSON.parse(stdout)
      expect(report.node).toContain(process.version)
      const [start] = report.suites
      expect(start).toMatchObject({ suite: 'start', failures: [] })
      expect(start.rounds).toHaveLength(1)
      for (const name of ['agent', 'bare']) {
        for (const figure of ['cpu_online_ms', 'online_ms', 'reading_ms'])
          expect(start.rounds[0][name][figure], `${name} ${figure}`).toBeGreaterThan(0)
      }
      const [{ ratio, verdict: word }] = start.rows
      expect(ratio.median).toBeCloseTo(start.rounds[0].agent.cpu_online_ms / start.rounds[0].bare.cpu_online_ms)
      expect(word).toMatch(/^(met|met, stretch too|MISSED)$/)
      expect(readdirSync(folder)).toEqual([])
      expect(processesOf(folder)).toEqual([])
    },
    PATIENCE_MS,
  )

  it(
    'takes all that it has started with it when it is told to end',
    async () => {
      const child = spawn('npm', args, { cwd: TOP, env: env(), stdio: ['ignore', 'ignore', 'pipe'], detached: true })
      const ended = new Promise((resolve) => child.once('close', resolve))
      try {
        let said = ''
        await new Promise<void>((resolve, reject) => {
          child.stderr.on('data', (bytes) => {
            said += bytes
            if (said.includes('round 1 of 1')) resolve()
          })
          child.once('exit', () => reject(new Error(`it ended too early: ${said}`)))
        })
        expect(processesOf(folder).length).toBeGreaterThan(0)
        process.kill(-(child.pid ?? 0), 'SIGINT') // as Ctrl-C: all of a terminal's group
        await ended
        await expect.poll(() => processesOf(folder)).toEqual([])
        expect(readdirSync(folder)).toEqual([])
      } finally {
        if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), 'SIGKILL')
      }
    },
    PATIENCE_MS,
  )

  it('names the suites where one is asked for that there is not', async () => {
    const wrong = promisify(execFile)('npm', [...args.slice(0, 5), 'stop'], { cwd: TOP, env: env() })
    await expect(wrong).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('there are start, command') })
  })
})

/** Command lines of processes that have to do with the folder. */
function processesOf(below: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return line.includes(below) ? [line] : []
      } catch {
        return [] // it is gone
      }
    })
}
