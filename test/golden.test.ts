/**
 * The public contract as text: every message of a simulated day, in order, is `test/golden/topics.txt`, that of a
 * counter `counter.txt`, that of rules `rules.txt`, and requests with their answers `requests.txt`. A change of any topic or
 * payload shows there as a difference. `npm run golden` writes them anew.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import { expect, it } from 'vitest'
import { runAgent } from '../src/agent.ts'
import { loadConfig } from '../src/config/load.ts'
import { createMockGpio, type MockBoard } from '../src/gpio/mock.ts'
import { createNotifier } from '../src/systemd.ts'
import { FakeClock, settled } from './fakes/fake-clock.ts'
import { recordLog } from './fakes/recording-log.ts'

const DAY = `
node: { id: rpi001 }
mqtt: { url: 'mqtt://127.0.0.1:PORT', protocol: 4 }
sensors:
  - { type: bme280, interval: 6h }
  - id: attic
    type: simulated
    interval: 3h
    fail_every: 4
    metrics:
      temperature: { shape: ramp, min: 20, max: 30, period: 1d, offset: -0.5, digits: 1 }
      humidity: { shape: step, min: 40, max: 60, period: 12h, change: 5, heartbeat: 12h }
      count: { shape: counter }
gpio:
  outputs:
    - { pin: 17, name: LED }
    - { pin: 22, name: Pump, active_low: true, on_exit: keep }
  inputs:
    - { pin: 27, name: Door }
`

const COUNTER = `
node: { id: rpi001 }
mqtt: { url: 'mqtt://127.0.0.1:PORT', protocol: 4 }
gpio:
  inputs:
    - { pin: 20, name: Rain, mode: counter, per_pulse: 0.2794, unit: mm, interval: 1m, rate: { per: hour } }
`

const REMOTE = `
node: { id: rpi001 }
mqtt: { url: 'mqtt://127.0.0.1:PORT', protocol: 4 }
sensors:
  - { type: bme280, interval: 6h }
  - { id: attic, type: simulated, interval: 3h, fail_every: 2, metrics: { temperature: { shape: constant, value: 21 } } }
remote: true
`

const RULES = `
node: { id: rpi001 }
mqtt: { url: 'mqtt://127.0.0.1:PORT', protocol: 4 }
sensors:
  - { id: attic, type: simulated, interval: 10m, metrics: { temperature: { shape: step, min: 20, max: 35, period: 4h } } }
gpio:
  outputs:
    - { pin: 17, name: LED }
  inputs:
    - { pin: 27, name: Button, debounce: 0ms }
rules:
  - id: hot
    when: { metric: temperature, sensor: attic, above: 30, for: 20m, hysteresis: 1 }
    then: { alert: high_temp }
    repeat: 30m
    escalate: { after: 1h, alert: fire, publish: { topic: 'house/{node}/siren', payload: '{value}', qos: 2, retain: true } }
  - when: { pin: 27, becomes: on }
    then: { set: { pin: 17, state: toggle } }
`

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** What differs from one run to the next says nothing about the contract. */
const CHANCE = /"(uptime|for|rss|heap_used|age|timestamp|started|host|model|os|kernel|node_js|version)":("[^"]*"|\d+)/g

interface Play {
  readonly gpio: MockBoard
  command(pin: number, payload: string, answer: string): Promise<void>
  request(payload: string): Promise<void>
  pass(ms: number): Promise<void>
  /** As a time server does. */
  setClock(): Promise<void>
}

/** Of systemd-timesyncd. */
const TIMESYNCD = 'run/systemd/timesync'

it('publishes a whole day exactly as the golden file says', async () => {
  await play('topics.txt', DAY, async ({ gpio, command, pass, setClock }) => {
    await setClock() // the first records were read without
    await pass(7 * HOUR)
    await command(17, 'on', 'gpio/17/state')
    await command(22, '{"state":"toggle","for":"10m"}', 'gpio/22/state')
    await command(17, 'maybe', 'gpio/17/error')
    await command(5, 'on', 'gpio/5/error')
    await pass(HOUR)
    gpio.drive(27, 1)
    await pass(16 * HOUR)
  })
}, 60_000)

it('publishes a shower in the rain gauge exactly as the golden file says', async () => {
  await play('counter.txt', COUNTER, async ({ gpio, command, pass }) => {
    await pass(2 * MINUTE)
    for (let tip = 0; tip < 12; tip += 1) {
      gpio.drive(20, 1)
      gpio.drive(20, 0)
      await pass(20_000)
    }
    await pass(6 * MINUTE)
    await command(20, 'on', 'gpio/20/error')
  })
})

it('answers requests exactly as the golden file says', async () => {
  await play('requests.txt', REMOTE, async ({ request, pass }) => {
    await pass(MINUTE)
    await request('{"id":"a1","action":"ping"}')
    await request('{"id":2,"action":"info"}')
    await request('{"id":"a3","action":"read"}')
    await request('{"action":"read","sensor":"attic"}')
    await request('{"id":"a4","action":"read","sensor":"cellar"}')
    await request('{"id":"a5","action":"log_level","level":"debug"}')
    await request('{"id":"a6","action":"reload"}')
    await request('{"id":"a7","action":"restart"}')
    await request('ping')
  })
})

