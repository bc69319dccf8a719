/** The scenes of the pictures: each runs the built command for real, and gives what stood on its terminal. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Aedes } from 'aedes'
import mqtt from 'mqtt'
import { createTelemetry, type Message } from '../../src/telemetry.ts'
import { BUILT } from '../fakes/agent-process.ts'
import type { Picture } from './svg.ts'
import { type Line, type Screen, startOnTerminal } from './terminal.ts'

export interface Scene extends Omit<Picture, 'lines'> {
  /** Of the file in docs/pictures. */
  readonly name: string
  play(stage: Stage): Promise<Line[]>
}

interface Stage {
  readonly folder: string
  readonly columns: number
  /** Starts sensor-node on a terminal that has room for it. */
  start(args: readonly string[], rows?: number): Screen
  /** The wall clock of what was started, in seconds after noon. */
  at(seconds: number): Promise<void>
}

const NOON = Date.UTC(2026, 0, 1, 12)
/** More than any scene needs: nothing scrolls away. */
const ROWS = 40
const PINNED = fileURLToPath(new URL('pinned.mjs', import.meta.url))
/** What the demo is to find: as much as one line has room for. */
const MACHINE = {
  'proc/loadavg': '0.21 0.18 0.11 1/152 4711\n',
  'proc/meminfo': 'MemTotal:         1892644 kB\nMemAvailable:    1514115 kB\n',
}

/** Plays a scene, and gives its picture. */
export async function photograph(scene: Scene): Promise<Picture> {
  const folder = await mkdtemp(join(tmpdir(), 'sensor-node-pictures-'))
  const screens: Screen[] = []
  const env = { NODE_OPTIONS: `--import=${PINNED}`, PINNED_FOLDER: folder, TZ: 'UTC', LANG: 'C.UTF-8' }
  const { columns } = scene
  const at = (seconds: number): Promise<void> => writeFile(join(folder, 'clock'), String(NOON + seconds * 1000))
  try {
    await at(0)
    await mkdir(join(folder, 'here'))
    for (const [path, text] of Object.entries(MACHINE)) {
      await mkdir(dirname(join(folder, 'root', path)), { recursive: true })
      await writeFile(join(folder, 'root', path), text)
    }
    const lines = await scene.play({
      ...{ folder, columns, at },
      start(args, rows = ROWS) {
        const cwd = join(folder, 'here')
        const instead = [[cwd, '/etc/sensor-node']] as const
        const whole = ['--no-warnings', BUILT, ...args]
        const screen = startOnTerminal({ program: process.execPath, args: whole, cwd, env, columns, rows, instead })
        screens.push(screen)
        return screen
      },
    })
    return { ...scene, lines }
  } finally {
    await Promise.all(screens.map((screen) => screen.end()))
    await rm(folder, { recursive: true, force: true })
  }
}

/** What a person typed. */
function prompt(command: string): Line {
  return [
    { text: '$ ', colour: 2, bold: true },
    { text: command, bold: true },
  ]
}

