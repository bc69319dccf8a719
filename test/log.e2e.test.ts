/** `sensor-node log` as a process, at a real broker: killed, taken away its broker, and in a group. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type AgentProcess, runToEnd, startAgent } from './fakes/agent-process.ts'
import { type Mosquitto, startMosquitto } from './fakes/mosquitto.ts'
import { observe } from './fakes/observer.ts'
import { describeWith } from './fakes/tools.ts'

interface Line {
  readonly device_id: string
  readonly sensor: string
  readonly metric: string
  readonly value: unknown
  readonly run?: string
  readonly seq?: number
}

const OPEN = ['allow_anonymous true', 'max_queued_messages 0']

describeWith(['mosquitto'], 'sensor-node log', () => {
  let folder: string
  const cleanups: (() => Promise<unknown>)[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sensor-node-log-'))
  })
  afterEach(async () => {
    for (const clean of cleanups.splice(0).reverse()) await clean()
    rmSync(folder, { recursive: true, force: true })
  })

  const broker = async (extra = OPEN): Promise<Mosquitto> => {
    const mosquitto = await startMosquitto(extra)
    cleanups.push(() => mosquitto.stop())
    return mosquitto
  }
  const start = async (url: string, ...args: readonly string[]): Promise<AgentProcess> => {
    const logger = startAgent(['log', '--url', url, ...args])
    cleanups.push(() => logger.end('SIGKILL'))
    await logger.wrote(/logging .* as /)
    return logger
  }
  const publisher = async (url: string) => {
    const client = await mqtt.connectAsync(url, { protocolVersion: 5, reconnectPeriod: 100 })
    cleanups.push(() => client.endAsync(true))
    return (topic: string, payload: string | object, qos: 0 | 1 = 1) =>
      client.publishAsync(topic, typeof payload === 'string' ? payload : JSON.stringify(payload), { qos })
  }
  const record = (seq: number) => ({ timestamp: '2026-01-01T00:00:00Z', node: 'n', run: 'r', seq, count: seq })
  const place = (name: string): string => join(folder, name)
  /** Of a file of JSON; throws at a line that is not whole. */
  const linesOf = (name: string): Line[] => {
    const text = readFileSync(place(name), 'utf8')
    expect(text === '' || text.endsWith('\n')).toBe(true)
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  }
  const until = async (fits: () => boolean, ms = 20_000): Promise<void> => {
    for (const end = Date.now() + ms; !fits(); ) {
      if (Date.now() > end) throw new Error(`not within ${ms} ms`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const seqs = (lines: readonly Line[]): (number | undefined)[] => lines.map(({ seq }) => seq)
  const range = (count: number): number[] => Array.from({ length: count }, (_, seq) => seq)

  it.each([
    ['in mid-write', []],
    ['while it puts files away', ['--rotate', '10kB']],
  ])(
    'killed %s again and again, has every record once and no half line',
    async (_, more) => {
      const { url } = await broker()
      const args = ['--jsonl', place('r.jsonl'), '--id', 'archive', ...more]
      const all = (): Line[] =>
        readdirSync(folder)
          .filter((name) => /\.jsonl$/.test(name))
          .flatMap(linesOf)
      let logger = await start(url, ...args)
      const publish = await publisher(url)
      const COUNT = 3000
      let published = 0
      const publishing = (async () => {
        while (published < COUNT) {
          const next = range(50).map((index) => publish('sensors/n/data', record(published + index)))
          published += next.length
          await Promise.all(next)
        }
      })()
      for (let kill = 1; kill <= 4; kill += 1) {
        await until(() => existsSync(place('r.jsonl')) && published >= (COUNT / 6) * kill)
        expect(await logger.end('SIGKILL')).toBe('SIGKILL')
        logger = await start(url, ...args)
      }
      await publishing
      await until(() => all().length >= COUNT)
      expect(await logger.end('SIGTERM')).toBe(0)
      expect(seqs(all()).sort((a = 0, b = 0) => a - b)).toEqual(range(COUNT))
    },
    90_000,
  )

  it('an outage of the logger loses nothing, and metrics are not taken from who has records', async () => {
    const { url } = await broker()
    const args = ['--csv', place('r.csv')]
    const logger = await start(url, ...args)
    const publish = await publisher(url)
    await publish('sensors/n/data', record(0))
    await publish('sensors/n/count', '0')
    await publish('sensors/other/door', 'a "b",\nc')
    await until(() => readFileSync(place('r.csv'), 'utf8').includes('door'))
    expect(await logger.end('SIGINT')).toBe(0)
    await publish('gpio/20/data', { ...record(0), pin: 20, total: 0.5 })
    for (let seq = 1; seq <= 300; seq += 1) await publish('sensors/n/data', record(seq))
    const next = await start(url, ...args)
    await until(() => readFileSync(place('r.csv'), 'utf8').includes(',count,300'))
    expect(await next.end('SIGTERM')).toBe(0)
    expect(next.output()).toMatch(/302 readings written/)
    expect(next.output()).toMatch(/persistence true and max_queued_messages 0/)
    const text = readFileSync(place('r.csv'), 'utf8')
    expect(text.match(/,n,,count,/g)).toHaveLength(301)
    expect(text).toMatch(/,n,gpio\/20,count,0\n.*,n,gpio\/20,total,0\.5\n/)
    expect(text).toMatch(/,other,,door,"a ""b"",\nc"\n/)
  }, 60_000)

  it('an outage of a broker that is set up for it loses nothing', async () => {
    const persistent = [
      ...OPEN,
      'user root', // who may write to the folder, where the test is root
      'persistence true',
      `persistence_location ${folder}/`,
      'autosave_on_changes true',
      'autosave_interval 1',
    ]
    const mosquitto = await broker(persistent)
    const args = ['--jsonl', place('r.jsonl')]
    const logger = await start(mosquitto.url, ...args)
    const publish = await publisher(mosquitto.url)
    await publish('sensors/n/data', record(0))
    await until(() => linesOf('r.jsonl').length === 1)
    expect(await logger.end('SIGKILL')).toBe('SIGKILL')
    for (let seq = 1; seq < 50; seq += 1) await publish('sensors/n/data', record(seq))
    const stored = (): boolean => readFileSync(place('mosquitto.db')).includes('"seq":49,')
    await until(() => existsSync(place('mosquitto.db')) && stored())
    await mosquitto.kill()
    const next = startAgent(['log', '--url', mosquitto.url, ...args])
    cleanups.push(() => next.end('SIGKILL'))
    await next.wrote(/trying again/)
    expect(next.output()).not.toMatch(/^logging/m)
    await mosquitto.start()
    await until(() => linesOf('r.jsonl').length >= 50)
    expect(await next.end('SIGTERM')).toBe(0)
    expect(seqs(linesOf('r.jsonl'))).toEqual(range(50))
    expect(next.output()).not.toMatch(/knew no session/)
  }, 60_000)

  it('says that a broker has forgotten the session', async () => {
    const mosquitto = await broker()
    const logger = await start(mosquitto.url, '--jsonl', place('r.jsonl'))
    await mosquitto.kill()
    await logger.wrote(/trying again/)
    await mosquitto.start()
    await logger.wrote(/the broker knew no session of sn-log-.* is lost/)
  }, 30_000)

  it('two loggers share 200 nodes: each record once while both are there, none lost when one is killed', async () => {
    const { url } = await broker()
    const observer = await observe(url)
    cleanups.push(() => observer.end())
    const args = ['--share', 'archive']
    const loggers = [
      await start(url, ...args, '--id', 'one', '--jsonl', place('1.jsonl')),
      await start(url, ...args, '--id', 'two', '--jsonl', place('2.jsonl')),
    ]
    const fleet = startAgent(['simulate', '--url', url, '--nodes', '200', '--interval', '1s'])
    cleanups.push(() => fleet.end('SIGKILL'))
    await fleet.wrote(/all 200 nodes are connected/, 30_000)

    const published = (): string[] =>
      observer.seen.filter(({ topic }) => topic.endsWith('/data')).map(({ payload }) => keyOf(JSON.parse(payload)))
    const logged = (...names: readonly string[]): string[] =>
      names.flatMap((name) => linesOf(name).filter(({ metric }) => metric === 'temperature')).map(keyOf)
    const first = published().length
    await until(() => published().length > first + 500)
    const told = published()
    await until(() => includes(logged('1.jsonl', '2.jsonl'), told))
    const both = logged('1.jsonl', '2.jsonl')
    expect(new Set(both).size).toBe(both.length)
    expect(Math.min(linesOf('1.jsonl').length, linesOf('2.jsonl').length)).toBeGreaterThan(told.length / 4)

    expect(await loggers[0]?.end('SIGKILL')).toBe('SIGKILL')
    await loggers[1]?.wrote(/one is away: its share comes here/)
    const then = published().length
    await until(() => published().length > then + 500)
    expect(await fleet.end('SIGTERM')).toBe(0)
    const all = published()
    expect(new Set(all.map((key) => key.split(' ')[0])).size).toBe(200)
    await until(() => includes(logged('1.jsonl', '2.jsonl'), all))
    // What was written by one and not acknowledged may be there twice: not more than a broker has under way, and what a
    // node on a busy machine has sent again.
    const pair = logged('1.jsonl', '2.jsonl')
    const sent = published()
    const again = sent.length - new Set(sent).size
    expect(pair.length - new Set(pair).size).toBeLessThanOrEqual(20 + again)
    expect(await loggers[1]?.end('SIGTERM')).toBe(0)
  }, 120_000)

  it('of four loggers two die at once, then the one that looked after them: nothing is lost, nobody fights', async () => {
    const { url } = await broker()
    const names = ['a', 'b', 'c', 'd'] as const
    const loggers = new Map<string, AgentProcess>()
    for (const name of names)
      loggers.set(name, await start(url, '--share', 'archive', '--id', name, '--jsonl', place(`${name}.jsonl`)))
    const publish = await publisher(url)
    let count = 0
    const some = async (): Promise<void> => {
      for (const end = count + 300; count < end; count += 1) await publish('sensors/n/data', record(count))
    }
    const kill = (name: string) => loggers.get(name)?.end('SIGKILL')
    await some()
    await Promise.all([some(), kill('a'), kill('c')])
    await loggers.get('b')?.wrote(/a is away: its share comes here/)
    await loggers.get('d')?.wrote(/c is away: its share comes here/)
    await Promise.all([some(), kill('b')])
    await loggers.get('d')?.wrote(/a is away: its share comes here/)
    await loggers.get('d')?.wrote(/b is away: its share comes here/)
    await some()
    const written = (): Set<unknown> => new Set(names.flatMap((name) => seqs(linesOf(`${name}.jsonl`))))
    await until(() => written().size === count)
    expect(await loggers.get('d')?.end('SIGTERM')).toBe(0)
    expect(
      loggers
        .get('d')
        ?.output()
        .match(/is away/g),
    ).toHaveLength(3)
  }, 60_000)

  it('a logger that comes back gets its own share again', async () => {
    const { url } = await broker()
    const args = ['--share', 'archive']
    const one = await start(url, ...args, '--id', 'one', '--jsonl', place('1.jsonl'))
    const two = await start(url, ...args, '--id', 'two', '--jsonl', place('2.jsonl'))
    await one.end('SIGKILL')
    await two.wrote(/one is away/)
    const back = await start(url, ...args, '--id', 'one', '--jsonl', place('1.jsonl'))
    await two.wrote(/one gets its own share again/)
    const publish = await publisher(url)
    for (let seq = 0; seq < 20; seq += 1) await publish('sensors/n/data', record(seq))
    await until(() => linesOf('1.jsonl').length + linesOf('2.jsonl').length >= 20)
    expect(linesOf('1.jsonl').length).toBe(10)
    expect(await back.end('SIGTERM')).toBe(0)
    expect(back.output()).not.toMatch(/another client is/)
  }, 60_000)

  it('one file is written by one logger, a second one ends with 1, and a shared id is told', async () => {
    const { url } = await broker()
    const first = await start(url, '--csv', place('r.csv'), '--id', 'same')
    const second = await runToEnd(['log', '--url', url, '--csv', place('r.csv'), '--id', 'other'])
    expect(second).toMatchObject({ code: 1, output: expect.stringContaining('is being written by another') })
    const rival = await start(url, '--csv', place('s.csv'), '--id', 'same')
    // MQTT 5 has a word for it, which not every broker says.
    await Promise.race([first, rival].map((logger) => logger.wrote(/--id of its own/, 40_000)))
  }, 60_000)

  it.each([
    [['--csv', 'a', '--jsonl', 'b'], 78, /cannot be used/],
    [[], 78, /--csv FILE and --jsonl FILE/],
    [['--csv', 'a', '--rotate', 'hour'], 78, /day, or a size/],
    [['--csv', 'a', '--keep', '3'], 78, /--keep needs --rotate/],
    [['--csv', 'a', '--share', 'a/b'], 78, /letters, digits/],
    [['--csv', 'no/such/folder/r.csv', '--url', 'mqtt://127.0.0.1:1'], 1, /no such file/],
  ])('refuses %j with exit code %i', async (args, expected, reason) => {
    const { code, output } = await runToEnd(['log', ...args], { cwd: folder })
    expect({ code, output }).toMatchObject({ code: expected, output: expect.stringMatching(reason) })
    expect(readdirSync(folder)).toEqual([])
  })
})

function keyOf({ node, device_id, sensor = '', run, seq }: Partial<Line> & { readonly node?: string }): string {
  return `${node ?? device_id} ${sensor} ${run} ${seq}`
}

function includes(all: readonly string[], some: readonly string[]): boolean {
  const set = new Set(all)
  return some.every((one) => set.has(one))
}
