/**
 * Turns what a transfer on `/dev/i2c-N` failed with into one sentence and a remedy. Goes by `errno`: for an absent
 * chip i2c-bus gives errno 121 with an empty `code`. Called by i2c.ts, which hands on what chips say of their place.
 */
import { constants } from 'node:os'
import { codeOf, messageOf, SensorError } from '../errors.ts'

/** One chip on one bus, and the sensor's name in messages. */
export interface I2cPlace {
  readonly name: string
  /** N of `/dev/i2c-N`. */
  readonly bus: number
  /** 7 bits. */
  readonly address: number
}

/** `address 0x76 on I2C bus 1`. */
export function locationOf(place: I2cPlace): string {
  return `address ${hex(place.address)} on I2C bus ${place.bus}`
}

/** How a chip begins a message: `attic: the BME280 at address 0x76 on I2C bus 1`. */
export function subject(place: I2cPlace, model: string): string {
  return `${place.name}: the ${model} at ${locationOf(place)}`
}

/** A byte as the datasheets and i2cdetect write it: `0x0a`. */
export function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`
}

const { ENOENT, ENODEV, ENXIO, EACCES, EPERM, EBUSY } = constants.errno

/** No acknowledge, as the Pi's controller tells it (asm-generic/errno.h); `os.constants` lacks it. */
const EREMOTEIO = 121

/** The SensorError for what i2c-bus rejected with. */
export function i2cError(place: I2cPlace, thrown: unknown): SensorError {
  const device = `/dev/i2c-${place.bus}`
  const cause = { cause: thrown }
  switch (errnoOf(thrown)) {
    case ENOENT:
      return new SensorError('not-found', `${place.name}: there is no ${device}; ${enabling(place.bus)}`, cause)
    case EACCES:
    case EPERM: {
      const remedy = 'this user needs the group i2c (sudo usermod -aG i2c $USER, then log in again)'
      return new SensorError('permission', `${place.name}: ${device} may not be opened; ${remedy}`, cause)
    }
    case EBUSY: {
      const remedy = 'remove the dtoverlay that claims it from config.txt, or read it through that driver (type: iio)'
      const text = `${place.name}: ${locationOf(place)} is held by a driver of the kernel; ${remedy}`
      return new SensorError('permission', text, cause)
    }
    case EREMOTEIO:
    case ENXIO:
    case ENODEV: {
      const remedy = `check wiring and power, and what i2cdetect -y ${place.bus} shows`
      return new SensorError('not-found', `${place.name}: nothing answers at ${locationOf(place)}; ${remedy}`, cause)
    }
    default: {
      const text = `${place.name}: a transfer with ${locationOf(place)} failed (${nameOf(thrown)}); check wiring and power`
      return new SensorError('bus', text, cause)
    }
  }
}

function enabling(bus: number): string {
  return bus === 1
    ? 'enable I2C (sudo raspi-config nonint do_i2c 0)'
    : 'i2cdetect -l lists the buses that there are; the header has bus 1, others need a dtoverlay in config.txt'
}

/** Whether nobody acknowledged, whichever way the bus's driver has to say so. */
export function isSilence(thrown: unknown): boolean {
  return [EREMOTEIO, ENXIO, ENODEV].includes(errnoOf(thrown) ?? 0)
}

/** Positive errno: node:fs gives it negative, i2c-bus's own addon positive. */
export function errnoOf(thrown: unknown): number | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('errno' in thrown)) return undefined
  return typeof thrown.errno === 'number' ? Math.abs(thrown.errno) : undefined
}

function nameOf(thrown: unknown): string {
  const errno = errnoOf(thrown)
  return codeOf(thrown) ?? (errno === undefined ? messageOf(thrown) : `errno ${errno}`)
}
