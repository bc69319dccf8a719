/**
 * The real pins, by onoff: the kernel's sysfs GPIO. Here is who has which line, and how everything ends; a line is
 * exported, opened and checked in `onoff-line.ts`. After close, and after a crash, outputs stay driven.
 */
import type { Clock } from '../clock.ts'
import { DriverUnavailableError, GpioError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { type Load, loadOptional } from '../optional.ts'
import { Claims, type Use } from './claims.ts'
import type { Counter, Gpio, Input, InputOptions, Output, OutputOptions } from './gpio.ts'
import { OnoffInput } from './onoff-input.ts'
import type { OnoffConstructor, OnoffDriver } from './onoff-line.ts'
import { OnoffOutput } from './onoff-output.ts'
import { nodeFiles, type SysfsFiles } from './sysfs.ts'
import { findHeaderChip } from './sysfs-chip.ts'

export interface OnoffGpioOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Stands for `/`. onoff itself knows only the real one. */
  readonly root?: string
  readonly load?: Load
  /** A kernel in memory, for tests that need one that refuses. */
  readonly files?: SysfsFiles
}

/** @throws GpioError where this machine has no header to drive, or onoff does not load */
export async function createOnoffGpio(options: OnoffGpioOptions): Promise<Gpio> {
  const { clock, log, root = '/', load = loadOptional, files = nodeFiles } = options
  const sysfs = { files, clock, root }
  await findHeaderChip(sysfs)
  return new OnoffBackend({ sysfs, log, Onoff: loadOnoff(load) })
}

function loadOnoff(load: Load): OnoffConstructor {
  try {
    const { Gpio } = load('onoff') as { readonly Gpio: OnoffConstructor } // as its own onoff.d.ts says
    return Gpio
  } catch (error) {
    if (!(error instanceof DriverUnavailableError)) throw error
    throw new GpioError('unavailable', error.message, { cause: error })
  }
}

class OnoffBackend implements Gpio {
  readonly backend = 'onoff'
  readonly #driver: OnoffDriver
  readonly #claims = new Claims()
  readonly #stop = new AbortController()
  readonly #opening = new Set<Promise<unknown>>()

  constructor(driver: OnoffDriver) {
    this.#driver = driver
  }

  input(line: number, options: InputOptions): Promise<Input> {
    return this.#claim(line, 'input', async (signal) => {
      const input = await OnoffInput.open(this.#driver, line, options, signal)
      this.#claims.opened(line, input)
      return input
    })
  }

  /** sysfs tells that there was an edge, not how many. */
  async counter(line: number): Promise<Counter> {
    const message = `GPIO${line} can't be counted with onoff, as sysfs loses edges; set gpio.backend: chardev`
    throw new GpioError('unsupported', message)
  }

  output(line: number, options: OutputOptions): Promise<Output> {
    return this.#claim(line, 'output', async (signal) => {
      const output = await OnoffOutput.open(this.#driver, line, options, signal)
      this.#claims.opened(line, output)
      return output
    })
  }

  release(line: number): Promise<void> {
    return this.#claims.release(line)
  }

  async close(): Promise<void> {
    if (!this.#claims.close()) return
    this.#stop.abort(new GpioError('misuse', 'the GPIO backend was closed while a line was being opened'))
    await Promise.allSettled(this.#opening)
    await this.#claims.end()
  }

  async #claim<T>(line: number, use: Use, open: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#claims.take(line, use)
    const opening = open(this.#stop.signal)
    this.#opening.add(opening)
    try {
      return await opening
    } catch (error) {
      this.#claims.drop(line)
      throw error
    } finally {
      this.#opening.delete(opening)
    }
  }
}
