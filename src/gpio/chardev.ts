/**
 * The real pins by the kernel's GPIO character device (/dev/gpiochip*, uAPI v2), without libgpiod: pulls, debouncing
 * by the kernel, and every edge with its number. Here is who has which line. After close, and after a crash, the
 * kernel takes all lines back; what the wires do then is the board's affair.
 */
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Load } from '../optional.ts'
import { withHeaderChip } from './chardev-chip.ts'
import { ChardevCounter } from './chardev-counter.ts'
import { ChardevInput } from './chardev-input.ts'
import { loadKernel } from './chardev-kernel.ts'
import type { ChardevDriver } from './chardev-line.ts'
import { ChardevOutput } from './chardev-output.ts'
import { type Claimed, Claims, type Use } from './claims.ts'
import type { Counter, CounterOptions, Gpio, Input, InputOptions, Output, OutputOptions } from './gpio.ts'

export interface ChardevGpioOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly load?: Load
}

/** @throws GpioError where this machine has no header to drive, we may not use it, or koffi does not load */
export async function createChardevGpio({ clock, log, load }: ChardevGpioOptions): Promise<Gpio> {
  const kernel = loadKernel(load === undefined ? {} : { load })
  withHeaderChip(kernel, () => {})
  return new ChardevBackend({ kernel, clock, log })
}

class ChardevBackend implements Gpio {
  readonly backend = 'chardev'
  readonly #driver: ChardevDriver
  readonly #claims = new Claims()

  constructor(driver: ChardevDriver) {
    this.#driver = driver
  }

  async input(line: number, options: InputOptions): Promise<Input> {
    return this.#claim(line, 'input', () => ChardevInput.open(this.#driver, line, options))
  }

  async counter(line: number, options: CounterOptions): Promise<Counter> {
    return this.#claim(line, 'input', () => ChardevCounter.open(this.#driver, line, options))
  }

  async output(line: number, options: OutputOptions): Promise<Output> {
    return this.#claim(line, 'output', () => ChardevOutput.open(this.#driver, line, options))
  }

  release(line: number): Promise<void> {
    return this.#claims.release(line)
  }

  async close(): Promise<void> {
    if (!this.#claims.close()) return
    await this.#claims.end()
  }

  #claim<T extends Claimed>(line: number, use: Use, open: () => T): T {
    this.#claims.take(line, use)
    try {
      const opened = open()
      this.#claims.opened(line, opened)
      return opened
    } catch (error) {
      this.#claims.drop(line)
      throw error
    }
  }
}
