/**
 * The output pins of the node: each is an `OutputPin`, those with one `interlock` share an `Interlock`. Called by the
 * agent.
 */
import type { Command } from './command.ts'
import type { OutputConfig } from './config/schema.ts'
import { Refused } from './errors.ts'
import type { Level } from './gpio/gpio.ts'
import { Interlock } from './interlock.ts'
import { OutputPin, type OutputPinOptions } from './output-pin.ts'

export interface OutputsOptions extends OutputPinOptions {
  readonly pins: readonly OutputConfig[]
}

export class Outputs {
  readonly #options: OutputsOptions
  readonly #pins = new Map<number, OutputPin>()
  #ended = false

  constructor(options: OutputsOptions) {
    this.#options = options
    const groups = new Map<string, Interlock>()
    for (const config of options.pins) {
      const { interlock: name } = config
      const group = (name === undefined ? undefined : groups.get(name)) ?? new Interlock({ ...options, name })
      if (name !== undefined) groups.set(name, group)
      this.#pins.set(config.pin, new OutputPin(config, group, options))
    }
  }

  /** Opens every pin once, and returns; pins that failed are tried again until the signal aborts. */
  async open(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#pins.values()].map((pin) => pin.open(signal)))
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
  async command(pin: number, command: Command, check?: () => void): Promise<Level> {
    const output = this.#pins.get(pin)
    if (output === undefined) throw new Refused(`pin ${pin} is not an output of this node`)
    return await output.command(command, check)
  }

  /** The broker came or went: starts or calls off each pin's `on_disconnect`. */
  connected(connected: boolean): void {
    if (this.#ended) return
    const { times, clock } = this.#options
    // Away since an earlier process noticed: a crash does not begin the grace time anew.
    const away = connected ? undefined : (times.away ?? clock.monotonic())
    times.setAway(away)
    for (const pin of this.#pins.values()) pin.connected(away)
  }

  /** Brings every pin to its exit level. Never throws; a pin that fails is logged. */
  async exit(): Promise<void> {
    this.#ended = true
    this.#options.times.setAway(undefined)
    await Promise.all([...this.#pins.values()].map((pin) => pin.exit()))
  }
}
