/**
 * One output pin: opened at its initial level, driven by commands one at a time, switched by itself when its time is
 * up, brought to its exit level at the end. Longer than most files here: all that can happen to one pin shares its
 * level and its timers, and is safer read in one place. Used by `outputs.ts`.
 *
 * Two queues. `#inTurn`: commands, in their order; one may wait for its interlock there. `#onLine`: whoever reads or
 * writes the line, never for longer than the driver takes; what switches off for safety waits in this one alone.
 *
 * Where both are empty, a command has reached the driver when `command` returns: a button of a rule switches a light in
 * the same turn of the event loop, also where that has to be on record before. Only "on" in an interlock takes longer.
 */
import { CALLED_OFF, type Clock } from './clock.ts'
import type { Command } from './command.ts'
import { createCommandQueue } from './command-queue.ts'
import { same } from './config/changes.ts'
import type { OutputConfig } from './config/schema.ts'
import { LATE, withDeadline } from './deadline.ts'
import { formatDuration } from './duration.ts'
import { GpioError, messageOf, Refused } from './errors.ts'
import { FaultLog } from './faults.ts'
import type { Gpio, Level, Output } from './gpio/gpio.ts'
import { InOrder } from './gpio/in-order.ts'
import { opposite } from './gpio/wire.ts'
import type { Interlock, Member } from './interlock.ts'
import type { LastLevels } from './last-levels.ts'
import type { Logger } from './log.ts'
import { demandInterval, restOfInterval } from './min-interval.ts'
import { startOf } from './output-start.ts'
import type { OutputTimes, PinTimes } from './output-times.ts'
import { owe } from './owed.ts'
import { keepTrying } from './reopen.ts'

export interface OutputPinOptions {
  readonly gpio: Gpio
  readonly clock: Clock
  readonly log: Logger
  readonly last: LastLevels
  readonly times: OutputTimes
  /** After every accepted command and every change of our own, with the level that was read back. */
  readonly onState: (pin: number, level: Level) => void
  /** A pin failed or came back; for health. */
  readonly onFault: (pin: number, reason: string | undefined) => void
}

/** A pin that does not answer must not hold up the end. */
const EXIT_DEADLINE_MS = 1000
/** A wire that may have been moved by a write that failed is brought back after this. */
const UNDO_AFTER_MS = 1000
const STOPPING = 'the node is stopping'
const GONE = 'the pin is not in the configuration any more'
const OVERTAKEN = 'called off by a later command'

export class OutputPin implements Member {
  readonly pin: number
  #config: OutputConfig
  readonly #options: OutputPinOptions
  #group: Interlock
  readonly #faults: FaultLog
  #output: Output | undefined
  #level: Level | undefined
  /** False after a failed write, until the next good one. */
  #sure = true
  #offSince = 0
  /** When it went on last, or was found on; for a limit that is set while it is on. */
  #onSince: number | undefined
  #switched: number | undefined
  /** Commands of this pin: one at a time, in order, and no more than so many. */
  readonly #inTurn = createCommandQueue()
  /** The reads and writes of the line. */
  readonly #line = new InOrder()
  /** The one switch of its own that any later command calls off: the end of a `for`. */
  #pulse = new AbortController()
  #maxOn = new AbortController()
  #disconnect = new AbortController()
  /** After an "on" that failed and may have moved the wire all the same. */
  #undo = new AbortController()
  /** The start wants it on, and its interlock has not let it yet. */
  #wish = false
  /** Commands so far, and the number of the last one that was not plainly `on`. */
  #commands = 0
  #turning = 0
  /** What a command that was called off by a later one would have left: a toggle counts from there. */
  #expected: Level | undefined
  #ended = false
  /** Its line is not wanted any more. */
  #gone = false

  constructor(config: OutputConfig, group: Interlock, options: OutputPinOptions) {
    this.pin = config.pin
    this.#config = config
    this.#options = options
    this.#group = group
    this.#faults = new FaultLog(options.log, 'output')
    group.join(this)
  }

