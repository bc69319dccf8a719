/** What the kernel's own drivers measure: IIO devices and 1-Wire. Descriptions only; nothing is read. Called by `scan.ts`. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Quantity } from '../reading.ts'
import { findIioDevices } from '../sensors/iio.ts'
import { channelNames, channelsOf } from '../sensors/iio-channels.ts'
import { unlessRefused } from '../sensors/sysfs.ts'
import { THERMOMETER_ID } from '../sensors/w1.ts'

export interface IioFinding {
  readonly name: string
  readonly bus?: number
  readonly address?: number
  readonly pin?: number
  /** Those of its channels that sensor-node reads; empty: none. */
  readonly quantities: readonly Quantity[]
  /** All of its channels, as the kernel names them. */
  readonly channels: readonly string[]
}

export interface W1Finding {
  /** `28-0316a2795c1d` */
  readonly id: string
  /** Whether it is one that type ds18b20 reads. */
  readonly thermometer: boolean
}

export interface W1Findings {
  /** `w1_bus_master1` */
  readonly masters: readonly string[]
  readonly devices: readonly W1Finding[]
}

/** In the order of the devices' folders. */
export async function scanIio(root: string): Promise<IioFinding[]> {
  const devices = await findIioDevices(root)
  return await Promise.all(
    devices.map(async ({ folder, name, bus, address, pin }): Promise<IioFinding> => {
      const files = (await unlessRefused(readdir(folder))) ?? []
      return {
        name,
        ...(bus === undefined ? {} : { bus }),
        ...(address === undefined ? {} : { address }),
        ...(pin === undefined ? {} : { pin }),
        quantities: channelsOf(files).map(({ quantity }) => quantity),
        channels: channelNames(files),
      }
    }),
  )
}

/** A master without devices is a wire on which nobody answers. */
export async function scanW1(root: string): Promise<W1Findings> {
  const entries = ((await unlessRefused(readdir(join(root, 'sys/bus/w1/devices')))) ?? []).sort()
  return {
    masters: entries.filter((entry) => entry.startsWith('w1_bus_master')),
    // Family 00 is what a short or a disturbance looks like: no chip has it (w1.c, w1_search).
    devices: entries
      .filter((entry) => /^[\da-f]{2}-[\da-f]{12}$/.test(entry) && !entry.startsWith('00-'))
      .map((id) => ({ id, thermometer: THERMOMETER_ID.test(id) })),
  }
}
