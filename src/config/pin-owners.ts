/**
 * Pins that the file asks for and the running kernel has given to a bus or an overlay: who has each, and the ways out.
 * Called by `load.ts`. An overlay's own sensor is no stranger: the kernel reads it for us.
 */
import type { Problem } from '../errors.ts'
import type { Overlays, PinOwner } from '../overlays.ts'
import { pinUses, type Use } from './conflicts.ts'
import type { ParsedConfig } from './schema.ts'
import { type ConfigNode, problemAt, shown } from './tree.ts'

export interface Owned {
  readonly problems: readonly Problem[]
  /** Where only config.txt can be seen, which may have been changed since the boot. */
  readonly warnings: readonly Problem[]
}

/** Since Raspberry Pi OS 12. */
const CONFIG_TXT = '/boot/firmware/config.txt'

/** Of the header, those that no bus and no overlay has unless it is told to; the ones that lie well come first. */
const PLAIN_PINS = [17, 27, 22, 23, 24, 25, 5, 6, 16, 26, 12, 13, 20, 21, 19, 18]

/** The line where an overlay is given none (raspberrypi/linux, arch/arm/boot/dts/overlays/README). */
const USUAL_DATA_PIN = 4

/** Parameters that switch on a bus, by its first pin: they have several names (the same README). */
const SWITCHES: Readonly<Record<number, readonly string[]>> = { 2: ['i2c_arm', 'i2c', 'i2c1'], 14: ['uart0'] }

/** Every use of such a pin. `root` is the file, `parsed` what the schema left of it. */
export function findOwnedPins(root: ConfigNode, parsed: ParsedConfig, { owners, boot }: Overlays): Owned {
  const uses = pinUses(root, parsed)
  const taken = new Set([...uses.map(({ pin }) => pin), ...owners.flatMap(({ pins }) => pins)])
  const free = PLAIN_PINS.filter((pin) => !taken.has(pin))
  const problems: Problem[] = []
  const warnings: Problem[] = []
  for (const use of uses) {
    if (use.sensor === undefined && parsed.gpio.backend === 'mock') continue
    const owner = owners.find(({ pins }) => pins.includes(use.pin))
    if (owner === undefined || isRead(owner, use)) continue
    const ways = [
      ownSensor(owner, use),
      isOverlays(owner, use) ? undefined : anotherPin(free.shift()),
      `remove ${lineOf(owner, boot)} from ${boot?.file ?? CONFIG_TXT} and reboot`,
    ]
    const suggestion = ways.filter((way) => way !== undefined).join('; or ')
    const pin = use.node.kind === 'scalar' ? shown(use.node) : use.pin
    const message = `pin ${pin} belongs to ${owner.name}`
    if (owner.source === 'kernel') problems.push(problemAt(use.node, message, suggestion))
    else warnings.push(problemAt(use.node, `${message}, says ${boot?.file}`, suggestion))
  }
  return { problems, warnings }
}

/** A DHT on the pin of the overlay that is for DHTs. */
function isOverlays({ kind }: PinOwner, { sensor }: Use): boolean {
  return kind === 'dht' && sensor !== undefined && 'driver' in sensor
}

/** Read by the kernel: only our own driver would disturb it. */
function isRead(owner: PinOwner, use: Use): boolean {
  return isOverlays(owner, use) && (use.sensor as { readonly driver?: unknown }).driver !== 'user' // the type's own option
}

/** The sensor that is probably wired to it. */
function ownSensor(owner: PinOwner, use: Use): string | undefined {
  if (owner.kind === 'w1') return 'read the DS18B20 on it with type: ds18b20, which names no pin'
  if (owner.kind !== 'dht') return undefined
  return isOverlays(owner, use) ? 'set driver: kernel' : 'read the sensor on it with type: dht11 or type: dht22'
}

function anotherPin(free: number | undefined): string {
  return free === undefined ? 'take another pin' : `take another pin, such as ${free}`
}

/** What to look for in config.txt: the very line where it can be known, else what usually brings such an owner. */
function lineOf({ kind, name, pins, setting }: PinOwner, boot: Overlays['boot']): string {
  const overlay = boot?.overlays.find(
    (one) =>
      (kind === 'w1' ? one.name.startsWith('w1-gpio') : kind === 'dht' && one.name === 'dht11') &&
      pins.includes(Number(one.params.gpiopin ?? USUAL_DATA_PIN)),
  )
  const names = kind === 'i2c' || kind === 'uart' ? SWITCHES[pins[0] ?? 0] : undefined
  const param = names?.find((one) => ['on', 'true', 'yes', '1', ''].includes(boot?.params[one] ?? 'off'))
  return overlay?.text ?? (param === undefined ? setting : `dtparam=${param}=on`) ?? `the overlay of ${name}`
}
