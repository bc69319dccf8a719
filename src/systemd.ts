/**
 * What systemd hears from us: ready, how we are, still alive, stopping. Without `NOTIFY_SOCKET` nobody listens, and
 * nothing is done at all. Node.js has no datagram sockets of the Unix kind, so each message is a run of the command
 * `systemd-notify`, found on the PATH: through the package of that name where it can, by ourselves for the words that
 * it does not know. A message that fails is logged and lost; it never harms the agent, which alone calls this.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import notify from 'systemd-notify'
import type { Clock } from './clock.ts'
import { LATE, withDeadline } from './deadline.ts'
import { codeOf, messageOf } from './errors.ts'
import { type Fault, FaultLog } from './faults.ts'
import type { Logger } from './log.ts'

/** Every promise resolves when the message is delivered, given up or superseded. None rejects. */
export interface Notifier {
  /** The start is complete; `status` is one line for people. */
  ready(status: string): Promise<void>
  /** A reload has begun; `ready` is its end. */
  reloading(): Promise<void>
  /** One line for people. A newer one takes the place of one that still waits; what is shown already costs nothing. */
  status(text: string): Promise<void>
  /** The end has begun: what still waits is dropped, later messages are not sent. */
  stopping(): Promise<void>
  /** Feeds the watchdog. While a feeding waits or runs, another is the same one. */
  watchdog(): Promise<void>
  /** Milliseconds from one feeding to the next; undefined where systemd expects none from this process. */
  readonly watchdogMs: number | undefined
}

export interface NotifierOptions {
  /** The process's environment, which tells who listens; the command itself inherits the real one. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The process that the service is. */
  readonly pid: number
  readonly clock: Clock
  readonly log: Logger
}

/** How long one message may take. It is some 10 ms on a PC. */
const DEADLINE_MS = 5000

/** Feedings in one watchdog interval: two may fail before systemd acts. sd_watchdog_enabled(3) advises at least two. */
const FEEDINGS = 3

/** The two ways of a message out. They fail each for itself: only the package's process can't be ended by us. */
type Way = 'package' | 'command'

const run = promisify(execFile)

const stillRunning = new Error('an earlier systemd-notify has not ended yet')

/** Makes the notifier of this process. Does nothing yet. */
export function createNotifier({ env, pid, clock, log }: NotifierOptions): Notifier {
  if (env.NOTIFY_SOCKET === undefined || env.NOTIFY_SOCKET === '') return nobodyListens
  const faults = new FaultLog(log, 'systemd-notify')
  const failing = new Set<Way>()
  let tail: Promise<void> = Promise.resolve()
  let ended = false
  let packageRuns = false
  /** What systemd shows, as far as we know. */
  let shown: string | undefined
  let waiting: { text: string; sent: Promise<void> } | undefined
  let feeding: Promise<void> | undefined
  let stopping: Promise<void> | undefined

  async function viaPackage(message: { ready?: boolean; status: string }): Promise<void> {
    // A process of the package that hangs is beyond our reach; more beside it would only pile up.
    if (packageRuns) throw stillRunning
    packageRuns = true
    shown = undefined
    try {
      await notify({ ...message, pid })
      shown = message.status
    } finally {
      packageRuns = false
    }
  }

  // As variables, because the options --stopping and --reloading came with systemd 253.
  async function viaCommand(signal: AbortSignal, ...variables: readonly string[]): Promise<void> {
    await run('systemd-notify', [`--pid=${pid}`, ...variables], { signal, killSignal: 'SIGKILL' })
  }

  async function attempt(way: Way, send: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      if ((await withDeadline(send, DEADLINE_MS, clock)) === LATE) {
        failed(way, { kind: 'late', message: `systemd-notify did not end within ${DEADLINE_MS / 1000} s` })
        return
      }
      failing.delete(way)
      if (failing.size === 0) faults.ended()
    } catch (error) {
      failed(way, faultOf(error))
    }
  }

  function failed(way: Way, fault: Fault): void {
    failing.add(way)
    faults.happened(fault)
  }

  /** One message at a time, in the order of the calls. */
  function enqueue(way: Way, send: (signal: AbortSignal) => Promise<void>): Promise<void> {
    tail = tail.then(() => (ended ? undefined : attempt(way, send)))
    return tail
  }

  return {
    ready: (status) => enqueue('package', () => viaPackage({ ready: true, status: oneLine(status) })),

    reloading: () =>
      enqueue('command', (signal) => {
        // sd_notify(3): CLOCK_MONOTONIC, when the message is made. Wanted since systemd 253, ignored before.
        const microseconds = Math.floor(clock.monotonic() * 1000)
        return viaCommand(signal, 'RELOADING=1', `MONOTONIC_USEC=${microseconds}`)
      }),

    status(text) {
      if (waiting !== undefined) {
        waiting.text = text
        return waiting.sent
      }
      const entry = { text, sent: tail }
      waiting = entry
      entry.sent = enqueue('package', () => {
        waiting = undefined
        const line = oneLine(entry.text)
        return line === shown ? done : viaPackage({ status: line })
      })
      return entry.sent
    },

    watchdog() {
      feeding ??= enqueue('command', (signal) => viaCommand(signal, 'WATCHDOG=1')).finally(() => {
        feeding = undefined
      })
      return feeding
    },

    stopping() {
      ended = true
      stopping ??= tail.then(() => attempt('command', (signal) => viaCommand(signal, 'STOPPING=1')))
      return stopping
    },

    watchdogMs: watchdogMs(env, pid),
  }
}

const done = Promise.resolve()

const nobodyListens: Notifier = {
  ready: () => done,
  reloading: () => done,
  status: () => done,
  stopping: () => done,
  watchdog: () => done,
  watchdogMs: undefined,
}

/** sd_watchdog_enabled(3): microseconds, and whose; without a pid they are for whoever finds them. */
function watchdogMs(env: NotifierOptions['env'], pid: number): number | undefined {
  const microseconds = Number(env.WATCHDOG_USEC ?? '')
  if (!Number.isSafeInteger(microseconds) || microseconds <= 0) return undefined
  if (env.WATCHDOG_PID !== undefined && env.WATCHDOG_PID !== '' && Number(env.WATCHDOG_PID) !== pid) return undefined
  return Math.max(1, Math.floor(microseconds / 1000 / FEEDINGS))
}

/** The protocol is lines of `NAME=value`: a line break within a status would begin another variable. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').trim()
}

function faultOf(error: unknown): Fault {
  if (error === stillRunning) return { kind: 'late', message: stillRunning.message }
  const code = codeOf(error)
  if (code === 'ENOENT') {
    const message =
      'the command systemd-notify is not on the PATH; install systemd whole, or set Type=exec and no WatchdogSec in the unit'
    return { kind: code, message }
  }
  // The package rejects with the command's own words, a string; execFile adds them to the error.
  const words = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
  return { kind: code ?? 'failed', message: words || messageOf(error) || 'systemd-notify failed without a word' }
}
