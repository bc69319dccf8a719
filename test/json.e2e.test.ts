/** What scripts read: every command that has something to tell has `--json`, with keys that stay. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type AgentProcess, runToEnd, startAgent } from './fakes/agent-process.ts'
import { startMosquitto } from './fakes/mosquitto.ts'
import { observe } from './fakes/observer.ts'
import { describeWith } from './fakes/tools.ts'

const CONFIG = `node: { id: n1 }
mqtt: { url: 'mqtt://127.0.0.1:1' }
sensors:
  - { type: simulated, interval: 2s }
  - { id: shed, type: dht22, pin: 4 }
gpio:
  outputs: [{ pin: 17, name: LED }]
  inputs: [{ pin: 27 }, { pin: 20, mode: counter }]
`
/** Standard output alone: that is what a script reads. */
const ONLY_OUTPUT = ['bash', '-c', 'exec "$@" 2>/dev/null', '--']

let folder: string
const cleanups: (() => Promise<unknown>)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sensor-node-json-'))
})
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
  rmSync(folder, { recursive: true, force: true })
})

const run = async (...args: string[]) => {
  const { code, output } = await runToEnd(args, { cwd: folder, by: ONLY_OUTPUT })
  return { code, json: JSON.parse(output) }
}
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const begin = (...args: string[]): AgentProcess => {
  const agent = startAgent(args, { cwd: folder, by: ONLY_OUTPUT })
  cleanups.push(() => agent.end('SIGKILL'))
  return agent
}
const events = (agent: AgentProcess): Record<string, unknown>[] =>
  agent
    .output()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('--json', () => {
  it('is there for every command, but for the agent, whose log is JSON, and texts that are no data', async () => {
    const { output } = await runToEnd(['man'])
    const sections = output.split(/^\.SS sensor\\-node /m).slice(1)
    expect(sections.length).toBeGreaterThan(12)
    const without = sections.filter((text) => !text.includes('\n.B \\-\\-json')).map((text) => /^\w+/.exec(text)?.[0])
    expect(without.sort()).toEqual(['completion', 'man', 'run'])
  })

  it('of check tells what a good configuration yields', async () => {
    const path = file('config.yaml', CONFIG)
    const { code, json } = await run('check', '--json', path)
    expect(code).toBe(0)
    expect(json).toMatchObject({
      ...{ file: path, ok: true, problems: [], warnings: expect.any(Array), node: 'n1' },
      broker: { url: 'mqtt://127.0.0.1:1', client_id: 'sensor-node-n1' },
      topics: { status: 'devices/n1/status', info: 'devices/n1/info', health: 'devices/n1/health' },
      outbox: expect.any(String),
      sensors: [
        { type: 'simulated', interval: 2, topics: expect.arrayContaining(['sensors/n1/data']) },
        { id: 'shed', type: 'dht22', quantities: ['temperature', 'humidity'] },
      ],
      pins: [
        { pin: 17, name: 'LED', use: 'output', topics: { command: 'gpio/17/command' } },
        { pin: 27, use: 'input' },
        { pin: 20, use: 'counter', topics: { data: 'gpio/20/data' } },
        { pin: 4, use: 'sensor', sensor: 'shed' },
      ],
      rules: [],
    })
  })

  it('of check tells every problem of a bad one, or that there is none', async () => {
    const bad = await run('check', '--json', file('bad.yaml', `${CONFIG}nonsense: 1\n`))
    expect(bad).toMatchObject({
      code: 78,
      json: { ok: false, problems: [{ line: 9, column: 1, path: 'nonsense', message: expect.any(String) }] },
    })
    const none = await run('check', '--json', join(folder, 'nowhere.yaml'))
    expect(none).toMatchObject({ code: 78, json: { ok: false, problems: [{ message: expect.any(String) }] } })
  })

  it('of init tells what was written, and why nothing was', async () => {
    const path = join(folder, 'config.yaml')
    const args = ['init', '--yes', '--no-scan', '--json', '--id', 'kitchen']
    expect(await run(...args)).toEqual({ code: 0, json: { file: path, written: true, node: 'kitchen' } })
    const again = { file: path, written: false, reason: expect.stringContaining('is there already') }
    expect(await run(...args)).toEqual({ code: 1, json: again })
  })

  it('of demo tells where its broker is, and every message', async () => {
    const demo = begin('demo', '--json')
    await demo.wrote(/"topic":"sensors\/[^"]*\/data"/)
    expect(await demo.end('SIGTERM')).toBe(0)
    const [first, ...rest] = events(demo)
    expect(first).toEqual({
      ...{ time: expect.any(String), event: 'listening', node: expect.any(String) },
      broker: expect.stringMatching(/^mqtt:\/\/127\.0\.0\.1:\d+$/),
    })
    for (const one of rest) expect(one).toMatchObject({ event: 'message', topic: expect.any(String) })
  })
})

