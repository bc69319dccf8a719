/**
 * The option `driver` of sensors that the kernel can read as well as a driver of our own: which of the two it is.
 * Called by `dht.ts` and `bme280.ts`.
 */
import { z } from 'zod'
import { SensorError } from '../errors.ts'
import { findIioDevices, type IioDevice, listed } from './iio.ts'
import { openIio } from './iio-device.ts'
import type { Sensor, SensorEnv } from './sensor.ts'

const DRIVERS = ['auto', 'kernel', 'user'] as const
export type Driver = (typeof DRIVERS)[number]

/**
 * @param overlay the line of config.txt that has the kernel read the chip
 * @param note a sentence for the documents on what only one of the drivers can do
 */
export function driverOption(overlay: string, note?: string) {
  return z
    .enum(DRIVERS, { error: 'must be auto, kernel or user' })
    .default('auto')
    .describe(
      `\`kernel\` for the kernel’s driver (\`${overlay}\` in config.txt), \`user\` for our own, \`auto\` for the kernel’s where it has the chip.${note === undefined ? '' : ` ${note}`}`,
    )
}

/** The same chip, as the kernel would know it. */
export interface KernelChip {
  /** Where it is, for people: `pin 4`. */
  readonly place: string
  /** The line of config.txt that has the kernel read it. */
  readonly overlay: string
  readonly matches: (device: IioDevice) => boolean
}

/**
 * The chip behind the kernel's driver; undefined where it is for our own to read.
 *
 * @throws SensorError where `driver` is `kernel` and the kernel does not have the chip
 */
export async function openByKernel(chip: KernelChip, driver: Driver, env: SensorEnv): Promise<Sensor | undefined> {
  if (driver === 'user') return undefined
  const devices = await findIioDevices(env.root)
  const device = devices.find(chip.matches)
  if (device !== undefined) return await openIio(device, env)
  if (driver === 'auto') return undefined
  const remedy = `add ${chip.overlay} to /boot/firmware/config.txt and reboot`
  const text = `${env.name}: no driver of the kernel reads ${chip.place}; ${remedy}. Its IIO devices: ${listed(devices)}`
  throw new SensorError('not-found', text)
}

/**
 * For a driver of our own that would take no notice of the kernel's. On I2C the kernel itself keeps us out.
 *
 * @throws SensorError where the kernel has the chip
 */
export async function refuseHeld(chip: KernelChip, { root, name }: SensorEnv): Promise<void> {
  const device = (await findIioDevices(root)).find(chip.matches)
  if (device === undefined) return
  const remedy = 'set driver: auto, or remove its dtoverlay from /boot/firmware/config.txt and reboot'
  const text = `${name}: ${chip.place} is held by the kernel's driver (${listed([device])}); ${remedy}`
  throw new SensorError('permission', text)
}
