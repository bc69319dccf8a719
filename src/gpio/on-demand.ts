/**
 * A backend that is made when the first pin asks for it, and asked for again with each later pin while it can't be
 * had: a machine without a header, or one whose driver loads late, costs its pins, not the agent. Used by the command
 * line.
 */
import type { Gpio, Input, InputOptions, Output, OutputOptions } from './gpio.ts'

export class GpioOnDemand implements Gpio {
  readonly backend: string
  readonly #create: () => Promise<Gpio>
  #gpio: Promise<Gpio> | undefined
  #closed = false

  /** @param backend the name to go by  @param create makes the backend; called again after it has failed */
  constructor(backend: string, create: () => Promise<Gpio>) {
    this.backend = backend
    this.#create = create
  }

  async input(line: number, options: InputOptions): Promise<Input> {
    const gpio = await this.#get()
    return gpio.input(line, options)
  }

  async output(line: number, options: OutputOptions): Promise<Output> {
    const gpio = await this.#get()
    return gpio.output(line, options)
  }

  async close(): Promise<void> {
    this.#closed = true
    const gpio = await this.#gpio?.catch(() => undefined) // what was never made needs no end
    await gpio?.close()
  }

  #get(): Promise<Gpio> {
    if (this.#closed) return Promise.reject(new Error('the GPIO backend was closed'))
    const making = this.#gpio ?? this.#create()
    this.#gpio = making
    making.catch(() => {
      if (this.#gpio === making) this.#gpio = undefined // whoever asked gets the error; the next one tries again
    })
    return making
  }
}
