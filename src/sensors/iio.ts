/**
 * What sensors behind a driver of the kernel's Industrial I/O subsystem share: which devices there are, and what each
 * can be known by. Numbers of devices move between boots, so nothing here goes by them. Called by `iio-sensor.ts`
 * and `kernel-driver.ts`. Paths and files are those of Documentation/ABI/testing/sysfs-bus-iio.
 */
import { readdir, readFile, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { hex } from './i2c-error.ts'
import { unlessRefused } from './sysfs.ts'

export interface IioDevice {
  /** Where its files are, links resolved: the same for as long as the device is there. */
  readonly folder: string
  /** What the driver calls it: `bme280`, but `dht11@4` for a DHT on pin 4 (dht11.c: the platform device's name). */
  readonly name: string
  /** What else its chip is called: the I2C client's name, `compatible` of the device tree with and without the maker. */
  readonly aliases: readonly string[]
  /** Of a chip on I2C. */
  readonly bus?: number
  /** Of a chip on I2C, 7 bits. */
  readonly address?: number
  /** Number on its GPIO chip of the first line that the device tree gives it; on the header's chip the BCM number. */
  readonly pin?: number
}

const DEVICES = 'sys/bus/iio/devices'

/** All of them, none where the kernel has no IIO. Reads descriptions only: nothing is measured. */
export async function findIioDevices(root: string): Promise<IioDevice[]> {
  const folder = join(root, DEVICES)
  const entries = (await unlessRefused(readdir(folder))) ?? []
  const names = entries.filter((entry) => /^iio:device\d+$/.test(entry))
  const found = await Promise.all(names.map((entry) => describedDevice(join(folder, entry))))
  return found.filter((device) => device !== undefined).sort((a, b) => a.folder.localeCompare(b.folder))
}

/** The devices of that name, or, where none has it, those that it means: `dht11` is a `dht11@4` and a `humidity-sensor`. */
export function devicesNamed(name: string, devices: readonly IioDevice[]): IioDevice[] {
  const exact = devices.filter((device) => device.name === name)
  return exact.length > 0 ? exact : devices.filter((device) => isCalled(device, name))
}

/** Whether `name` is what the device, or the chip behind it, is called. */
export function isCalled(device: IioDevice, name: string): boolean {
  return device.name === name || device.name.startsWith(`${name}@`) || device.aliases.includes(name)
}

/** For people: `bme280 (I2C bus 1, address 0x76), dht11@4 (pin 4)`. */
export function listed(devices: readonly IioDevice[]): string {
  return devices.length === 0 ? 'none' : devices.map(label).join(', ')
}

function label({ name, bus, address, pin }: IioDevice): string {
  const called = name === '' ? 'one without a name' : name
  if (bus !== undefined && address !== undefined) return `${called} (I2C bus ${bus}, address ${hex(address)})`
  return pin === undefined ? called : `${called} (pin ${pin})`
}

async function describedDevice(link: string): Promise<IioDevice | undefined> {
  const folder = await unlessRefused(realpath(link))
  if (folder === undefined) return undefined // gone since it was listed
  const i2c = i2cPlace(folder)
  const compatible = ((await text(join(folder, 'of_node/compatible'))) ?? '').split('\0').filter((one) => one !== '')
  const client = i2c === undefined ? undefined : (await text(join(dirname(folder), 'name')))?.trim()
  const pin = i2c === undefined ? firstLine(await text(join(folder, 'of_node/gpios'))) : undefined
  return {
    folder,
    name: ((await text(join(folder, 'name'))) ?? '').trim(),
    aliases: [...(client === undefined ? [] : [client]), ...compatible.flatMap((one) => [one, withoutMaker(one)])],
    ...i2c,
    ...(pin === undefined ? {} : { pin }),
  }
}

/** An I2C client's folder is called by bus and address: `1-0076` (Documentation/i2c/i2c-sysfs.rst). */
function i2cPlace(folder: string): { bus: number; address: number } | undefined {
  const [, bus, address] = /^(\d+)-([\da-f]{4})$/.exec(basename(dirname(folder))) ?? []
  return bus === undefined || address === undefined
    ? undefined
    : { bus: Number(bus), address: Number.parseInt(address, 16) }
}

/** `bosch,bme280` is a `bme280`. */
function withoutMaker(compatible: string): string {
  return compatible.slice(compatible.indexOf(',') + 1)
}

/** A property of three big-endian cells: the chip's phandle, the line, flags (dht11-overlay.dts). */
function firstLine(gpios: string | undefined): number | undefined {
  const cells = Buffer.from(gpios ?? '', 'latin1')
  return cells.length >= 12 ? cells.readUInt32BE(4) : undefined
}

/** A file's bytes, one in each character; undefined where there is none. */
async function text(file: string): Promise<string | undefined> {
  return await unlessRefused(readFile(file, 'latin1'))
}
