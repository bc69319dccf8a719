/** A real Mosquitto on loopback, started and ended by the test that wants it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { findTool } from './tools.ts'

export interface Mosquitto {
  readonly port: number
  readonly url: string
  /** All that clients subscribed to, as `client id, topic filter`. */
  readonly subscriptions: readonly string[]
  /** Ends it as a crash would. */
  kill(): Promise<void>
  /** From now on it answers nothing, and keeps its connections. */
  freeze(): void
  /** Starts it again on the same port; `extra` replaces the extra lines of its configuration. */
  start(extra?: readonly string[]): Promise<void>
  /** Ends it and removes its files. */
  stop(): Promise<void>
}

/** Starts one that lets everybody in, unless the extra lines of configuration say otherwise. */
export async function startMosquitto(extra: readonly string[] = ['allow_anonymous true']): Promise<Mosquitto> {
  const folder = await mkdtemp(join(tmpdir(), 'sensor-node-mosquitto-'))
  const port = await freePort()
  let child: ChildProcess | undefined
  const subscriptions: string[] = []

  const start = async (lines: readonly string[]): Promise<void> => {
    const file = join(folder, 'mosquitto.conf')
    await writeFile(file, [`listener ${port} 127.0.0.1`, 'log_dest stderr', 'log_type all', ...lines, ''].join('\n'))
    const program = findTool('mosquitto')
    if (program === undefined) throw new Error('mosquitto is not installed')
    const started = spawn(program, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
    child = started
    await running(started, subscriptions)
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child
    child = undefined
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return
    const exited = new Promise((resolve) => ending.once('exit', resolve))
    ending.kill(signal)
    ending.kill('SIGCONT') // one that is frozen does not even end
    await exited
  }
  let lines = extra
  await start(lines)
  return {
    port,
    url: `mqtt://127.0.0.1:${port}`,
    subscriptions,
    kill: () => end('SIGKILL'),
    freeze() {
      child?.kill('SIGSTOP')
    },
    start: (replaced) => {
      lines = replaced ?? lines
      return start(lines)
    },
    async stop() {
      await end('SIGTERM')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function running(child: ChildProcess, subscriptions: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const said: string[] = []
    if (child.stderr === null) return reject(new Error('mosquitto has no standard error'))
    const lines = createInterface({ input: child.stderr })
    lines.on('line', (line) => {
      if (said.length < 50) said.push(line)
      const [, client, filter] = /^\d+: (\S+) [012] (\S+)$/.exec(line) ?? []
      if (filter !== undefined) subscriptions.push(`${client}, ${filter}`)
      if (/mosquitto version \S+ running/.test(line)) resolve()
    })
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`mosquitto ended with ${code}:\n${said.join('\n')}`)))
  })
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port'))
        else resolve(address.port)
      })
    })
  })
}
