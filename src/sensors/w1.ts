/**
 * Thermometers on 1-Wire, as the kernel's w1_therm driver shows them: which there are, and what one says. Called by
 * `ds18b20.ts`. Paths: Documentation/w1/w1-generic.rst; the file `w1_slave`: Documentation/w1/slaves/w1_therm.rst and
 * w1_slave_show in drivers/w1/slaves/w1_therm.c.
 */
import { readdir, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { unlessRefused } from './sysfs.ts'

export interface Thermometer {
  /** Family and serial number: `28-0316a2795c1d`. */
  readonly id: string
  /** Where its files are, links resolved. */
  readonly folder: string
  /** Its bus: the folder of the master that it hangs on. */
  readonly master: string
}

const DEVICES = 'sys/bus/w1/devices'

/** Families of w1_therm.c: DS18S20, DS1822, DS18B20, DS1825 (and MAX31826, MAX31850), DS28EA00. */
export const THERMOMETER_ID = /^(10|22|28|3b|42)-[\da-f]{12}$/

/** All of them, or undefined where the kernel has no 1-Wire at all. Reads no temperature. */
export async function findThermometers(root: string): Promise<Thermometer[] | undefined> {
  const devices = join(root, DEVICES)
  const entries = await unlessRefused(readdir(devices))
  if (entries === undefined) return undefined
  const found = await Promise.all(
    entries
      .filter((entry) => THERMOMETER_ID.test(entry))
      .sort()
      .map(async (id) => {
        const folder = await unlessRefused(realpath(join(devices, id)))
        return folder === undefined ? [] : [{ id, folder, master: dirname(folder) }] // else gone since it was listed
      }),
  )
  return found.flat()
}

/** One answer of a thermometer. */
export interface Scratchpad {
  /** The nine bytes that came over the wire. */
  readonly bytes: Buffer
  /** Whether the last of them is the checksum of the others. */
  readonly intact: boolean
  /** m°C, as the driver understands the bytes of this family. A number also where the checksum is wrong. */
  readonly milliCelsius: number
}

/** The text of `w1_slave`; undefined where it is anything else than two whole lines. */
export function scratchpadIn(text: string): Scratchpad | undefined {
  const line = /^((?:[\da-f]{2} ){9}): crc=[\da-f]{2} (YES|NO)\n(?:[\da-f]{2} ){9}t=(-?\d+)\n$/
  const [, bytes, verdict, milliCelsius] = line.exec(text) ?? []
  if (bytes === undefined) return undefined
  return {
    bytes: Buffer.from(bytes.replaceAll(' ', ''), 'hex'),
    intact: verdict === 'YES',
    milliCelsius: Number(milliCelsius),
  }
}
