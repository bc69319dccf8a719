/** The built agent, killed and stopped while the broker is away and under way: what it owes is delivered by the next one. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type AgentProcess, startAgent } from './fakes/agent-process.ts'
import { freePort, type Mosquitto, startMosquitto } from './fakes/mosquitto.ts'
import { type Observer, observe } from './fakes/observer.ts'
import { createRandom } from './fakes/random.ts'
import { describeWith } from './fakes/tools.ts'

const CONFIG = (url: string): string => `
node: { id: n }
mqtt: { url: '${url}' }
sensors:
  - { id: a, type: simulated, interval: 50ms, metrics: { count: { shape: counter } } }
  - { id: b, type: simulated, interval: 70ms, metrics: { count: { shape: counter } } }
`

/** What docs/operations.md promises at a kill, ms. */
const WORST_LOSS_MS = 2000

interface Row {
  readonly sensor: string
  readonly run: string
  readonly seq: number
}

const cleanups: (() => Promise<unknown>)[] = []
let folder: string

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sensor-node-outbox-e2e-'))
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
})

async function start(url: string): Promise<AgentProcess> {
  const file = join(folder, 'config.yaml')
  await writeFile(file, CONFIG(url))
  const agent = startAgent(['run', '--config', file, '--log-level', 'debug'], { env: { STATE_DIRECTORY: folder } })
  cleanups.push(() => agent.end('SIGKILL'))
  return agent
}

/** How many readings of each sensor an agent has logged until then. */
function readBefore(agent: AgentProcess, time: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (const line of agent.output().split('\n')) {
    if (!line.includes('"reading"') || !line.endsWith('}')) continue
    const { sensor, time: at } = JSON.parse(line) as { sensor: string; time: string } // our own log
    if (Date.parse(at) <= time) counts.set(sensor, (counts.get(sensor) ?? 0) + 1)
  }
  return counts
}

/** All records that have arrived, by sensor and run, in the order of their first arrival. */
function arrived(observer: Observer): Map<string, number[]> {
  const rows = observer.seen
    .filter(({ topic }) => topic.endsWith('/data'))
    .map(({ payload }): Row => JSON.parse(payload))
  const lists = new Map<string, number[]>()
  for (const { sensor, run, seq } of rows) {
    const list = lists.get(`${sensor} ${run}`) ?? []
    lists.set(`${sensor} ${run}`, list)
    if (!list.includes(seq)) list.push(seq)
  }
  return lists
}

/** Resolves when records of this very run arrive, of both sensors: all earlier ones are through then. */
async function ownRecords(agent: AgentProcess, observer: Observer): Promise<void> {
  await agent.wrote(/"msg":"ready"/)
  const run = /"run":"(\w+)"/.exec(agent.output())?.[1] ?? ''
  for (const sensor of ['a', 'b']) {
    const own = ({ payload }: { readonly payload: string }): boolean =>
      payload.includes(`"run":"${run}","seq":0,`) && payload.includes(`"sensor":"${sensor}"`)
    await observer.until(own, { past: true, ms: 30_000 })
  }
}

describeWith(['mosquitto'], 'records that the broker does not have yet', () => {
  it('survive the agent’s death at any moment, but for those of the last 2 s, and arrive in order', async () => {
    const random = createRandom(Date.now() % 1_000_000)
    const port = await freePort()
    const owed: Map<string, number>[] = []
    for (let life = 0; life < 4; life += 1) {
      const agent = await start(`mqtt://127.0.0.1:${port}`)
      await agent.wrote(/"msg":"reading"/)
      await new Promise((resolve) => setTimeout(resolve, 2200 + random(1500)))
      const killed = Date.now()
      await agent.end('SIGKILL')
      owed.push(readBefore(agent, killed - WORST_LOSS_MS))
    }
    const mosquitto: Mosquitto = await startMosquitto()
    cleanups.push(() => mosquitto.stop())
    const observer = await observe(mosquitto.url)
    cleanups.push(() => observer.end())
    const agent = await start(mosquitto.url)
    await ownRecords(agent, observer)
    const lists = arrived(observer)
    for (const list of lists.values()) expect(list).toEqual(list.map((_, index) => index))
    const delivered = [...lists].map(([key, list]) => ({ sensor: key.split(' ')[0], count: list.length }))
    for (const sensor of ['a', 'b']) {
      const counts = delivered.filter((one) => one.sensor === sensor).map(({ count }) => count)
      const wanted = owed.map((life) => life.get(sensor) ?? 0)
      expect(counts).toHaveLength(wanted.length + 1)
      for (const [life, count] of wanted.entries()) expect(counts[life]).toBeGreaterThanOrEqual(count)
      expect(Math.max(...wanted)).toBeGreaterThan(0)
    }
  }, 90_000)

  it('survive its end by SIGTERM, every one', async () => {
    const first = await start(`mqtt://127.0.0.1:${await freePort()}`)
    await first.wrote(/"count":20/)
    expect(await first.end('SIGTERM')).toBe(0)
    const owed = readBefore(first, Number.POSITIVE_INFINITY)
    const mosquitto = await startMosquitto()
    cleanups.push(() => mosquitto.stop())
    const observer = await observe(mosquitto.url)
    cleanups.push(() => observer.end())
    await ownRecords(await start(mosquitto.url), observer)
    const [run] = [...arrived(observer).keys()].map((key) => key.split(' ')[1])
    for (const sensor of ['a', 'b']) {
      const list = arrived(observer).get(`${sensor} ${run}`) ?? []
      expect(list).toEqual(Array.from({ length: owed.get(sensor) ?? 0 }, (_, seq) => seq))
    }
  }, 60_000)

  it('with nowhere to keep them, the log says so at the start, and how many are lost at the end', async () => {
    const file = join(folder, 'config.yaml')
    await writeFile(file, CONFIG(`mqtt://127.0.0.1:${await freePort()}`))
    const agent = startAgent(['run', '--config', file])
    cleanups.push(() => agent.end('SIGKILL'))
    await agent.wrote(/records wait in memory only/)
    await agent.wrote(/"msg":"ready"/)
    await agent.end('SIGTERM')
    expect(agent.output()).toContain('records that are in memory only are lost now')
  }, 30_000)
})