it('publishes what rules do exactly as the golden file says', async () => {
  await play('rules.txt', RULES, async ({ gpio, pass }) => {
    await pass(2 * HOUR)
    for (const level of [1, 0, 1, 0] as const) {
      gpio.drive(27, level)
      await pass(MINUTE)
    }
    await pass(2 * HOUR)
  })
}, 60_000)

/** Runs an agent through it, and holds all that it publishes to the file. */
async function play(golden: string, yaml: string, script: (play: Play) => Promise<void>): Promise<void> {
  const GOLDEN = new URL(`golden/${golden}`, import.meta.url)
  const broker = await Aedes.createBroker()
  const server = createServer((socket) => void broker.handle(socket.setNoDelay(true)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const folder = await mkdtemp(join(tmpdir(), 'sensor-node-golden-'))
  const file = join(folder, 'config.yaml')
  // Without this folder nobody knows whether the clock was set.
  if (yaml === DAY) await mkdir(join(folder, TIMESYNCD), { recursive: true })
  await writeFile(file, yaml.replace('PORT', String(address.port)))

  const clock = new FakeClock(Date.UTC(2026, 5, 1))
  const lines: string[] = []
  let heard = (): void => {}
  broker.on('publish', ({ topic, payload, qos, retain }, client) => {
    if (client === null || topic.startsWith('$SYS')) return
    const record = /\/(data|alert)$/.test(topic)
    const text = record ? payload.toString() : payload.toString().replaceAll(CHANCE, '"$1":…')
    lines.push(`${topic} qos ${qos}${retain ? ' retained' : ''}\n    ${text}`)
    heard()
  })
  const { log, told } = recordLog()
  const gpio = createMockGpio({ clock, log })
  const { config } = await loadConfig(file, { env: {}, hostname: 'rpi001' })
  const controller = new AbortController()
  let idle = async (): Promise<void> => {}
  let running: Promise<void> = Promise.resolve()
  await new Promise<void>((onReady) => {
    running = runAgent(
      config,
      {
        clock,
        gpio,
        log,
        root: folder,
        notifier: createNotifier({ env: {}, pid: 1, clock, log }),
        simulate: true,
        version: '0',
        password: async () => undefined,
        stateFolder: undefined,
        runtimeFolder: undefined,
        random: () => 0,
        run: 'k3f9',
        onReady(agent) {
          idle = () => agent.idle()
          onReady()
        },
      },
      controller.signal,
    )
  })
  const until = (topic: string): Promise<void> =>
    new Promise((resolve) => {
      heard = () => {
        if (lines.some((line) => line.startsWith(topic))) resolve()
      }
      heard()
    })
  const send = async (topic: string, payload: string, answer: string): Promise<void> => {
    const count = lines.filter((line) => line.startsWith(answer)).length
    const answered = new Promise<void>((resolve) => {
      heard = () => {
        if (lines.filter((line) => line.startsWith(answer)).length > count) resolve()
      }
    })
    lines.push(`>>> ${topic}\n    ${payload}`)
    broker.publish({ cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false }, () => {})
    await answered
    await idle()
  }
  const command: Play['command'] = (pin, payload, answer) => send(`gpio/${pin}/command`, payload, answer)
  const request: Play['request'] = (payload) => send('devices/rpi001/request', payload, 'devices/rpi001/response')
  const pass = async (ms: number): Promise<void> => {
    const end = clock.monotonic() + ms
    while (clock.monotonic() < end) {
      await clock.advance(Math.min(end, clock.next ?? end) - clock.monotonic())
      await idle()
    }
  }

  await until('devices/rpi001/health')
  await idle()
  const setClock = async (): Promise<void> => {
    await mkdir(join(folder, TIMESYNCD), { recursive: true })
    await writeFile(join(folder, TIMESYNCD, 'synchronized'), '')
    await clock.advance(1000)
    while (!told('info').includes('info the clock is synchronised')) await settled() // a real file is looked at
  }
  await script({ gpio, command, request, pass, setClock })
  controller.abort()
  await settled()
  await running
  await new Promise<void>((resolve) => broker.close(() => server.close(() => resolve())))
  await rm(folder, { recursive: true })

  const text = `${squashed(lines).join('\n')}\n`
  if (process.env.SENSOR_NODE_WRITE === 'golden') await writeFile(GOLDEN, text)
  expect(text).toBe(await readFile(GOLDEN, 'utf8'))
}

/** The same message several times in a row is one line with its count. */
function squashed(lines: readonly string[]): string[] {
  const result: { line: string; count: number }[] = []
  for (const line of lines) {
    const last = result.at(-1)
    if (last?.line === line) last.count += 1
    else result.push({ line, count: 1 })
  }
  return result.map(({ line, count }) => (count === 1 ? line : line.replace('\n', `  × ${count}\n`)))
}
