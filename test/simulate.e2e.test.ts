/** `sensor-node simulate` as a process, at a real broker. */
import { afterEach, expect, it } from 'vitest'
import { runToEnd, startAgent } from './fakes/agent-process.ts'
import { type Mosquitto, startMosquitto } from './fakes/mosquitto.ts'
import { observe } from './fakes/observer.ts'
import { describeWith } from './fakes/tools.ts'

describeWith(['mosquitto'], 'sensor-node simulate', () => {
  const cleanups: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const clean of cleanups.splice(0).reverse()) await clean()
  })

  const start = async (...args: readonly string[]) => {
    const mosquitto: Mosquitto = await startMosquitto()
    cleanups.push(() => mosquitto.stop())
    const { url } = mosquitto
    const observer = await observe(url)
    cleanups.push(() => observer.end())
    const fleet = startAgent(['simulate', '--url', url, '--nodes', '12', '--interval', '200ms', ...args])
    cleanups.push(() => fleet.end('SIGKILL'))
    await fleet.wrote(/all 12 nodes are connected/)
    await observer.until(({ topic, payload }) => /\/data$/.test(topic) && JSON.parse(payload).seq >= 3, { past: true })
    const last = (pattern: RegExp) =>
      new Map(observer.seen.filter(({ topic }) => pattern.test(topic)).map(({ topic, payload }) => [topic, payload]))
    return { url, mosquitto, observer, fleet, last }
  }
  /** What the broker still keeps, told to somebody new. */
  const kept = async (url: string) => {
    const late = await observe(url)
    await late.publish('done', '1')
    await late.until(({ topic }) => topic === 'done', { past: true })
    await late.end()
    return late.seen.filter(({ topic }) => topic !== 'done')
  }
  const IDS = Array.from({ length: 12 }, (_, index) => `sim-${String(index + 1).padStart(2, '0')}`)

  it('each node has an id, a birth, metrics and records of its own, with one run and a seq without gaps', async () => {
    const { observer, fleet, last } = await start('--sensors', '2')
    expect([...last(/^devices\/.*\/status$/).keys()].sort()).toEqual(IDS.map((id) => `devices/${id}/status`))
    const info = JSON.parse(last(/^devices\/sim-01\/info$/).get('devices/sim-01/info') ?? '')
    expect(info).toMatchObject({ node: 'sim-01', simulated: true, sensors: [{ type: 'simulated' }, { id: 's2' }] })
    expect(info.sensors[1].topics).toContain('sensors/sim-01/s2/temperature')
    expect(await fleet.end('SIGTERM')).toBe(0)
    const records = observer.seen.filter(({ topic }) => /\/data$/.test(topic)).map(({ payload }) => JSON.parse(payload))
    for (const node of IDS) {
      for (const sensor of [undefined, 's2']) {
        const own = records.filter((record) => record.node === node && record.sensor === sensor)
        expect(new Set(own.map(({ run }) => run)).size).toBe(1)
        expect(own.map(({ seq }) => seq)).toEqual(own.map((_, index) => index))
        expect(own[0]).toMatchObject({ temperature: expect.any(Number), humidity: expect.any(Number) })
      }
    }
    expect(new Set(records.map(({ run }) => run)).size).toBe(12)
  })

  it('at the end all are offline, and --clear leaves nothing at the broker', async () => {
    const { url, fleet, last } = await start()
    expect(await fleet.end('SIGINT')).toBe(0)
    expect(new Set(last(/^devices\/.*\/status$/).values())).toEqual(new Set(['offline']))
    expect((await kept(url)).length).toBeGreaterThan(12)
    const again = startAgent(['simulate', '--url', url, '--nodes', '12', '--interval', '200ms', '--clear'])
    cleanups.push(() => again.end('SIGKILL'))
    await again.wrote(/all 12 nodes are connected/)
    expect(await again.end('SIGTERM')).toBe(0)
    expect(await kept(url)).toEqual([])
  })

  it('fleet shows queue and faults of virtual nodes as of any other', async () => {
    const { url, observer, fleet } = await start('--sensors', '2', '--fail-every', '7')
    await observer.until(({ topic, payload }) => /^devices\/sim-03\/health$/.test(topic) && /on demand/.test(payload), {
      past: true,
    })
    const json = await runToEnd(['fleet', '--url', url, '--json'], {
      by: ['bash', '-c', 'exec "$@" 2>/dev/null', '--'],
    })
    const nodes: { queue?: number; version?: string; status: string }[] = JSON.parse(json.output).nodes
    expect(nodes).toHaveLength(12)
    for (const one of nodes)
      expect(one).toMatchObject({ status: 'online', version: expect.any(String), queue: expect.any(Number) })
    const told = observer.seen.filter(({ topic }) => topic === 'devices/sim-03/health')
    const failing = told
      .map(({ payload }) => JSON.parse(payload))
      .find(({ sensors }) => sensors[1].status === 'offline')
    expect(failing).toMatchObject({
      sensors: [{ type: 'simulated' }, { id: 's2', failed: 1, error: expect.stringContaining('fail_every') }],
      outbox: { depth: expect.any(Number), store: 'memory' },
    })
    expect(await fleet.end('SIGTERM')).toBe(0)
  }, 60_000)

  it('a crash makes every will come true', async () => {
    const { observer, fleet } = await start()
    const offline = Promise.all(
      IDS.map((id) =>
        observer.until(({ topic, payload }) => topic === `devices/${id}/status` && payload === 'offline'),
      ),
    )
    await fleet.end('SIGKILL')
    await offline
  })

  it('a broker that is full is told, with what to look at', async () => {
    const mosquitto = await startMosquitto(['allow_anonymous true', 'max_connections 5'])
    cleanups.push(() => mosquitto.stop())
    const fleet = startAgent(['simulate', '--url', mosquitto.url, '--nodes', '8'])
    cleanups.push(() => fleet.end('SIGKILL'))
    await fleet.wrote(/5 of 8 nodes are connected; the others: .*max_connections/)
    expect(await fleet.end('SIGTERM')).toBe(1)
  })

  it('says how many descriptors are needed where there are too few', async () => {
    const { code, output } = await runToEnd(['simulate', '--nodes', '500'], { by: ['prlimit', '--nofile=200:200'] })
    expect({ code, output }).toMatchObject({ code: 1, output: expect.stringMatching(/ulimit -n 550/) })
  })
})
