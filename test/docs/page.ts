/**
 * Runs the shell blocks of one document, as its reader would: in order, in one folder, with `sensor-node` and Mosquitto's
 * clients on the PATH, a broker that is there, and an agent that runs with the document's own `config.yaml` and simulated
 * hardware. Until a document gives one, that is the shipped configuration on a Pi that is called rpi001.
 */
import { spawn } from 'node:child_process'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { loadConfig } from '../../src/config/load.ts'
import { type AgentProcess, BUILT, startAgent } from '../fakes/agent-process.ts'
import { type BrokerBench, brokerBench } from '../fakes/broker-bench.ts'
import { on } from '../fakes/observer.ts'
import { type Block, pathOf, placeOf, textOf } from './documents.ts'

/** The longest that one block may take, ms. */
const BLOCK_MS = 40_000
/** The longest that an agent may take to tell of every pin and sensor, ms. */
const AGENT_MS = 30_000
const CONFIG = 'config.yaml'
/** At once: by default what takes two turns, as an alert that is cleared, comes 40 ms after the rest, to who has just subscribed. */
const BROKER = ['allow_anonymous true', 'set_tcp_nodelay true']
const PROGRAMS = ['sensor-node', 'mosquitto_pub', 'mosquitto_sub', 'mosquitto_rr']

interface Ran {
  readonly code: number
  readonly output: string
  /** Of the block, from 1: where it ended. */
  readonly line: number
}

/** @throws with `file:line` of the first line that does not do what the document says */
export async function runPage(blocks: readonly Block[], cleanups: (() => unknown)[]): Promise<void> {
  const bench = await brokerBench(cleanups, 'docs', BROKER)
  const here = join(bench.folder, 'here')
  const env = await shims(bench)
  await mkdir(here)
  await writeFile(join(here, CONFIG), shippedConfig())
  let agent: AgentProcess | undefined
  cleanups.push(() => agent?.end('SIGKILL'))

  let last: Ran | undefined
  for (const block of blocks) {
    const name = block.marks.get('file')
    if (name !== undefined) {
      await mkdir(dirname(join(here, name)), { recursive: true })
      await writeFile(join(here, name), block.text)
      if (name !== CONFIG) continue
      await agent?.end('SIGTERM')
      agent = undefined
    } else if (block.language === 'sh' && !block.marks.has('not run')) {
      if (/sensor-node|mosquitto_/.test(block.text)) agent ??= await startPageAgent(bench, here, env)
      last = await runBlock(block, bench.folder, here, env)
    } else if (block.language === 'text' && block.direct && last !== undefined) {
      if (!matches(last.output, block.text))
        throw new Error(`${placeOf(block)}: this does not come out, but:\n${last.output}`)
      last = undefined
    } else last = undefined
  }
  const ended = await agent?.end('SIGTERM')
  if (ended !== undefined && ended !== 0) throw new Error(`the agent ended with ${ended}:\n${agent?.output()}`)
}

/** Whether an output is what a document prints of it, where `…` stands for any text. */
export function matches(output: string, printed: string): boolean {
  const tidy = (text: string): string => text.replace(/[ \t]+$/gm, '').trim()
  const parts = tidy(printed).split('…')
  const pattern = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[\\s\\S]*')
  return new RegExp(`^${pattern}$`).test(tidy(output))
}

function shippedConfig(): string {
  return `node: { id: rpi001 }\n${textOf(CONFIG)}`
}

/** Puts them on a PATH, and gives the environment of all that runs. */
async function shims({ folder, mosquitto }: BrokerBench): Promise<Record<string, string>> {
  const bin = join(folder, 'bin')
  const waiting = join(folder, 'waiting')
  await mkdir(bin)
  await mkdir(waiting)
  for (const program of PROGRAMS) {
    // The marker is there before the shell goes on to the next line's program, which takes longer to start.
    const mark = program === 'mosquitto_sub' ? `: >"$DOCS_WAITING/$$"\n` : ''
    const start = `exec "${process.execPath}" "${pathOf('test/docs/shim.mjs')}" ${program} "$DOCS_WAITING/$$" "$@"`
    await writeFile(join(bin, program), `#!/bin/sh\n${mark}${start}\n`)
    await chmod(join(bin, program), 0o755)
  }
  return {
    PATH: `${bin}:${process.env.PATH}:/usr/sbin`,
    HOME: folder,
    TERM: 'dumb',
    DOCS_BROKER_PORT: String(mosquitto.port),
    DOCS_MAIN: BUILT,
    DOCS_WAITING: waiting,
    DOCS_REDIRECT: pathOf('test/docs/redirect.mjs'),
  }
}

/** Up, with every pin and sensor told of once. */
async function startPageAgent(bench: BrokerBench, here: string, env: Record<string, string>): Promise<AgentProcess> {
  const file = join(here, CONFIG)
  const { config } = await loadConfig(file, { env: process.env, hostname: 'rpi001' })
  const { topics, sensors, gpio } = config
  bench.observer.clear()
  const agent = startAgent(['run', '--simulate', '--config', file], {
    cwd: here,
    env: { ...env, NODE_OPTIONS: `--import=${env.DOCS_REDIRECT}` },
  })
  const pins = [...gpio.outputs, ...gpio.inputs.filter(({ mode }) => mode === 'state')]
  const told = [
    on(`${topics.devices}/status`, 'online'),
    ...pins.map(({ pin }) => on(`${topics.gpio}/${pin}/state`)),
    ...sensors.map(({ id }) => on([topics.sensors, ...(id === undefined ? [] : [id]), 'status'].join('/'))),
  ]
  try {
    await Promise.all(told.map((one) => bench.observer.until(one, { past: true, ms: AGENT_MS })))
  } catch (error) {
    await agent.end('SIGKILL')
    throw new Error(`the agent did not come up with ${CONFIG} of the document:\n${agent.output()}`, { cause: error })
  }
  return agent
}

async function runBlock(block: Block, folder: string, here: string, env: Record<string, string>): Promise<Ran> {
  const ran = await runShell(block.text, folder, here, env)
  const wanted = Number(block.marks.get('exits') ?? 0)
  if (ran.code !== wanted)
    throw new Error(`${block.file}:${block.line + ran.line}: exits ${ran.code}, not ${wanted}:\n${ran.output}`)
  return ran
}

/** The first line that fails ends it; what it has started beside itself is waited for. */
async function runShell(text: string, folder: string, here: string, env: Record<string, string>): Promise<Ran> {
  const [script, output, line] = ['block.sh', 'output', 'line'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ] // three names
  await rm(line, { force: true })
  // One line before the block's own. By way of a file: a program in the background would hold a pipe.
  const begin = `exec >'${output}' 2>&1; set -euE -o pipefail; trap 'echo $LINENO >"${line}"' ERR`
  await writeFile(script, `${begin}\n${text}\nwait\n`)
  const child = spawn('bash', [script], { cwd: here, env: { ...process.env, ...env }, stdio: 'ignore', detached: true })
  const group = -(child.pid ?? Number.NaN)
  const timer = setTimeout(() => process.kill(group, 'SIGKILL'), BLOCK_MS)
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (status) => resolve(status ?? 137))
  })
  clearTimeout(timer)
  try {
    process.kill(group, 'SIGKILL') // what a line that failed has left in the background
  } catch {
    // there is nothing left, as it should be
  }
  const at = Number(await readFile(line, 'utf8').catch(() => '2'))
  return { code, output: await readFile(output, 'utf8'), line: at - 1 }
}
