/** Who takes part: the built agent and its floors, and how each is told to do one and the same job. */
import { execFile } from 'node:child_process'
import { access, constants, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findProgram } from './broker.ts'
import { nodeRed } from './node-red.ts'
import type { Program } from './process.ts'
import { readService } from './service.ts'

/** The same for all: sensors that are read, and pins that obey. */
export interface Job {
  readonly port: number
  /** Who all topics but those of the pins are named after; default `NODE`. */
  readonly as?: string
  readonly sensors: number
  readonly intervalMs: number
  /** What each sensor measures. */
  readonly quantities: readonly string[]
  /** `json`: a record of each read; `both`: and each quantity on a topic of its own. */
  readonly what: 'json' | 'both'
  /** Without pins: sensors alone. Default: 27 outputs and an input. */
  readonly pins?: false
  /** For the floors: so many sensors share a timer, and with it a write. */
  readonly batch: number
  /** With a Node.js of its own, a copy: nobody shares its pages, as on a machine where it is the only one. */
  readonly alone?: true
}

export interface Contestant {
  readonly name: string
  /** The program for a job; writes its configuration into `folder`, which is its own and kept between its runs. */
  program(job: Job, folder: string): Promise<Program>
  /** The same, turning its input at each line that it reads; when these end, the moments go to the file `times`. */
  turning?(job: Job, folder: string, times: string): Promise<Program>
}

/** A contestant that can't take part, and what to do about it. */
export interface Absent {
  readonly name: string
  readonly why: string
}

export interface Wanted {
  /** Folder of the project. */
  readonly top: string
  /** The Node.js of agent and floor. */
  readonly node: string
  /** Another built agent to be measured beside this one: its dist/main.js. */
  readonly before: string | undefined
  readonly peers: boolean
  /** Where programs are built. */
  readonly folder: string
  /** Put before Node.js: an emulator. */
  readonly by: readonly string[]
}

/** Who `status` and all topics are named after. */
export const NODE = 'bench'
export const STATUS = `devices/${NODE}/status`
/** Pins that are outputs of the agent: all of the header but one, so that many commands can be under way. */
export const PINS = Array.from({ length: 27 }, (_, pin) => pin)
/** The one that is an input, without debouncing. */
export const INPUT = 27

const run = promisify(execFile)

export async function gather(wanted: Wanted): Promise<{ present: Contestant[]; absent: Absent[] }> {
  const { top, before, by } = wanted
  // What is not emulated can't be compared.
  const native = by.length === 0
  const found = [
    agent('agent', join(top, 'dist/main.js'), wanted),
    ...(before === undefined ? [] : [agent('before', before, wanted)]),
    bare(wanted),
    ...(native ? [await floorInC(wanted)] : []),
    ...(native && wanted.peers ? [await paho(wanted), await nodeRed(wanted)] : []),
  ]
  return {
    present: found.filter((one): one is Contestant => 'program' in one),
    absent: found.filter((one): one is Absent => 'why' in one),
  }
}

/** The agent as its service runs it, but for systemd: flags, environment, state on disk. */
function agent(name: string, main: string, { top, node, by }: Wanted): Contestant {
  const program = async (job: Job, folder: string, args: (config: string) => readonly string[]): Promise<Program> => {
    const service = readService(join(top, 'deploy/sensor-node.service'), folder)
    const config = join(folder, 'config.yaml')
    await writeFile(config, configOf(job))
    const own = await nodeFor(job, node, folder)
    return nodeProgram(by, own, [...service.flags, ...args(config)], service.env)
  }
  const inHand = join(top, 'bench/edge-agent.mjs')
  return {
    name,
    program: (job, folder) => program(job, folder, (config) => [main, 'run', '--config', config]),
    ...(name === 'agent'
      ? { turning: (job, folder, times) => program(job, folder, (config) => [inHand, config, `${INPUT}`, times]) }
      : {}),
  }
}

/** The agent's configuration for a job: sensors and pins without hardware. A metric that never changes enough stays on its record. */
export function configOf({ port, as = NODE, sensors, intervalMs, quantities, what, pins }: Job): string {
  const filters = what === 'json' ? ', change: 1000000' : ''
  const metrics = quantities.map((name) => `${name}: { period: 1m, digits: 1${filters} }`).join(', ')
  const lines = Array.from(
    { length: sensors },
    (_, index) => `  - { id: s${index}, type: simulated, interval: ${intervalMs}ms, metrics: { ${metrics} } }`,
  )
  return [
    `node: { id: ${as} }`,
    `mqtt: { url: 'mqtt://127.0.0.1:${port}' }`,
    ...(pins === false
      ? []
      : [
          'gpio:',
          '  backend: mock',
          `  outputs: [${PINS.map((pin) => `{ pin: ${pin} }`).join(', ')}]`,
          `  inputs: [{ pin: ${INPUT}, debounce: 0ms }]`,
        ]),
    ...(sensors === 0 ? [] : ['sensors:', ...lines]),
    '',
  ].join('\n')
}

function bare({ top, node, by }: Wanted): Contestant {
  return {
    name: 'bare',
    async program(job, folder) {
      const own = await nodeFor(job, node, folder)
      return nodeProgram(by, own, [join(top, 'bench/floors/bare.mjs'), ...argumentsOf(job)])
    },
  }
}

/** What a floor is told, in this order. */
function argumentsOf({ port, as = NODE, sensors, intervalMs, what, quantities, batch }: Job): string[] {
  return [`${port}`, as, `${sensors}`, `${intervalMs}`, what, quantities.join(','), `${batch}`]
}

async function floorInC({ top, folder }: Wanted): Promise<Contestant | Absent> {
  const name = 'C'
  const apt = 'sudo apt install gcc libc6-dev libmosquitto-dev'
  if ((await findProgram('gcc')) === undefined) return { name, why: `gcc is not installed: ${apt}` }
  const header = await access('/usr/include/mosquitto.h').then(
    () => true,
    () => false,
  )
  if (!header) return { name, why: `libmosquitto-dev is not installed: ${apt}` }
  await mkdir(folder, { recursive: true })
  const command = join(folder, 'bare')
  await run('gcc', ['-O2', '-Wall', '-o', command, join(top, 'bench/floors/bare.c'), '-lmosquitto', '-lm'])
  return { name, program: async (job) => ({ command, args: argumentsOf(job) }) }
}

async function paho({ top }: Wanted): Promise<Contestant | Absent> {
  const name = 'paho'
  const script = join(top, 'bench/floors/bare.py')
  // Debian's package is for Debian's Python, which need not be the first in the PATH.
  for (const python of ['/usr/bin/python3', await findProgram('python3')]) {
    if (python === undefined) continue
    const has = await run(python, ['-c', 'import paho.mqtt.client']).catch(() => undefined)
    if (has === undefined) continue
    return { name, program: async (job) => ({ command: python, args: [script, ...argumentsOf(job)] }) }
  }
  return { name, why: 'python3-paho-mqtt is not installed: sudo apt install python3-paho-mqtt' }
}

async function nodeFor({ alone }: Job, node: string, folder: string): Promise<string> {
  if (alone === undefined) return node
  const copy = join(folder, 'node')
  // Once: while one contestant begins, a file that is written for another would be busy for both.
  await copyFile(node, copy, constants.COPYFILE_EXCL).catch(async (error: unknown) => {
    await access(copy, constants.X_OK).catch(() => {
      throw error
    })
  })
  return copy
}

function nodeProgram(
  by: readonly string[],
  node: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Program {
  const [command = node, ...rest] = [...by, node, ...args]
  return { command, args: rest, env }
}
