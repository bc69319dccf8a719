/**
 * What this machine has for sensor-node: chips and lines, buses and what answers on them, what the kernel reads, what is
 * in the way; and a configuration for it. Reads files, asks the character device, and probes I2C by reading. Each part
 * stands for itself: what fails is told, and hides nothing else. Called by `sensor-node scan`.
 */
import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Kernel } from '../gpio/chardev-kernel.ts'
import { type Host, readHost } from '../host.ts'
import type { Load } from '../optional.ts'
import { findOverlays, type Overlays } from '../overlays.ts'
import { type AccessFindings, scanAccess, type User } from './access.ts'
import { type IioFinding, scanIio, scanW1, type W1Findings } from './devices.ts'
import { type GpioFindings, scanGpio } from './gpio.ts'
import { type I2cBus, scanI2c } from './i2c.ts'
import { findMissing, type Missing } from './missing.ts'
import { snippet } from './snippet.ts'

export interface ScanOptions {
  /** Stands for `/`. */
  readonly root: string
  readonly load: Load
  readonly clock: Clock
  /** @throws GpioError where koffi does not load */
  readonly kernel: () => Kernel
  readonly user: User
  /** The only I2C buses to ask, whatever they are for; undefined: those that are for sensors. */
  readonly buses?: readonly number[] | undefined
  /** Whether chips that keep silent to reads get an empty write; see `i2c.ts`. */
  readonly quick: boolean
}

export interface ScanReport {
  readonly machine: Host
  readonly gpio: GpioFindings
  readonly i2c: readonly I2cBus[]
  /** Whether chips that keep silent to reads were asked, too. */
  readonly quick: boolean
  readonly iio: readonly IioFinding[]
  readonly w1: W1Findings
  readonly overlays: Overlays
  readonly access: AccessFindings
  readonly missing: readonly Missing[]
  /** Parts of the scan that failed as a whole. */
  readonly failed: readonly string[]
  /** Whether there is anything to read or switch beyond the machine itself. */
  readonly anything: boolean
  /** YAML. */
  readonly config: string
}

/** @throws only for a bug of ours */
export async function scan(options: ScanOptions, signal: AbortSignal): Promise<ScanReport> {
  const { root, load, clock, kernel, user } = options
  const failed: string[] = []
  const part = async <T>(name: string, empty: T, look: () => Promise<T> | T): Promise<T> => {
    try {
      return await look()
    } catch (error) {
      failed.push(`${name}: ${messageOf(error)}`)
      return empty
    }
  }
  const machine = await readHost(root)
  const gpio = await part<GpioFindings>('GPIO', { chips: [], problems: [] }, () => scanGpio(root, kernel, clock))
  const i2c = await part<I2cBus[]>('I2C', [], () =>
    scanI2c({ root, load, clock, only: options.buses, quick: options.quick }, signal),
  )
  const iio = await part<IioFinding[]>('IIO', [], () => scanIio(root))
  const w1 = await part<W1Findings>('1-Wire', { masters: [], devices: [] }, () => scanW1(root))
  const overlays = await part<Overlays>('overlays', { owners: [], boot: undefined }, () => findOverlays(root))
  const nobody = { user: user.name, groups: [], missing: [] }
  const access = await part<AccessFindings>('groups', nobody, () => scanAccess(root, user))
  const found = { chips: gpio.chips, buses: i2c, w1, overlays, model: machine.model }
  const missing = await part<Missing[]>('what is missing', [], () => findMissing(load, found))
  const taken = overlays.owners.flatMap(({ pins }) => pins)
  return {
    machine,
    gpio,
    i2c,
    quick: options.quick,
    iio,
    w1,
    overlays,
    access,
    missing,
    failed,
    anything:
      gpio.chips.some(({ header }) => header) ||
      i2c.some(({ probed, addresses }) => probed && addresses.length > 0) ||
      iio.some(({ quantities }) => quantities.length > 0) ||
      w1.devices.some(({ thermometer }) => thermometer),
    config: snippet({ chips: gpio.chips, buses: i2c, iio, w1, taken }),
  }
}
