/**
 * One run of the DHT driver's process: start, one question at a time, its end, and what it prints. Called by
 * `dht-process.ts`, which decides when there is one.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { messageOf, SensorError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Reply, Request } from './dht-child.ts'

export interface StartOptions {
  /** The compiled `dht-child.ts`. */
  readonly program: URL
  /** The package that it shall load. */
  readonly vendor: string
  readonly log: Logger
  /** Who asks, as the first words of a message. */
  readonly what: string
  /** A line of its standard error. */
  readonly onComplaint: (line: string) => void
}

interface Waiting {
  readonly asker: string
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: SensorError) => void
}

/** One run of the child's program. */
export interface Run {
  /** False from the moment that it ended or was told to. */
  readonly usable: boolean
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>
  /**
   * The next thing that it tells. One at a time.
   *
   * @param asker who waits, as the first words of a message
   * @throws SensorError `crashed` where it ends instead
   */
  next(asker: string): Promise<Reply>
  /** Sends a request; otherwise as `next`. */
  ask(request: Request, asker: string): Promise<Reply>
  /** @param how completes 'the process …', for people */
  kill(how: string): void
}

/**
 * Starts the program. The first reply, to be had by `next`, tells whether it has loaded the package.
 *
 * @throws SensorError `unavailable` where the system has no room for a process
 */
export function start({ program, vendor, log, what, onComplaint }: StartOptions): Run {
  const child = spawn(program, vendor, what)
  /** How it ended, for people. */
  let ended: string | undefined
  let waiting: Waiting | undefined

  const kill = (how: string): void => {
    ended ??= how
    child.kill('SIGKILL')
  }
  const end = (how: string): void => {
    ended ??= how
    waiting?.reject(crashed(waiting.asker, ended))
    waiting = undefined
  }
  const gone = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      end(signal === null ? `exited with code ${code}` : `was ended by ${signal}`)
      log.debug({ pid: child.pid, how: ended }, 'dht driver process ended')
      resolve()
    })
    child.on('error', (error) => {
      end(`failed (${error.message})`)
      if (child.pid === undefined)
        resolve() // it never started: no exit will be told
      else child.kill('SIGKILL')
    })
  })
  child.on('message', (message) => {
    waiting?.resolve(message as Reply) // dht-child.ts sends nothing else
    waiting = undefined
  })
  // What native code prints would go past the log.
  onLine(child.stdout, (line) => log.debug({ pid: child.pid, line }, 'dht driver process wrote'))
  onLine(child.stderr, onComplaint)
  log.debug({ pid: child.pid }, 'dht driver process started')

  const next = (asker: string): Promise<Reply> =>
    new Promise((resolve, reject) => {
      if (ended === undefined) waiting = { asker, resolve, reject }
      else reject(crashed(asker, ended))
    })
  return {
    get usable() {
      return ended === undefined
    },
    gone,
    next,
    ask(request, asker) {
      const reply = next(asker)
      if (ended === undefined) child.send(request) // a failure is told by 'error'
      return reply
    },
    kill,
  }
}

function crashed(what: string, how: string): SensorError {
  const message = `${what}: the driver process of node-dht-sensor ${how}; it starts again at the next try`
  return new SensorError('crashed', message)
}

function spawn(program: URL, vendor: string, what: string): ChildProcess {
  try {
    return fork(program, [vendor], {
      env: {}, // the broker's password, systemd's sockets and options of Node.js are not for a native driver
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
  } catch (error) {
    const message = `${what}: the driver process did not start (${messageOf(error)})`
    throw new SensorError('unavailable', message, { cause: error })
  }
}

function onLine(stream: Readable | null, tell: (line: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on('line', tell) // null where the process did not start
}
