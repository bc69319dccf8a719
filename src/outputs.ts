/**
 * The output pins of the node: each is an `OutputPin`, those with one `interlock` share an `Interlock`. Called by
 * `pins.ts`, with whole lists: a pin that a new list has as it was is not touched.
 */
import type { Command } from './command.ts'
import { same } from './config/changes.ts'
import type { OutputConfig } from './config/schema.ts'
import { withDeadline } from './deadline.ts'
import { Refused } from './errors.ts'
import type { Level } from './gpio/gpio.ts'
import { Interlock } from './interlock.ts'
import { OutputPin, type OutputPinOptions } from './output-pin.ts'

export interface OutputsOptions extends OutputPinOptions {
  readonly pins: readonly OutputConfig[]
}

interface Entry {
  config: OutputConfig
  readonly pin: OutputPin
  group: Interlock
  /** Its opening has begun. */
  begun: boolean
}

/** For what is under way on the lines of an interlock: a driver takes milliseconds. */
const IDLE_DEADLINE_MS = 1000

export class Outputs {
  readonly #options: OutputsOptions
  readonly #pins = new Map<number, Entry>()
  /** By name. A pin without an interlock is alone in one of its own. */
  readonly #groups = new Map<string, Interlock>()
  /** Taken out of the configuration, and on their way to their exit level. */
  readonly #leaving = new Set<Promise<void>>()
  #ended = false

  constructor(options: OutputsOptions) {
    this.#options = options
    for (const config of options.pins) this.#add(config)
  }

  /** Opens every pin that is not open yet, once, and returns; those that fail are tried again until the signal aborts. */
  async open(signal: AbortSignal): Promise<void> {
    const entries = [...this.#pins.values()]
    const opening = entries
      .filter(({ begun }) => !begun)
      .map(async (entry) => {
        entry.begun = true
        await entry.pin.open(signal)
        entry.pin.connected(this.#options.times.away)
      })
    await Promise.all(opening)
    for (const { group } of entries) group.establish()
  }

  /**
   * First half of a new configuration: those that it lacks go to their exit level and are given back, those that it has
   * otherwise are told; where the line itself is another one to us, it is given back as it is. `open` is the second half.
   */
  async retire(configs: readonly OutputConfig[]): Promise<void> {
    if (this.#ended) return
    const { times, last } = this.#options
    times.keepThose(configs)
    last.keepThose(configs.filter(({ initial }) => initial === 'last').map(({ pin }) => pin))
    const next = new Map(configs.map((config) => [config.pin, config]))
    const leaving: Promise<void>[] = []
    const joined = new Set<Interlock>()
    for (const [number, entry] of this.#pins) {
      const config = next.get(number)
      if (config !== undefined && same(entry.config, config)) continue
      if (config !== undefined && entry.config.active_low === config.active_low) {
        const group = this.#groupOf(config, entry)
        if (group !== entry.group) joined.add(group)
        Object.assign(entry, { config, group })
        entry.pin.apply(config, group)
        continue
      }
      this.#pins.delete(number)
      // To the pin that takes its place, what this one owed means nothing: the wire is another one.
      if (config !== undefined) times.keep(number, { switched: times.of(number).switched })
      leaving.push(this.#leave(entry.pin, config === undefined))
    }
    await Promise.all(leaving)
    for (const config of configs) if (!this.#pins.has(config.pin) && !this.#ended) joined.add(this.#add(config).group)
    await Promise.all([...joined].map((group) => this.#settle(group)))
  }

  has(pin: number): boolean {
    return this.#pins.has(pin)
  }

  /**
   * Carries a command out, and gives the level; commands of one pin follow each other in order.
   *
   * @param check is called when it is the command's turn; what it throws refuses the command
   * @throws Refused, GpioError
   */
  command(pin: number, command: Command, check?: () => void): Promise<Level> {
    const output = this.#pins.get(pin)?.pin
    if (output === undefined) return Promise.reject(new Refused(`pin ${pin} is not an output of this node`))
    return output.command(command, check)
  }

  /** The broker came or went: starts or calls off each pin's `on_disconnect`. */
  connected(connected: boolean): void {
    if (this.#ended) return
    const { times, clock } = this.#options
    // Away since an earlier process noticed: a crash does not begin the grace time anew.
    const away = connected ? undefined : (times.away ?? clock.monotonic())
    times.setAway(away)
    for (const { pin } of this.#pins.values()) pin.connected(away)
  }

  /** Brings every pin to its exit level. Never throws; a pin that fails is logged. */
  async exit(): Promise<void> {
    this.#ended = true
    this.#options.times.setAway(undefined)
    await Promise.all([...[...this.#pins.values()].map(({ pin }) => pin.exit()), ...this.#leaving])
  }

  #add(config: OutputConfig): Entry {
    const group = this.#groupOf(config, undefined)
    const entry = { config, group, pin: new OutputPin(config, group, this.#options), begun: false }
    this.#pins.set(config.pin, entry)
    return entry
  }

  #groupOf({ interlock: name }: OutputConfig, entry: Entry | undefined): Interlock {
    if (name === undefined && entry !== undefined && entry.config.interlock === undefined) return entry.group
    const group = (name === undefined ? undefined : this.#groups.get(name)) ?? new Interlock({ ...this.#options, name })
    if (name !== undefined) this.#groups.set(name, group)
    return group
  }

  /** Never throws. */
  async #leave(pin: OutputPin, exit: boolean): Promise<void> {
    const gone = (exit ? pin.exit() : Promise.resolve()).then(() => pin.release())
    this.#leaving.add(gone)
    await gone
    this.#leaving.delete(gone)
  }

  /** Who has joined a group may be on together with another one. */
  async #settle(group: Interlock): Promise<void> {
    const members = [...this.#pins.values()].filter((entry) => entry.group === group)
    const idle = (): Promise<unknown> => Promise.all(members.map(({ pin }) => pin.idle()))
    await withDeadline(idle, IDLE_DEADLINE_MS, this.#options.clock)
    group.opened()
  }
}
