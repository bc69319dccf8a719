/**
 * Which I2C buses the kernel has, what hangs on them by its own knowledge, and which are no place for sensors. Called
 * by `i2c.ts`. Folders: Documentation/i2c/i2c-sysfs.rst.
 */
import { access, readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { unlessRefused } from '../sensors/sysfs.ts'

export interface KnownDevice {
  readonly address: number
  readonly name: string
  /** Undefined where the kernel knows the chip and has no driver on it. */
  readonly driver?: string
}

export interface KnownBus {
  readonly bus: number
  readonly name: string
  /** Whether there is a /dev/i2c-N. */
  readonly device: boolean
  /** What it is for, where that is not for sensors. */
  readonly purpose: string | undefined
  readonly devices: readonly KnownDevice[]
}

const DEVICES = 'sys/bus/i2c/devices'

/** Of graphics drivers: i915 gmbus, nvkm, AMDGPU DM i2c, AUX, DDC. */
const DISPLAY = /i915|gmbus|nvidia|nvkm|nouveau|radeon|amdgpu|\baux\b|ddc|dpdc|hdmi/i
/** A Pi's HDMI: bcm283x.dtsi (i2c2), bcm2711.dtsi (ddc0, ddc1), bcm2712.dtsi (the same). */
const PI_HDMI = /i2c@7e805000|^fef0[49]500\.i2c$|^107d5082[08]0\.i2c$/
/** i2c-i801.c, i2c-piix4.c and their like: memory modules and the board's own supervision. */
const MAINBOARD = /^SMBus /
/** bcm283x-rpi-i2c0mux_0_44.dtsi: channel 0 has the header's ID pins, 1 the ribbon cables. */
const RIBBON = /-mux \(chan_id 1\)/

/** In the order of their numbers. */
export async function findBuses(root: string): Promise<KnownBus[]> {
  const folder = join(root, DEVICES)
  const entries = (await unlessRefused(readdir(folder))) ?? []
  const special = ((await unlessRefused(readdir(join(root, 'dev')))) ?? []).map(numberIn)
  const numbers = new Set([...entries.map(numberIn), ...special].filter((number) => number !== undefined))
  const buses = [...numbers]
    .sort((a, b) => a - b)
    .map(async (bus): Promise<KnownBus> => {
      const name = ((await unlessRefused(readFile(join(folder, `i2c-${bus}`, 'name'), 'utf8'))) ?? '').trim()
      const path = (await unlessRefused(realpath(join(folder, `i2c-${bus}`)))) ?? ''
      // Seven bits: of those with ten, whose numbers begin at a000, nothing here speaks.
      const own = entries.filter((entry) => new RegExp(`^${bus}-00[0-7][\\da-f]$`).test(entry)).sort()
      return {
        bus,
        name,
        device: (await unlessRefused(access(join(root, `dev/i2c-${bus}`)).then(() => true))) ?? false,
        purpose: purposeOf(name, path),
        devices: await Promise.all(own.map((entry) => describe(folder, entry))),
      }
    })
  return await Promise.all(buses)
}

function numberIn(entry: string): number | undefined {
  const digits = /^i2c-(\d+)$/.exec(entry)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

function purposeOf(name: string, path: string): string | undefined {
  if (DISPLAY.test(name) || PI_HDMI.test(name) || path.includes('/drm/')) return 'it leads to a display'
  if (MAINBOARD.test(name)) return 'it is the mainboard’s own'
  return RIBBON.test(name) ? 'it leads to the camera and display connectors' : undefined
}

async function describe(folder: string, entry: string): Promise<KnownDevice> {
  const name = ((await unlessRefused(readFile(join(folder, entry, 'name'), 'utf8'))) ?? '').trim()
  const driver = await unlessRefused(readlink(join(folder, entry, 'driver')))
  const address = Number.parseInt(entry.slice(-4), 16)
  return { address, name, ...(driver === undefined ? {} : { driver: basename(driver) }) }
}