describeWith(['mosquitto'], '--json at a broker', () => {
  const broker = async () => {
    const mosquitto = await startMosquitto()
    cleanups.push(() => mosquitto.stop())
    const observer = await observe(mosquitto.url)
    cleanups.push(() => observer.end())
    return { mosquitto, observer, url: mosquitto.url }
  }

  it('of log tells what was written, left out and put away, and adds up', async () => {
    const { mosquitto, observer, url } = await broker()
    const path = join(folder, 'r.jsonl')
    const log = begin('log', '--url', url, '--jsonl', path, '--json', '--rotate', '1kB', '--keep', '1')
    await log.wrote(/"event":"logging"/)
    const record = (seq: number): Promise<unknown> =>
      observer.publish('sensors/n/data', JSON.stringify({ run: 'r', seq: seq % 40, count: seq % 40 }))
    for (let seq = 0; seq < 60; seq += 1) await record(seq)
    const of = (event: string) => events(log).filter((one) => one.event === event)
    const sum = (key: string): number => of('written').reduce((total, one) => total + Number(one[key]), 0)
    await vi.waitFor(() => expect([sum('rows'), sum('duplicates')]).toEqual([40, 20]), { timeout: 15_000 })
    await mosquitto.kill()
    await log.wrote(/"event":"away"/)
    await mosquitto.start()
    await log.wrote(/"event":"away"[\s\S]*"event":"connected","resumed":false/)
    expect(await log.end('SIGTERM')).toBe(0)
    expect(of('connected')[0]).toMatchObject({ resumed: false, time: expect.any(String) })
    expect(of('logging')).toMatchObject([{ topics: expect.arrayContaining(['sensors/#']), broker: url, file: path }])
    expect([sum('rows'), sum('duplicates')]).toEqual([40, 20])
    expect(of('rotated')[0]).toMatchObject({ file: expect.stringMatching(/r-\d.*\.jsonl$/), removed: [] })
    expect(events(log).at(-1)).toMatchObject({ event: 'end', rows: 40, duplicates: 20, waiting: 0, code: 0 })
  }, 30_000)

  it('of simulate tells who is connected, and what was delivered', async () => {
    const { url } = await broker()
    const fleet = begin('simulate', '--url', url, '--nodes', '3', '--interval', '200ms', '--json')
    await fleet.wrote(/"connected":3/)
    expect(await fleet.end('SIGINT')).toBe(0)
    const all = events(fleet)
    expect(all[0]).toMatchObject({ event: 'simulating', nodes: 3, broker: url })
    expect(all.at(-2)).toMatchObject({ event: 'connected', connected: 3, nodes: 3 })
    expect(all.at(-1)).toMatchObject({ event: 'end', records: expect.any(Number), away: 0, code: 0 })
  })

  it('of purge tells what was found, cleared and left', async () => {
    const { url, observer } = await broker()
    await observer.publish('devices/n1/status', 'offline', { retain: true })
    const path = file('config.yaml', CONFIG.replace('mqtt://127.0.0.1:1', url))
    const args = ['purge', '-c', path, '--state', folder, '--json']
    const common = { node: 'n1', broker: url, online: false }
    expect(await run(...args, '--dry-run')).toEqual({
      code: 0,
      json: { ...common, dry_run: true, cleared: [], left: [{ topic: 'devices/n1/status' }] },
    })
    expect(await run(...args)).toEqual({
      code: 0,
      json: { ...common, dry_run: false, cleared: ['devices/n1/status'], left: [] },
    })
  })
})
