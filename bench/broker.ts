/** The broker between all of them: one Mosquitto on loopback, on a port that was free, for the whole run. */
import { access, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Child, start } from './process.ts'

export interface Broker {
  readonly port: number
  readonly child: Child
}

/** Debian keeps servers in sbin, which is not on everybody's PATH. */
const FOLDERS = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
const PATIENCE_MS = 10_000
const LOOK_EVERY_MS = 20

/** Absolute path of a program; undefined where it is not installed. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of FOLDERS) {
    const path = join(folder, name)
    const found = await access(path).then(
      () => true,
      () => false,
    )
    if (found) return path
  }
  return undefined
}

/** @throws Error where there is no Mosquitto, or it does not start */
export async function startBroker(folder: string, port?: number): Promise<Broker> {
  const program = await findProgram('mosquitto')
  if (program === undefined) throw new Error('mosquitto is not installed: sudo apt install mosquitto')
  const chosen = port ?? (await freePort())
  const file = join(folder, 'mosquitto.conf')
  const lines = [
    `listener ${chosen} 127.0.0.1`,
    'allow_anonymous true',
    'log_type none',
    // Nobody's answer shall wait for an acknowledgement, and nobody's message be dropped, but for what is measured.
    'set_tcp_nodelay true',
    'max_queued_messages 0',
  ]
  await writeFile(file, `${lines.join('\n')}\n`)
  const child = await start({ command: program, args: ['-c', file] }, folder)
  const until = performance.now() + PATIENCE_MS
  while (!(await listens(chosen))) {
    if (!child.running() || performance.now() > until) throw new Error(`mosquitto does not start: ${child.tail()}`)
    await sleep(LOOK_EVERY_MS)
  }
  return { port: chosen, child }
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('the system gave no port'))
        else resolve(address.port)
      })
    })
  })
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
