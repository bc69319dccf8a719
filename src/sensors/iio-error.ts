/**
 * Turns what reading a file of an IIO device failed with into one sentence and a remedy. Called by `iio-device.ts`.
 */
import { codeOf, messageOf, SensorError } from '../errors.ts'

/** Failures that are ordinary with a DHT: its driver, dht11.c, tells a garbled answer, none, and a coarse clock so. */
const DHT_FAILURES: Readonly<Record<string, 'checksum' | 'silent'>> = {
  EIO: 'checksum',
  ETIMEDOUT: 'silent',
  EAGAIN: 'silent',
}

/**
 * The SensorError for what reading `file` threw.
 *
 * @param what the sensor and its device, as the first words of a message
 * @param dht whether the device is read over the one wire of a DHT, where every third answer may be lost
 */
export function iioError(what: string, file: string, dht: boolean, thrown: unknown): SensorError {
  const code = codeOf(thrown) ?? messageOf(thrown)
  const failed = (kind: ConstructorParameters<typeof SensorError>[0], remedy: string): SensorError =>
    new SensorError(kind, `${what}: ${file} can't be read (${code}); ${remedy}`, { cause: thrown })

  const ordinary = dht ? DHT_FAILURES[code] : undefined
  if (ordinary === 'checksum') {
    return failed(
      ordinary,
      'ordinary now and then; always, for a DHT11 that tells decimals: read that with type: dht11 and driver: user',
    )
  }
  if (ordinary === 'silent') return failed(ordinary, 'ordinary now and then; always: check wiring, pull-up and power')
  switch (code) {
    case 'EAGAIN':
    case 'EBUSY':
      return failed('silent', 'the driver is busy: another program may be reading the device')
    case 'ENOENT':
    case 'ENODEV':
    case 'ENXIO':
      return failed('not-found', 'the device is gone: its overlay or driver was removed, or its bus')
    case 'EACCES':
    case 'EPERM':
      return failed('permission', 'these files are for everyone to read: see what hides them from this service')
    default:
      return failed('bus', `check wiring and power; ${restartOf(file)}`)
  }
}

/**
 * How to have the driver set up a chip that lost its power. Once a read has failed meanwhile, bmp280 of Linux 6.12 never
 * does so by itself: its runtime power management stays in its error state (bmp280-core.c, bmp280_read_raw).
 */
function restartOf(file: string): string {
  const [, client] = /\/(\d+-[\da-f]{4})\/iio:device\d+\//.exec(file) ?? []
  if (client === undefined) return 'a chip that lost its power is set up again when its driver starts'
  const command = `cd -P /sys/bus/i2c/devices/${client}/driver && echo ${client} | sudo tee unbind bind`
  return `if the chip lost its power, have its driver set it up again: ${command}`
}
