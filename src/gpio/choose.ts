/** Which backend `gpio.backend` stands for on this machine, and why. Called by the command line. */
import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { codeOf, DriverUnavailableError, messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import { type Load, loadOptional } from '../optional.ts'
import type { Gpio } from './gpio.ts'
import type { Choice } from './on-demand.ts'

export interface ChooseOptions {
  readonly backend: 'auto' | 'onoff' | 'chardev'
  /** Pins whose pulses are counted, which sysfs can't; default: none. */
  readonly counters?: readonly number[]
  readonly clock: Clock
  readonly log: Logger
  /** Stands for `/`. */
  readonly root?: string
  readonly load?: Load
}

type Real = 'onoff' | 'chardev'

/**
 * `auto` is onoff where it can be had, as that keeps outputs driven while no agent runs, and the character device
 * elsewhere: a kernel without GPIO by sysfs, a machine without a compiler, a pin whose pulses are counted. Nothing is
 * opened.
 */
export async function chooseBackend(options: ChooseOptions): Promise<Choice> {
  const { backend, counters = [] } = options
  if (backend !== 'auto') return choice(backend, `gpio.backend: ${backend}`, options)
  const [counter] = counters
  if (counter !== undefined) {
    return choice('chardev', `auto: GPIO${counter} has mode: counter, which GPIO by sysfs can't count`, options)
  }
  const obstacle = await obstacleToOnoff(options)
  if (obstacle === undefined) return choice('onoff', 'auto: GPIO by sysfs is there and writable', options)
  return choice('chardev', `auto: ${obstacle}`, options)
}

async function obstacleToOnoff({ root = '/', load = loadOptional }: ChooseOptions): Promise<string | undefined> {
  const file = join(root, 'sys/class/gpio/export')
  try {
    await access(file, constants.W_OK)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return `there is no ${file}: this kernel has no GPIO by sysfs`
    return `${file} can't be written: ${messageOf(error)}`
  }
  try {
    load('onoff')
    return undefined
  } catch (error) {
    if (error instanceof DriverUnavailableError) return error.message
    throw error
  }
}

function choice(backend: Real, reason: string, { clock, log, root, load }: ChooseOptions): Choice {
  const given = { clock, log, ...(load === undefined ? {} : { load }) }
  const create = async (): Promise<Gpio> => {
    if (backend === 'chardev') {
      const { createChardevGpio } = await import('./chardev.ts')
      return createChardevGpio(given)
    }
    const { createOnoffGpio } = await import('./onoff.ts')
    return createOnoffGpio({ ...given, ...(root === undefined ? {} : { root }) })
  }
  return { backend, reason, create }
}
