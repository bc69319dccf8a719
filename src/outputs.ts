/**
 * The output pins: opened at their initial level, driven by commands one at a time, brought to their exit level at
 * the end. A pin that can't be opened is tried again; until then its commands are refused with the reason. Longer than most
 * files here: all that can happen to one pin shares its level and its three timers, and is safer read in one place.
 */
import { backoff } from './backoff.ts'
import { type Clock, calledOff } from './clock.ts'
import type { Command } from './command.ts'
import type { OutputConfig } from './config/schema.ts'
import { formatDuration } from './config/values.ts'
import { LATE, withDeadline } from './deadline.ts'
import { GpioError, messageOf, Refused } from './errors.ts'
import { FaultLog } from './faults.ts'
import type { Gpio, Level, Output } from './gpio/gpio.ts'
import { opposite } from './gpio/wire.ts'
import type { LastLevels } from './last-levels.ts'
import type { Logger } from './log.ts'
import { keepTrying } from './reopen.ts'

export interface OutputsOptions {
  readonly pins: readonly OutputConfig[]
  readonly gpio: Gpio
  readonly clock: Clock
  readonly log: Logger
  readonly last: LastLevels
  /** After every accepted command and every change of our own, with the level that was read back. */
  readonly onState: (pin: number, level: Level) => void
  /** A pin failed or came back; for health. */
  readonly onFault: (pin: number, reason: string | undefined) => void
}

/** A switch that is owed is tried soon again, however long the pin has failed. */
const OWED = { firstMs: 1000, longestMs: 10_000 }
/** A pin that does not answer must not hold up the end. */
const EXIT_DEADLINE_MS = 1000

export class Outputs {
  readonly #pins = new Map<number, OutputPin>()

  constructor(options: OutputsOptions) {
    for (const config of options.pins) this.#pins.set(config.pin, new OutputPin(config, options))
  }

  /** Opens every pin once, and returns; pins that failed are tried again until the signal aborts. */
  async open(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#pins.values()].map((pin) => pin.open(signal)))
  }

  has(pin: number): boolean {
    return this.#pins.has(pin)
  }

  /**
   * Carries a command out; commands of one pin follow each other in order.
   *
   * @throws Refused, GpioError
   */
  async command(pin: number, command: Command): Promise<void> {
    const output = this.#pins.get(pin)
    if (output === undefined) throw new Refused(`pin ${pin} is not an output of this node`)
    await output.command(command)
  }