const DEMO: Scene = {
  name: 'demo',
  title: 'sensor-node demo',
  description:
    'A terminal after “sensor-node demo”: the address of its broker, lines to try from a second terminal, first readings of simulated sensors, and an LED that is switched on and off by commands.',
  columns: 108,
  async play({ folder, start, at }) {
    const screen = start(['demo'])
    await screen.shows(/board.*disk_used/)
    await screen.shows(/humidity/)
    const port = await readFile(join(folder, 'port'), 'utf8')
    const operator = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`)
    try {
      await at(4)
      await operator.publishAsync('gpio/17/command', 'on', { qos: 1 })
      await screen.shows(/LED\) +on/)
      await at(9)
      await operator.publishAsync('gpio/17/command', 'toggle', { qos: 1 })
      await screen.shows(/LED\) +on[\s\S]*LED\) +off/)
    } finally {
      await operator.endAsync()
    }
    return [prompt('sensor-node demo'), ...screen.lines()]
  },
}

const CHECK: Scene = {
  name: 'check',
  title: 'sensor-node check',
  description:
    'A terminal: a configuration of seven lines in which “interval” is misspelt, and what “sensor-node check” says of it: file, line and column, the unknown key, and the word that was probably meant.',
  columns: 92,
  async play({ folder, start }) {
    const lines = [
      'node: { id: rpi001 }',
      'sensors:',
      '  - type: bme280',
      '    intervall: 10s',
      'gpio:',
      '  outputs:',
      '    - { pin: 17, name: LED }',
    ]
    await writeFile(join(folder, 'here/config.yaml'), `${lines.join('\n')}\n`)
    const screen = start(['check'])
    const status = await screen.exited
    const listing = lines.map((line, index): Line => [{ text: `     ${index + 1}  ${line}` }])
    return [
      prompt('cat -n config.yaml'),
      ...listing,
      prompt('sensor-node check'),
      ...screen.lines(),
      prompt('echo $?'),
      [{ text: String(status) }],
    ]
  },
}

const telemetryOf = (node: string) =>
  createTelemetry({
    node,
    run: 'k3f9',
    topics: { sensors: `sensors/${node}`, devices: `devices/${node}`, gpio: `gpio/${node}`, alerts: `alerts/${node}` },
  })

type Values = Parameters<ReturnType<typeof createTelemetry>['record']>[1]['values']

/** What a node publishes of one read. */
function readingOf(node: string, sensor: string | undefined, seconds: number, values: Values): Message[] {
  const due = Object.keys(values) as (keyof typeof values)[] // as an object literal has them
  const reading = { at: NOON + seconds * 1000, due, values, rejected: [] }
  const telemetry = telemetryOf(node)
  return [...telemetry.metrics(sensor, reading, () => undefined), telemetry.record(sensor, reading, 0)]
}

const WATCH: Scene = {
  name: 'watch',
  title: 'sensor-node watch',
  description:
    'A terminal with the table of “sensor-node watch”: each metric of three nodes with value, unit, age, status and alerts. The fridge of the kitchen is too warm, and the node in the garden is offline.',
  columns: 88,
  async play({ folder, start, at }) {
    const broker = await Aedes.createBroker()
    const server = createServer((socket) => broker.handle(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    await writeFile(join(folder, 'port'), String(port))
    const nodes = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`)
    const publish = async (messages: readonly Message[]): Promise<void> => {
      for (const { topic, payload, retain, qos } of messages) await nodes.publishAsync(topic, payload, { retain, qos })
    }
    const since = { sensor: 'fridge', since: NOON, count: 1, unsynchronised: false }
    const about = { rule: 'warm', metric: 'temperature', value: 8.9 }
    try {
      await publish([
        telemetryOf('garden').status('offline'),
        ...readingOf('garden', undefined, -600, { temperature: 4.2, illuminance: 310 }),
      ])
      const screen = start(['watch', '--url', 'mqtt://broker.local:1883'])
      await screen.shows(/garden +illuminance/)
      await publish([
        telemetryOf('cellar').status('online'),
        telemetryOf('cellar').pinState(22, 1),
        ...readingOf('cellar', 'boiler', 0, { temperature: 61.5 }),
      ])
      await screen.shows(/boiler/)
      await at(17)
      await publish([
        telemetryOf('kitchen').status('online'),
        ...readingOf('kitchen', undefined, 17, { temperature: 21.5, humidity: 40.2, pressure: 1013.2 }),
        telemetryOf('kitchen').pinState(17, 0),
      ])
      await screen.shows(/gpio 17/)
      await at(20)
      await publish([
        telemetryOf('kitchen').alert('fridge_warm', { ...since, about }),
        ...readingOf('kitchen', 'fridge', 20, { temperature: 8.9 }),
      ])
      await screen.shows(/8\.9.*now.*fridge_warm/)
      return [prompt('sensor-node watch --url mqtt://broker.local:1883'), ...screen.lines()]
    } finally {
      await nodes.endAsync(true)
      await new Promise<void>((resolve) => broker.close(() => server.close(() => resolve())))
    }
  },
}

export const SCENES: readonly Scene[] = [DEMO, WATCH, CHECK]
