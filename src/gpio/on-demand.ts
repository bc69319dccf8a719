/**
 * A backend that is chosen and made when the first pin asks for it, and again with each later pin while it can't be
 * had: a machine without a header, or one whose driver loads late, costs its pins, not the agent. Used by the command
 * line.
 */
import type { Logger } from '../log.ts'
import type { Counter, CounterOptions, Gpio, Input, InputOptions, Output, OutputOptions } from './gpio.ts'

/** Which backend, why, and how to make it. */
export interface Choice {
  readonly backend: string
  readonly reason: string
  readonly create: () => Promise<Gpio>
}

export class GpioOnDemand implements Gpio {
  readonly #choose: () => Promise<Choice>
  readonly #log: Logger
  readonly #asked: string
  /** The last one; until the first pin nothing is chosen. */
  #choice: Choice | undefined
  #gpio: Promise<Gpio> | undefined
  #closed = false

  /** @param asked the name to go by until a backend is chosen  @param choose called again after the backend failed */
  constructor(asked: string, choose: () => Promise<Choice>, log: Logger) {
    this.#asked = asked
    this.#choose = choose
    this.#log = log
  }

  get backend(): string {
    return this.#choice?.backend ?? this.#asked
  }

  get reason(): string | undefined {
    return this.#choice?.reason
  }

  async input(line: number, options: InputOptions): Promise<Input> {
    const gpio = await this.#get()
    this.#demandOpen() // it may have been closed while the backend was made
    return gpio.input(line, options)
  }

  async counter(line: number, options: CounterOptions): Promise<Counter> {
    const gpio = await this.#get()
    return gpio.counter(line, options)
  }

  async output(line: number, options: OutputOptions): Promise<Output> {
    const gpio = await this.#get()
    this.#demandOpen()
    return gpio.output(line, options)
  }

  async release(line: number): Promise<void> {
    const gpio = await this.#gpio?.catch(() => undefined) // a backend that was never made has given nothing out
    await gpio?.release(line)
  }

  async close(): Promise<void> {
    this.#closed = true
    const gpio = await this.#gpio?.catch(() => undefined) // what was never made needs no end
    await gpio?.close()
  }

  async #get(): Promise<Gpio> {
    this.#demandOpen()
    const making = this.#gpio ?? this.#make()
    this.#gpio = making
    making.catch(() => {
      if (this.#gpio === making) this.#gpio = undefined // whoever asked gets the error; the next one tries again
    })
    return await making
  }

  #demandOpen(): void {
    if (this.#closed) throw new Error('the GPIO backend was closed')
  }

  async #make(): Promise<Gpio> {
    const choice = await this.#choose()
    const { backend, reason } = choice
    if (backend !== this.#choice?.backend || reason !== this.#choice.reason) this.#log.info({ backend, reason }, 'pins')
    this.#choice = choice
    return await choice.create()
  }
}
