/** The built command as a child process, ended by the test that started it. */
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

/** What `npm run build` makes; `npm test` builds first. */
export const BUILT = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

export interface AgentProcess {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  /** All that it wrote, standard output and standard error together. */
  readonly output: () => string
  /** Resolves when it has written something that matches, within `ms`. */
  wrote(pattern: RegExp, ms?: number): Promise<void>
  /** Resolves with the exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>
}

const PATIENCE_MS = 15_000

interface StartOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** A command that becomes the program, put before it. */
  readonly by?: readonly string[]
  /** Somebody else's rights, for a test that is root. */
  readonly user?: string
}

/** Starts `sensor-node` with arguments. The environment is the test's own, less what would make it a service. */
export function startAgent(args: readonly string[], options: StartOptions = {}): AgentProcess {
  if (!existsSync(BUILT)) throw new Error('dist/main.js is not there: run npm run build')
  const { NOTIFY_SOCKET: _, STATE_DIRECTORY: __, RUNTIME_DIRECTORY: ___, ...own } = process.env
  const { user } = options
  // setpriv becomes the program, under the same pid.
  const asUser = user === undefined ? [] : ['setpriv', '--reuid', user, '--regid', groupOf(user), '--init-groups']
  const [program = '', ...rest] = [...(options.by ?? []), ...asUser, process.execPath, BUILT, ...args]
  const child = spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: { ...own, ...options.env },
  })
  let text = ''
  const looking = new Set<() => void>()
  const hear = (bytes: Buffer): void => {
    text += bytes.toString()
    for (const look of looking) look()
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'SIGKILL'))
  })
  return {
    child,
    output: () => text,
    exited,
    wrote: (pattern, ms = PATIENCE_MS) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(text)) return
          clearTimeout(timer)
          looking.delete(look)
          resolve()
        }
        const timer = setTimeout(() => {
          looking.delete(look)
          reject(new Error(`nothing like ${pattern} within ${ms} ms; it wrote:\n${text.slice(-3000)}`))
        }, ms)
        looking.add(look)
        look()
      }),
    end(signal) {
      child.kill(signal)
      return exited
    },
  }
}

/** Runs a subcommand to its end. */
export async function runToEnd(
  args: readonly string[],
  options: StartOptions = {},
): Promise<{ code: number | NodeJS.Signals; output: string }> {
  const agent = startAgent(args, options)
  const code = await agent.exited
  return { code, output: agent.output() }
}

function groupOf(user: string): string {
  return execFileSync('id', ['-gn', user], { encoding: 'utf8' }).trim()
}
