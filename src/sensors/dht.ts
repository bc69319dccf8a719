/**
 * What DHT11 and DHT22 have in common: one data wire, read by the kernel's dht11 driver where its overlay is active, else
 * through node-dht-sensor in a child process that all of them share. Used by `dht11.ts` and `dht22.ts`.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { codeOf, messageOf, SensorError } from '../errors.ts'
import type { DhtModel } from './dht-child.ts'
import { DhtProcess } from './dht-process.ts'
import { isCalled } from './iio.ts'
import { type Driver, driverOption, type KernelChip, openByKernel, refuseHeld } from './kernel-driver.ts'
import type { Sensor, SensorEnv } from './sensor.ts'

const PIN_ERROR = 'must be the BCM number of a header pin, 0 to 27'

/** For the documents; `overlayOf` is the line for a pin. */
export const DHT_OVERLAY = 'dtoverlay=dht11,gpiopin=4'

/** The options of both types. */
export const dhtOptions = () =>
  z.strictObject({
    pin: z
      .int({ error: PIN_ERROR })
      .min(0, PIN_ERROR)
      .max(27, PIN_ERROR)
      .describe('BCM number of the header pin that the data wire is on, 0 to 27.'),
    driver: driverOption(DHT_OVERLAY),
  })

/** A shorter interval than the vendor's cache of 3 s (dht-sensor.cpp, readDHT) would tell old values as new ones. */
export const DHT_MIN_INTERVAL_MS = 3000
/** Room and heating change slowly, and each read warms the chip. */
export const DHT_INTERVAL_MS = 30_000
/** Twice what `dht-process.ts` lets one request take, so that one sensor's hang is not everybody's. */
export const DHT_TIMEOUT_MS = 5000

/** Opens one sensor. @throws SensorError */
export type OpenDht = (
  model: DhtModel,
  options: { readonly pin: number; readonly driver: Driver },
  env: SensorEnv,
) => Promise<Sensor>

export interface DhtParts {
  /** The compiled `dht-child.ts`. */
  readonly childProgram?: URL
  /** The package, or the path of a module that stands in for it. */
  readonly vendor?: string
}

/** The sensors that one returned function opens share one child process. Nothing starts before the first of them. */
export function createDht({
  childProgram = new URL('./dht-child.js', import.meta.url), // compiled, it lies beside this file
  vendor = 'node-dht-sensor',
}: DhtParts = {}): OpenDht {
  const child = new DhtProcess(childProgram, vendor)
  return async (model, { pin, driver }, env) => {
    const chip = kernelChip(pin)
    const sensor = await openByKernel(chip, driver, env)
    if (sensor !== undefined) return sensor
    if (driver === 'user') await refuseHeld(chip, env)
    const { clock, log, root, name } = env
    const caller = { clock, log, what: `${name}: DHT${model} on pin ${pin}` }
    await refuseForeignMachine(root, pin, caller.what)
    await child.hold(caller)
    return {
      quantities: ['temperature', 'humidity'],
      async read(signal) {
        const { temperature, humidity } = await child.read({ model, pin }, caller, signal)
        return { temperature, humidity }
      },
      close: () => child.release(),
    }
  }
}

/** Opens a sensor on the agent's one DHT process. */
export const openDht = createDht()

/** The overlay's driver reads both types, and goes by the answer for which it is (dht11.c, dht11_decode). */
function kernelChip(pin: number): KernelChip {
  return {
    place: `pin ${pin}`,
    overlay: overlayOf(pin),
    matches: (device) => isCalled(device, 'dht11') && device.pin === pin,
  }
}

function overlayOf(pin: number): string {
  return `dtoverlay=dht11,gpiopin=${pin}`
}

/**
 * The package knows the BCM2835 to BCM2711 only. Where it does not find one of them and runs as root, it maps the
 * address 0x20000000 through /dev/mem and writes there, whatever that is (bcm2835.c, bcm2835_init).
 */
async function refuseForeignMachine(root: string, pin: number, what: string): Promise<void> {
  const file = join(root, 'proc/device-tree/model')
  let model: string
  try {
    model = (await readFile(file, 'utf8')).replaceAll('\0', '').trim()
  } catch (error) {
    const reason = `${file} can't be read (${codeOf(error) ?? messageOf(error)})`
    throw new SensorError('unsupported', `${what}: this is no Raspberry Pi, ${reason}; use type simulated here`, {
      cause: error,
    })
  }
  // Raspberry Pi 5, 500 and Compute Module 5: the pins are behind the RP1.
  if (/^Raspberry Pi (Compute Module )?[5-9]/.test(model)) {
    const remedy = `let the kernel read it: ${overlayOf(pin)} in /boot/firmware/config.txt (for a DHT22 too), then reboot`
    throw new SensorError('unsupported', `${what}: node-dht-sensor can't reach the pins of a ${model}; ${remedy}`)
  }
  if (!model.startsWith('Raspberry Pi')) {
    throw new SensorError('unsupported', `${what}: this is no Raspberry Pi but '${model}'; use type simulated here`)
  }
}