  async open(signal: AbortSignal): Promise<void> {
    const attempt = async (): Promise<boolean> => {
      const done = await this.#onLine(() => this.#tryOpen())
      if (done && !this.#ended) this.#group.opened()
      return done
    }
    if (!(await attempt())) void keepTrying(attempt, this.#options.clock, signal)
  }

  /**
   * Carries a command out, and gives the level.
   *
   * @param check is called when it is the command's turn; what it throws refuses the command
   * @throws Refused, GpioError
   */
  command(command: Command, check = (): void => {}): Promise<Level> {
    this.#commands += 1
    const number = this.#commands
    if (command.state !== 'on') {
      // What only waits for its interlock has not happened yet: it need not begin just to be ended.
      this.#turning = number
      if (this.#group.busy) this.#group.callOff(new Refused(OVERTAKEN), this)
    }
    return this.#inTurn(() => this.#carryOut(command, number, check))
  }

  /**
   * Goes on with another configuration of the same line. The wire does not move, unless a limit is new, and over; what
   * is under way goes on. `joins`: the group that it belongs to from now on, which is to be told when the pin is `idle`.
   */
  apply(config: OutputConfig, joins: Interlock): void {
    const before = this.#config
    const { times, last } = this.#options
    this.#config = config
    if (joins !== this.#group) {
      this.#group.leave(this, new Refused('called off: its interlock has changed'))
      this.#group = joins
      joins.join(this)
    }
    const kept = { ...times.of(this.pin) }
    if (before.min_interval === undefined && this.#switched !== undefined) kept.switched ??= this.#switched
    if (before.initial !== 'last' && config.initial === 'last') kept.last = last.of(this.pin)
    const on = this.#level === 1 || !this.#sure
    if (before.max_on === undefined && on) kept.onSince = this.#onSince
    if (config.max_on === undefined) kept.onSince = undefined
    times.keep(this.pin, kept)
    if (before.max_on !== config.max_on) {
      this.#maxOn.abort(CALLED_OFF)
      if (on) this.#limit()
    }
    if (!same(before.on_disconnect, config.on_disconnect)) this.connected(times.away)
  }

  /** Resolves when nothing is under way on the line. */
  async idle(): Promise<void> {
    await this.#onLine(async () => {})
  }

  /** Gives the line back as it is. Resolves when it is free, or the driver hangs; never throws. */
  async release(): Promise<void> {
    const { gpio, clock, log, onFault } = this.#options
    this.#ended = true
    this.#gone = true
    this.#callOff(new Refused(GONE))
    this.#group.leave(this, new Refused(GONE))
    const done = await withDeadline(() => this.#onLine(() => gpio.release(this.pin)), EXIT_DEADLINE_MS, clock)
    if (done === LATE) log.error({ pin: this.pin, ms: EXIT_DEADLINE_MS }, 'output was not let go of in time')
    onFault(this.pin, undefined)
  }

  /** Since when the broker is away, monotonic ms; undefined: it is there. */
  connected(away: number | undefined): void {
    this.#disconnect.abort(CALLED_OFF)
    const { on_disconnect: rule } = this.#config
    if (away === undefined || rule === undefined || this.#ended) return
    const level = rule.state === 'on' ? 1 : 0
    this.#disconnect = this.#later(away + rule.after, level, 'the broker has been away')
  }

  /** Brings the pin to its exit level. Never throws; a pin that fails is logged. */
  async exit(): Promise<void> {
    const { pin } = this
    const { clock, log } = this.#options
    this.#ended = true
    this.#callOff(new Refused(STOPPING))
    const waiting = new AbortController()
    const done = await withDeadline(() => this.#leave(waiting), EXIT_DEADLINE_MS, clock).catch((error: unknown) => {
      log.error({ pin, reason: messageOf(error) }, 'output did not reach its exit level')
    })
    if (done !== LATE) return
    waiting.abort(new Refused(STOPPING))
    log.error({ pin, ms: EXIT_DEADLINE_MS }, 'output did not reach its exit level in time')
  }

  /** Whatever is to happen later. */
  #callOff(reason: Refused): void {
    for (const timer of [this.#pulse, this.#disconnect, this.#maxOn, this.#undo]) timer.abort(CALLED_OFF)
    this.#group.callOff(reason, this)
  }

  get known(): boolean {
    return this.#level !== undefined
  }

  get claims(): boolean {
    return this.#level === 1 || this.#wish
  }

  get offSince(): number {
    return this.#offSince
  }

  demandOff(): void {
    if (this.#level === undefined) throw new Refused(this.#unusable())
    if (this.#level === 1) this.#demandInterval()
  }

  makeOff(): Promise<void> {
    return this.#onLine(async () => {
      if (!(await this.#surelyOff())) {
        await this.#write(0, this.#lastTime(0))
        this.#options.log.info({ pin: this.pin, state: 0, reason: 'interlock' }, 'output switched')
      }
      this.#ordered(0)
    })
  }

  giveUp(): void {
    this.#wish = false
    this.#pulse.abort(CALLED_OFF)
    this.#pulse = this.#later(this.#options.clock.monotonic(), 0, 'interlock')
  }

  begin(): void {
    if (!this.#wish) return
    this.#wish = false
    this.#pulse = this.#later(this.#options.clock.monotonic(), 1, 'initial level')
  }

  async #carryOut(command: Command, number: number, check: () => void): Promise<Level> {
    check()
    if (this.#output === undefined) throw new Refused(this.#ended ? STOPPING : this.#unusable())
    const waits = await this.#onLine(() => this.#attempt(command))
    if (waits) await this.#goOnInTurn(command.forMs, number, check)
    if (this.#level === undefined) throw new Refused(this.#unusable())
    return this.#level
  }

  /** Called in the line's queue: does what is ordered, or tells that the pin is to go on when its interlock lets it. */
  async #attempt({ state, forMs, patient = false }: Command): Promise<boolean> {
    if (this.#ended) throw new Refused(STOPPING)
    const before = this.#expected ?? this.#level
    this.#expected = undefined
    if (before === undefined) throw new Refused(this.#unusable())
    const wanted: Level = state === 'toggle' ? opposite(before) : state === 'on' ? 1 : 0
    const { clock, times, log } = this.#options
    const rest = restOfInterval(this.#config, times.of(this.pin).switched, clock.monotonic())
    if (patient && wanted !== this.#level && rest > 0) {
      log.info({ pin: this.pin, state: wanted, ms: rest }, 'output waits for its min_interval')
      this.#ordered(wanted, { at: clock.monotonic() + rest, level: wanted }, 'min_interval is over')
      return false
    }
    this.#demandAllowed(wanted, forMs)
    if (wanted === 1 && !this.#group.alone) return true
    await this.#obey(wanted, forMs)
    return false
  }

  async #goOnInTurn(forMs: number | undefined, number: number, check: () => void): Promise<void> {
    if (this.#ended) throw new Refused(STOPPING)
    try {
      if (number < this.#turning) throw new Refused(OVERTAKEN)
      await this.#goOn(new AbortController(), () => {
        check() // once more: the interlock took its time
        return this.#obey(1, forMs)
      })
    } catch (error) {
      if (number < this.#turning) this.#expected = 1
      throw error
    }
  }

  /** @throws Refused where the configuration forbids it */
  #demandAllowed(target: Level, forMs: number | undefined): void {
    const { pin, max_on: maxOn, min_interval: least } = this.#config
    if (forMs !== undefined && target === 1 && maxOn !== undefined && forMs > maxOn) {
      throw new Refused(`"for" is longer than this pin's max_on, which is ${formatDuration(maxOn)}`)
    }
    if (target !== this.#level) this.#demandInterval()
    if (forMs === undefined || least === undefined) return
    const { clock, times } = this.#options
    // The end of it is a switch, too.
    const now = clock.monotonic()
    const switched = target === this.#level ? times.of(pin).switched : now
    if (switched !== undefined && now + forMs < switched + least) {
      throw new Refused(`"for" is shorter than this pin's min_interval, which is ${formatDuration(least)}`)
    }
  }

  #demandInterval(): void {
    const { clock, times } = this.#options
    demandInterval(this.#config, times.of(this.pin).switched, clock.monotonic())
  }

  /** Does what a command orders. Called in the line's queue. */
  async #obey(target: Level, forMs: number | undefined): Promise<void> {
    const { clock, times } = this.#options
    if (this.#ended) throw new Refused(STOPPING)
    const to = opposite(target)
    const due = (): PinTimes['pulse'] =>
      forMs === undefined ? undefined : { at: clock.monotonic() + forMs, level: to }
    const old = times.of(this.pin).pulse
    // A process that is killed in the middle leaves nothing that would switch on later, or stay on for longer.
    const off = target === 0 && forMs === undefined ? this.#lastTime(0) : {}
    await this.#write(target, { pulse: due() ?? (old?.level === 0 ? old : undefined), ...off })
    this.#ordered(forMs === undefined ? target : to, due())
  }

  /** From here on this is what the pin was ordered to be in the end; `pulse`: and when. */
  #ordered(level: Level, pulse?: PinTimes['pulse'], reason = '"for" is over'): void {
    const { times, last } = this.#options
    this.#pulse.abort(CALLED_OFF)
    this.#wish = false
    if (pulse !== undefined && !this.#ended) this.#pulse = this.#later(pulse.at, pulse.level, reason)
    times.note(this.pin, { ...this.#lastTime(level), pulse })
    last.remember(this.pin, level)
  }

  #lastTime(level: Level): PinTimes {
    return this.#config.initial === 'last' ? { last: level } : {}
  }

  /** Does `work`, which switches on, in the line's queue, when the interlock lets it. */
  #goOn(controller: AbortController, work: () => Promise<void>): Promise<void> {
    const group = this.#group
    const inGroup = (): Promise<void> => {
      if (group !== this.#group) throw new Refused('called off: its interlock has changed')
      return work()
    }
    return group.goOn(this, this.#config.interlock_pause, controller, () => this.#onLine(inGroup))
  }

  /** Takes the exit level. `keep` keeps what was ordered to stay: a pulse that the end cut short is over. */
  async #leave(waiting: AbortController): Promise<void> {
    const { on_exit: exit } = this.#config
    const { last, times } = this.#options
    const leave = async (): Promise<Level | undefined> => {
      const level = exit === 'keep' ? last.of(this.pin) : exit === 'on' ? 1 : 0
      if (this.#output === undefined) return undefined
      if (level === 1 && this.#level !== 1 && !this.#group.alone) return level
      const { onSince } = times.of(this.pin)
      if (level !== undefined) await this.#write(level)
      // What `initial: last` brings back goes on with its limit.
      const comesBack = this.#config.initial === 'last' && last.of(this.pin) === 1
      times.note(this.pin, { pulse: undefined, ...(comesBack ? { onSince } : {}) })
      return undefined // done
    }
    if ((await this.#onLine(leave)) === 1) await this.#goOn(waiting, () => this.#write(1))
  }

  /** Why there is nothing to be done with the pin now. */
  #unusable(): string {
    return `pin ${this.pin} can't be used: ${this.#faults.current?.message ?? 'it is not open yet'}`
  }

  async #tryOpen(): Promise<boolean> {
    if (this.#ended) return true
    const { pin, name, active_low: activeLow } = this.#config
    const { gpio, log, times, last, clock } = this.#options
    const left = times.of(pin)
    const lastTime = this.#config.initial === 'last' ? left.last : undefined
    const start = startOf(this.#config, left, lastTime ?? last.of(pin), times.away, clock.monotonic())
    // Opening never brings two of an interlock on: one that is to be on is taken as it is, and switched afterwards.
    const initial = start.level === 1 && !this.#group.alone ? 'keep' : start.level
    try {
      this.#output ??= await gpio.output(pin, { initial, activeLow })
      if (this.#gone) {
        await gpio.release(pin) // nobody waited for it any more
        return true
      }
      // A level that we gave was read back by the backend; one that was kept is not known here.
      const level = initial === 'keep' || this.#ended ? await this.#output.read() : initial
      this.#offSince = clock.monotonic()
      this.#onSince = start.onSince ?? clock.monotonic()
      const pulse = start.pulse?.level === level ? undefined : start.pulse
      const onSince = level === 1 ? start.onSince : undefined
      // In one step: a process that is killed here must not leave less than it found.
      times.keep(pin, { switched: left.switched, last: lastTime, pulse, onSince })
      this.#settled(level)
      this.#wish = start.level === 1 && level === 0
      if (pulse !== undefined && !this.#ended) this.#ordered(pulse.level, pulse)
      log.info({ pin, name, state: level }, 'output opened')
      return true
    } catch (error) {
      this.#failed(error)
      return false
    }
  }

  async #surelyOff(): Promise<boolean> {
    if (this.#output === undefined) throw new Refused(this.#unusable())
    if (this.#level !== 0 || !this.#sure) return false
    return (await this.#output.read().catch(() => undefined)) === 0 // what can't be read is written
  }

  /** Called in the line's queue. `owed`: what a process after this one must know before the wire moves. */
  async #write(level: Level, owed: PinTimes = {}): Promise<void> {
    const { clock, times } = this.#options
    if (this.#output === undefined) throw new GpioError('lost', this.#unusable())
    const limited = level === 1 && this.#config.max_on !== undefined
    const on = limited ? { onSince: times.of(this.pin).onSince ?? clock.monotonic() } : {}
    times.note(this.pin, { ...owed, ...on })
    try {
      await this.#output.write(level)
    } catch (error) {
      // It may have moved the wire all the same.
      const wasOff = this.#level === 0 && this.#sure
      this.#sure = false
      if (level === 1) this.#limit()
      if (level === 1 && wasOff && !this.#ended) this.#undoLater()
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
    const { pin } = this
    const { times, clock } = this.#options
    if (this.#faults.current !== undefined) {
      this.#faults.ended({ pin })
      this.#options.onFault(pin, undefined)
    }
    const before = this.#sure ? this.#level : undefined
    const moved = this.#level !== undefined && before !== level
    this.#level = level
    this.#sure = true
    this.#undo.abort(CALLED_OFF)
    this.#options.onState(pin, level)
    const now = clock.monotonic()
    if (moved) this.#switched = now
    const counted = moved && this.#config.min_interval !== undefined ? { switched: now } : {}
    if (level === 1) {
      if (moved) this.#onSince = now
      times.note(pin, counted)
      if (before !== 1) this.#limit()
      return
    }
    if (moved) this.#offSince = now
    this.#maxOn.abort(CALLED_OFF)
    times.note(pin, { ...counted, onSince: undefined })
  }

  /** Being on, or perhaps on, has an end, counted from when it began. */
  #limit(): void {
    const { clock, times } = this.#options
    const { max_on: maxOn } = this.#config
    if (maxOn === undefined || this.#ended) return
    const onSince = times.of(this.pin).onSince ?? clock.monotonic()
    times.note(this.pin, { onSince })
    this.#maxOn.abort(CALLED_OFF)
    this.#maxOn = this.#later(onSince + maxOn, 0, 'max_on is over')
  }

  /** Brings the pin to a level at a time, unless the returned controller is aborted before. */
  #later(at: number, level: Level, reason: string): AbortController {
    return this.#owe(at, level, (controller) => {
      const switchNow = async (): Promise<void> => {
        if (controller.signal.aborted) return
        if (this.#level !== level || !this.#sure) {
          await this.#write(level, level === 0 ? this.#lastTime(0) : {})
          this.#options.log.info({ pin: this.pin, state: level, reason }, 'output switched')
        }
        // Also where the level was there already: a `for` that would leave it again is over.
        this.#ordered(level)
      }
      return level === 1 ? this.#goOn(controller, switchNow) : this.#onLine(switchNow)
    })
  }

  /** An "on" was answered with an error: the pin must be off, as before it. No order, so it ends no `for`. */
  #undoLater(): void {
    this.#undo.abort(CALLED_OFF)
    this.#undo = this.#owe(this.#options.clock.monotonic() + UNDO_AFTER_MS, 0, ({ signal }) =>
      this.#onLine(async () => {
        if (!signal.aborted) await this.#write(0)
      }),
    )
  }

  #owe(at: number, level: Level, work: (controller: AbortController) => Promise<void>): AbortController {
    const { clock, log, times } = this.#options
    const { pin } = this
    return owe({
      at,
      rest: () => (level === 1 ? restOfInterval(this.#config, times.of(pin).switched, clock.monotonic()) : 0),
      work,
      onFailure: (error) =>
        log.error({ pin, state: level, reason: messageOf(error) }, 'output could not be switched; trying again'),
      clock,
    })
  }

  #onLine<T>(work: () => Promise<T>): Promise<T> {
    return this.#line.add(work)
  }
}
