/**
 * `sensor-node demo`: the shipped configuration with simulated hardware, a broker of its own on loopback, and
 * live readings for a person to watch. The first thing that a newcomer runs.
 */
import { createServer, type Server } from 'node:net'
import { Aedes, type AedesPublishPacket } from 'aedes'
import { runAgent } from '../agent.ts'
import { systemClock } from '../clock.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { createLog } from '../log.ts'
import type { LogLevel } from '../log-level.ts'
import { createDisplay } from './display.ts'
import { createEvents } from './events.ts'
import { EXIT } from './exit-code.ts'
import { loadEnv } from './load-env.ts'
import { onOutputGone } from './output.ts'
import { packageFile } from './package.ts'
import { untilSignal } from './signals.ts'
import { createWorld } from './world.ts'

const HOST = '127.0.0.1'
const FIRST_PORT = 1883
const PORTS_TRIED = 100

/** Options of `demo` as the command line gives them. */
export interface DemoFlags {
  readonly logLevel: LogLevel
  readonly json?: boolean
}

/** @throws ConfigError with all problems */
export async function demo({ logLevel: level, json = false }: DemoFlags): Promise<number> {
  const tell = createEvents(json, systemClock)
  const print = (line: string): void => {
    if (!json) process.stdout.write(`${line}\n`)
  }
  const gone = new AbortController()
  onOutputGone(() => gone.abort())
  const signal = AbortSignal.any([untilSignal(() => print('\nstopping …')), gone.signal])
  const log = await createLog(level, (json ? process.stderr : process.stdout).isTTY, json ? 2 : 1)
  const loaded = await loadConfig(packageFile('config.yaml'), loadEnv())

  const broker = await Aedes.createBroker()
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    broker.handle(socket)
  })
  const port = await listenOnFreePort(server)
  const config = forDemo(loaded.config, port)
  print(introduction(config, port))

  tell('listening', { broker: config.mqtt.url, node: config.node.id })
  const display = createDisplay(config, print)
  broker.on('publish', ({ topic, payload, retain }: AedesPublishPacket) => {
    display(topic, payload.toString())
    if (!topic.startsWith('$SYS/')) tell('message', { topic, payload: payload.toString(), retain })
  })
  try {
    await runAgent(config, await createWorld(config, log, true), signal)
  } finally {
    await new Promise<void>((resolve) => broker.close(() => server.close(() => resolve())))
  }
  print('stopped')
  return EXIT.ok
}

/** The same configuration, at the broker of the demo, and with this machine's own state beside the simulated things. */
function forDemo(config: Config, port: number): Config {
  const { client_id, keepalive } = config.mqtt
  const hasSystem = config.sensors.some(({ type }) => type === 'system')
  const system = { type: 'system', id: 'board', interval: 10_000, metrics: {} } as const
  return {
    ...config,
    mqtt: { url: `mqtt://${HOST}:${port}`, protocol: 4, client_id, keepalive }, // the embedded broker speaks 3.1.1 only
    sensors: hasSystem ? config.sensors : [...config.sensors, system],
  }
}

function introduction(config: Config, port: number): string {
  const at = `-h ${HOST} -p ${port}`
  const [output] = config.gpio.outputs
  const { sensors, devices, gpio } = config.topics
  const command = `${gpio}/${output?.pin ?? 17}/command`
  const moved = port === FIRST_PORT ? '' : ` (${FIRST_PORT} is in use)`
  return [
    `A broker listens on ${HOST}, port ${port}${moved}. Node "${config.node.id}" runs with simulated hardware;`,
    'what it tells of this machine (load, memory, disk …) is real.',
    '',
    'Try it from a second terminal (sudo apt install mosquitto-clients):',
    '',
    `  mosquitto_sub ${at} -v -t '${sensors}/#' -t '${devices}/#' -t '${gpio}/#'`,
    `  mosquitto_pub ${at} -t ${command} -m on`,
    `  mosquitto_pub ${at} -t ${command} -m toggle`,
    `  mosquitto_pub ${at} -t ${command} -m '{"state":"on","for":"5s"}'`,
    '',
    'Ctrl-C ends it.',
    '',
  ].join('\n')
}

async function listenOnFreePort(server: Server): Promise<number> {
  for (let port = FIRST_PORT; port < FIRST_PORT + PORTS_TRIED; port += 1) {
    if (await listens(server, port)) return port
  }
  throw new Error(`none of the ports ${FIRST_PORT} to ${FIRST_PORT + PORTS_TRIED - 1} on ${HOST} is free`)
}

function listens(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false)
      else reject(error)
    }
    server.once('error', failed)
    server.listen(port, HOST, () => {
      server.off('error', failed)
      resolve(true)
    })
  })
}