  /** The broker came or went: starts or calls off each pin's `on_disconnect`. */
  connected(connected: boolean): void {
    for (const pin of this.#pins.values()) pin.connected(connected)
  }

  /** Brings every pin to its exit level. Never throws; a pin that fails is logged. */
  async exit(): Promise<void> {
    await Promise.all([...this.#pins.values()].map((pin) => pin.exit()))
  }
}

class OutputPin {
  readonly #config: OutputConfig
  readonly #options: OutputsOptions
  readonly #faults: FaultLog
  #output: Output | undefined
  #level: Level | undefined
  /** False after a failed write, until the next good one. */
  #sure = true
  /** Tail of the work on this pin: one thing at a time, in order. */
  #work: Promise<unknown> = Promise.resolve()
  /** The one timer that a command's `for` started. */
  #pulse = new AbortController()
  #maxOn = new AbortController()
  #disconnect = new AbortController()
  #ended = false

  constructor(config: OutputConfig, options: OutputsOptions) {
    this.#config = config
    this.#options = options
    this.#faults = new FaultLog(options.log, 'output')
  }

  async open(signal: AbortSignal): Promise<void> {
    if (!(await this.#tryOpen()))
      void keepTrying(() => this.#inTurn(() => this.#tryOpen()), this.#options.clock, signal)
  }

  command({ state, forMs }: Command): Promise<void> {
    return this.#inTurn(async () => {
      const before = this.#level
      if (this.#ended) throw new Refused('the node is stopping')
      if (before === undefined) throw new Refused(this.#unusable())
      const target: Level = state === 'toggle' ? opposite(before) : state === 'on' ? 1 : 0
      const { max_on: maxOn } = this.#config
      if (forMs !== undefined && target === 1 && maxOn !== undefined && forMs > maxOn) {
        throw new Refused(`"for" is longer than this pin's max_on, which is ${formatDuration(maxOn)}`)
      }
      await this.#write(target)
      this.#pulse.abort()
      if (forMs !== undefined && !this.#ended) this.#pulse = this.#later(forMs, opposite(target), '"for" is over')
      this.#options.last.remember(this.#config.pin, forMs === undefined ? target : opposite(target))
    })
  }

  connected(connected: boolean): void {
    this.#disconnect.abort()
    const { on_disconnect: rule } = this.#config
    if (connected || rule === undefined || this.#ended) return
    this.#disconnect = this.#later(rule.after, rule.state === 'on' ? 1 : 0, 'the broker has been away')
  }

  async exit(): Promise<void> {
    const { pin } = this.#config
    this.#ended = true
    for (const timer of [this.#pulse, this.#disconnect, this.#maxOn]) timer.abort()
    const { clock, log } = this.#options
    const leave = (): Promise<void> => this.#inTurn(() => this.#leave())
    const done = await withDeadline(leave, EXIT_DEADLINE_MS, clock).catch((error: unknown) => {
      log.error({ pin, reason: messageOf(error) }, 'output did not reach its exit level')
    })
    if (done === LATE) log.error({ pin, ms: EXIT_DEADLINE_MS }, 'output did not reach its exit level in time')
  }

  /** Takes the exit level. `keep` keeps what was ordered to stay: a pulse that the end cut short is over. */
  async #leave(): Promise<void> {
    const { pin, on_exit: exit } = this.#config
    const level = exit === 'keep' ? this.#options.last.of(pin) : exit === 'on' ? 1 : 0
    if (this.#output !== undefined && level !== undefined) await this.#write(level)
  }

  /** Why there is nothing to be done with the pin now. */
  #unusable(): string {
    return `pin ${this.#config.pin} can't be used: ${this.#faults.current?.message ?? 'it is not open yet'}`
  }

  async #tryOpen(): Promise<boolean> {
    if (this.#ended) return true
    const { pin, name, active_low: activeLow } = this.#config
    const { gpio, log } = this.#options
    try {
      const initial = this.#initial()
      this.#output ??= await gpio.output(pin, { initial, activeLow })
      if (this.#ended) await this.#leave() // the end came while the line was opened, and found nothing to do
      // A level that we gave was read back by the backend; one that was kept is not known here.
      const level = initial === 'keep' || this.#ended ? await this.#output.read() : initial
      this.#settled(level)
      log.info({ pin, name, state: level }, 'output opened')
      return true
    } catch (error) {
      this.#failed(error)
      return false
    }
  }

  #initial(): Level | 'keep' {
    const { initial, pin } = this.#config
    if (initial === 'keep') return 'keep'
    if (initial === 'last') return this.#options.last.of(pin) ?? 0
    return initial === 'on' ? 1 : 0
  }

  async #write(level: Level): Promise<void> {
    if (this.#output === undefined) throw new GpioError('lost', this.#unusable())
    try {
      await this.#output.write(level)
    } catch (error) {
      // It may have moved the wire all the same.
      this.#sure = false
      if (level === 1) this.#limit()
      throw this.#failed(error)
    }
    this.#settled(level)
  }

  /** Tells that the pin failed, and gives back the failure. */
  #failed(error: unknown): GpioError {
    const { pin, name } = this.#config
    const fault = error instanceof GpioError ? error : new GpioError('io', messageOf(error), { cause: error })
    this.#faults.happened(fault, { pin, name })
    this.#options.onFault(pin, fault.message)
    return fault
  }

  /** The pin has this level now, so it works: tell both, and start or stop the limit on being on. */
  #settled(level: Level): void {
    const { pin } = this.#config
    if (this.#faults.current !== undefined) {
      this.#faults.ended({ pin })
      this.#options.onFault(pin, undefined)
    }
    const wasOn = this.#level === 1
    this.#level = level
    this.#options.onState(pin, level)
    this.#sure = true
    if (level === 0) this.#maxOn.abort()
    else if (!wasOn) this.#limit()
  }

  /** Being on, or perhaps on, has an end from now. */
  #limit(): void {
    const { max_on: maxOn } = this.#config
    if (maxOn === undefined || this.#ended) return
    this.#maxOn.abort()
    this.#maxOn = this.#later(maxOn, 0, 'max_on is over')
  }

  /** Brings the pin to a level after a while, unless the returned controller is aborted before. */
  #later(ms: number, level: Level, reason: string): AbortController {
    const controller = new AbortController()
    const { clock, log, last } = this.#options
    const { pin } = this.#config
    const switchNow = async (): Promise<void> => {
      if (controller.signal.aborted) return
      if (this.#level !== level || !this.#sure) {
        await this.#write(level)
        log.info({ pin, state: level, reason }, 'output switched')
      }
      // Also where the level was there already: a `for` that would leave it again is over.
      if (controller !== this.#pulse) this.#pulse.abort()
      last.remember(pin, level)
    }
    const wait = async (): Promise<void> => {
      // A switch that is owed stays owed: a pump must not stay on because one write failed.
      for (let failures = 1, delay = ms; ; failures += 1) {
        try {
          await clock.sleep(delay, controller.signal)
          await this.#inTurn(switchNow)
          return
        } catch (error) {
          if (calledOff(error, controller.signal)) return
          log.error({ pin, state: level, reason: messageOf(error) }, 'output could not be switched; trying again')
          delay = backoff(failures, OWED)
        }
      }
    }
    void wait()
    return controller
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#work.then(work)
    this.#work = turn.catch(() => {}) // whoever asked for the work gets its error
    return turn
  }
}
