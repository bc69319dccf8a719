/** Child processes of the bench. Each leads a group of its own, so that nothing of it is left, whatever becomes of us. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Child {
  readonly pid: number
  readonly exited: Promise<void>
  readonly running: () => boolean
  /** A line on its standard input; without one, the end of it. */
  tell(line?: string): void
  /** The end of what it wrote, for an error. */
  tail(): string
  /** By SIGTERM, and by SIGKILL where that does not help. */
  end(): Promise<void>
}

export interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** An agent may take a second or two to say goodbye; a child that takes longer is ended, ms. */
const GRACE_MS = 8000
const TAIL_CHARACTERS = 2000

const alive = new Set<ChildProcess>()
let logs = 0

/** Starts a program, all that it writes going into a file of `folder`. @throws Error where it can't be started */
export async function start({ command, args, env = {}, cwd }: Program, folder: string): Promise<Child> {
  logs += 1
  const log = join(folder, `${logs}.log`)
  const file = openSync(log, 'w')
  const child = spawn(command, args, {
    stdio: ['pipe', file, file],
    detached: true,
    env: { ...inherited(), ...env },
    ...(cwd === undefined ? {} : { cwd }),
  })
  closeSync(file)
  alive.add(child)
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      alive.delete(child)
      resolve()
    })
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (error) => {
      alive.delete(child)
      reject(new Error(`${command} can't be started: ${error.message}`))
    })
  })
  child.stdin?.on('error', () => {}) // it ends when it likes
  const running = (): boolean => child.exitCode === null && child.signalCode === null
  return {
    pid: child.pid ?? 0, // it has been spawned
    exited,
    running,
    tell(line) {
      if (line === undefined) child.stdin?.end()
      else child.stdin?.write(`${line}\n`)
    },
    tail: () => readFileSync(log, 'utf8').slice(-TAIL_CHARACTERS),
    async end() {
      if (!running()) return
      child.kill('SIGTERM')
      const late = setTimeout(() => killGroup(child), GRACE_MS)
      await exited
      clearTimeout(late)
      killGroup(child) // what it has left behind
    },
  }
}

/** Ends all that runs, at once. */
export function killAll(): void {
  for (const child of alive) killGroup(child)
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is left in it.
  }
}

/**
 * What would make the agent a service, or Node.js another one, is not for a measurement. (Node.js 20 reads the certificates
 * of NODE_EXTRA_CA_CERTS at each start, which takes longer than the agent.)
 */
const NOT_INHERITED = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'NODE_OPTIONS', 'NODE_COMPILE_CACHE', 'NODE_EXTRA_CA_CERTS']

function inherited(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !NOT_INHERITED.includes(name)))
}
