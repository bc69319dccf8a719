/**
 * The one child process of all DHT sensors, seen from the agent. It starts with the first sensor that opens and ends
 * with the last that closes. Requests go to it one at a time, because node-dht-sensor holds a global lock and times
 * its bits with busy loops. A request that hangs or is called off costs the process, by SIGKILL; those behind it wait
 * here and are sent to the next one. Called by `dht.ts`.
 *
 * The deadline of a waiting request runs on meanwhile. A request may therefore take half of the sensors' 5 s only: one
 * sensor that hangs leaves the others enough for a new process and their own read. With two that hang at once a third
 * can be late; the scheduler then reopens it, and holds back those that hang.
 */
import type { Clock } from '../clock.ts'
import { LATE, withDeadline } from '../deadline.ts'
import { SensorError, type SensorErrorKind } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Reply, Request, Values } from './dht-child.ts'
import { type Run, start } from './dht-run.ts'

export interface Caller {
  readonly clock: Clock
  readonly log: Logger
  /** The sensor, as the first words of a message. */
  readonly what: string
}

/** A read that fails takes the vendor about 0.6 s: two tries of 30 ms and busy loops, 450 ms apart (dht-sensor.cpp). */
const REQUEST_LIMIT_MS = 2500
/** Node.js takes up to 3 s to start on the slowest boards; below the 10 s that the scheduler gives an open. */
const START_LIMIT_MS = 8000
/** From one start to the next. Every start has a caller who backs off; this bounds what many of them can do. */
const START_GAP_MS = 1000
/** The vendor gives the old values again, as a success, for a pin that was read within this (dht-sensor.cpp, readDHT). */
const VENDOR_CACHE_MS = 3000
/** Failures of values that the vendor took for good, and therefore gives again. */
const KEPT_FAILURES: ReadonlySet<SensorErrorKind> = new Set(['checksum', 'invalid-data'])

export class DhtProcess {
  readonly #program: URL
  readonly #vendor: string
  #users = 0
  #run: Run | undefined
  #complaint: string | undefined
  #startedAt = Number.NEGATIVE_INFINITY
  /** Settles, and never rejects, when the request that came last is through. */
  #queue: Promise<unknown> = Promise.resolve()
  /** Per pin, on the monotonic clock: from then on a read is a new measurement. */
  readonly #freshFrom = new Map<number, number>()

  /**
   * @param program the compiled `dht-child.ts`
   * @param vendor the package, or the path of something that behaves like it
   */
  constructor(program: URL, vendor: string) {
    this.#program = program
    this.#vendor = vendor
  }

  /**
   * Counts the caller as a user and resolves when the process runs and the package is loaded.
   *
   * @throws SensorError `unavailable`, `crashed`, `timeout`; the caller is then no user
   */
  async hold(caller: Caller): Promise<void> {
    this.#users += 1
    const never = new AbortController().signal
    try {
      await this.#inTurn(() => this.#running(caller, never), never)
    } catch (error) {
      await this.release()
      throw error
    }
  }

  /** Counts the caller out; the last one ends the process and waits until it is gone. Never throws. */
  async release(): Promise<void> {
    this.#users -= 1
    if (this.#users > 0 || this.#run === undefined) return
    this.#run.kill('was ended, because no sensor needs it')
    await this.#run.gone
  }

  /**
   * One measurement, never an old one: within 3 s of the pin's last answer it waits.
   *
   * @throws SensorError of the kind that the child tells, `crashed` or `timeout`; on abort the signal's reason
   */
  async read(request: Request, caller: Caller, signal: AbortSignal): Promise<Values> {
    const stale = (this.#freshFrom.get(request.pin) ?? 0) - caller.clock.monotonic()
    if (stale > 0) await caller.clock.sleep(stale, signal)
    const reply = await this.#inTurn(async () => {
      const run = await this.#running(caller, signal)
      return this.#limited(run, run.ask(request, caller.what), REQUEST_LIMIT_MS, caller, signal)
    }, signal)
    const kept = reply.is === 'values' || (reply.is === 'failure' && KEPT_FAILURES.has(reply.kind))
    if (kept) this.#freshFrom.set(request.pin, caller.clock.monotonic() + VENDOR_CACHE_MS)
    if (reply.is === 'failure') throw new SensorError(reply.kind, `${caller.what}: ${reply.message}`)
    if (reply.is !== 'values') throw new SensorError('bus', `${caller.what}: the driver process answered '${reply.is}'`)
    return reply
  }

  /** Runs `work` after everything that came before; on abort gives up its place. */
  #inTurn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = (): void => reject(signal.reason)
      if (signal.aborted) {
        leave()
        return
      }
      signal.addEventListener('abort', leave, { once: true })
      const turn = this.#queue.then(() => {
        signal.throwIfAborted()
        return work()
      })
      this.#queue = turn.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
    })
  }

  async #running(caller: Caller, signal: AbortSignal): Promise<Run> {
    if (this.#run?.usable === true) return this.#run
    await this.#run?.gone // two must never be at the pins at once
    const early = this.#startedAt + START_GAP_MS - caller.clock.monotonic()
    if (early > 0) await caller.clock.sleep(early, signal)
    signal.throwIfAborted()
    this.#startedAt = caller.clock.monotonic()
    const run = start({
      program: this.#program,
      vendor: this.#vendor,
      log: caller.log,
      what: caller.what,
      onComplaint: (line) => this.#complain(line, caller.log),
    })
    this.#run = run
    const reply = await this.#limited(run, run.next(caller.what), START_LIMIT_MS, caller, signal)
    if (reply.is === 'loaded') return run
    run.kill('was ended, because it can do nothing')
    const message = reply.is === 'failure' ? reply.message : `the driver process began with '${reply.is}'`
    throw new SensorError(reply.is === 'failure' ? reply.kind : 'bus', `${caller.what}: ${message}`)
  }

  /** The same line again, from this process or the next, is no second warning. */
  #complain(line: string, log: Logger): void {
    log[line === this.#complaint ? 'debug' : 'warn']({ line }, 'dht driver process complained')
    this.#complaint = line
  }

  /** Waits for a reply until the limit or the abort; whatever goes wrong, that process is used no more. */
  async #limited(
    run: Run,
    reply: Promise<Reply>,
    ms: number,
    { clock, what }: Caller,
    signal: AbortSignal,
  ): Promise<Reply> {
    try {
      const answer = await withDeadline(() => reply, ms, clock, signal)
      if (answer !== LATE) return answer
      throw new SensorError(
        'timeout',
        `${what}: node-dht-sensor hangs, no answer within ${ms} ms; its process is replaced`,
      )
    } catch (error) {
      run.kill('was ended, because it did not answer in time')
      throw signal.aborted ? signal.reason : error
    }
  }
}
