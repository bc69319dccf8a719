/**
 * Which lines of the header are taken by what the kernel was told at boot: buses, overlays. What the running kernel
 * shows (the device tree, 1-Wire masters) goes before config.txt, which may have been changed since; config.txt alone
 * counts only where there is no device tree to be seen. Called by `scan` and by whoever explains why a pin is not free.
 *
 * Names, parameters, defaults: raspberrypi/linux, arch/arm/boot/dts/overlays/README; addresses of the buses:
 * bcm2835-common.dtsi and bcm283x.dtsi there (Pi 0 to 4), rp1.dtsi (Pi 5).
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type BootConfig, readBootConfig } from './boot-config.ts'
import { allNodes, linesIn, readAliases, readModel, readTree, type TreeNode } from './device-tree.ts'
import { codeOf } from './errors.ts'

export type OwnerKind = 'i2c' | 'spi' | 'uart' | 'w1' | 'dht' | 'other'

/** Something that has lines of the header. */
export interface PinOwner {
  readonly kind: OwnerKind
  /** For people: `I2C bus 1`, `1-Wire (w1-gpio)`. */
  readonly name: string
  /** BCM numbers, ascending, 0 to 27; never empty. */
  readonly pins: readonly number[]
  /** What in config.txt brings it, as far as that is known: `dtoverlay=w1-gpio,gpiopin=4`. */
  readonly setting?: string
  /** Who says so: the running kernel, or only the file for the next boot. */
  readonly source: 'kernel' | 'config.txt'
  /** Its node below /proc/device-tree, where the tree is the source. */
  readonly node?: string
}

export interface Overlays {
  /** In the order of their first pins. */
  readonly owners: readonly PinOwner[]
  /** What config.txt says for the next boot; undefined where there is none to be read. */
  readonly boot: BootConfig | undefined
}

/** The header has GPIO0 to GPIO27; the chip has more, which lead to things on the board. */
const LAST_PIN = 27

/** Where the tree names no lines (the mini UART's are set up by the firmware): those that the bus has on the header. */
const USUAL_LINES: Readonly<Record<string, readonly number[]>> = {
  'i2c@7e804000': [2, 3],
  'i2c@74000': [2, 3],
  'spi@7e204000': [7, 8, 9, 10, 11],
  'spi@50000': [7, 8, 9, 10, 11],
  'serial@7e201000': [14, 15],
  'serial@7e215040': [14, 15],
  'serial@30000': [14, 15],
}

/** Numbers of the buses where the tree has no aliases. */
const USUAL_NUMBERS: Readonly<Record<string, number>> = {
  'i2c@7e205000': 0,
  'i2c@70000': 0,
  'i2c@7e804000': 1,
  'i2c@74000': 1,
  'spi@7e204000': 0,
  'spi@50000': 0,
  'serial@7e201000': 0,
  'serial@30000': 0,
  'serial@7e215040': 1,
}

/** Both 1-Wire and DHT take this one unless told otherwise. */
const USUAL_DATA_PIN = 4

/** Parameters of overlays that name a line, and the line where they are absent. */
const OVERLAY_LINES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'w1-gpio': { gpiopin: USUAL_DATA_PIN },
  'w1-gpio-pullup': { gpiopin: USUAL_DATA_PIN, extpullup: 5 },
  dht11: { gpiopin: USUAL_DATA_PIN },
  'gpio-fan': { gpiopin: 12 },
  'gpio-hog': { gpio: 26 },
  'gpio-ir': { gpio_pin: 18 },
  'gpio-ir-tx': { gpio_pin: 18 },
  'gpio-key': { gpio: 3 },
  'gpio-led': { gpio: 19 },
  'gpio-poweroff': { gpiopin: 26 },
  'gpio-shutdown': { gpio_pin: 3 },
  'i2c-gpio': { i2c_gpio_sda: 23, i2c_gpio_scl: 24 },
}

/** @param root stands for `/` */
export async function findOverlays(root: string): Promise<Overlays> {
  const [tree, aliases, model] = await Promise.all([readTree(root), readAliases(root), readModel(root)])
  const boot = await readBootConfig(root, model)
  const fromBoot = boot === undefined ? [] : ownersInConfig(boot)
  // A tree of nothing but the model is a fixture's, or a container's.
  const seen = tree !== undefined && tree.children.length > 0
  const owners = seen ? ownersInTree(tree, aliases) : fromBoot
  // A master without a node of ours may hang on USB or I2C: only the file can say that it has a pin.
  if (seen && !owners.some(({ kind }) => kind === 'w1') && (await hasW1Master(root))) {
    const masters = fromBoot.filter(({ kind }) => kind === 'w1')
    owners.push(...masters.map((owner) => ({ ...owner, source: 'kernel' as const }))) // it runs: only its pin is the file's word
  }
  return { owners: owners.sort((a, b) => (a.pins[0] ?? 0) - (b.pins[0] ?? 0)), boot }
}

function ownersInTree(tree: TreeNode, aliases: ReadonlyMap<string, string>): PinOwner[] {
  const linesOf = linesIn(tree)
  return allNodes(tree)
    .filter(({ enabled }) => enabled)
    .flatMap((node) => {
      const pins = headerPins(linesOf(node) ?? usualLines(node))
      return pins.length === 0 ? [] : [{ ...identity(node, pins, aliases), pins, source: 'kernel', node: node.path }]
    })
}

function usualLines(node: TreeNode): readonly number[] {
  const { name, unit, children } = node
  // Where Bluetooth hangs on it, its lines lead to the radio chip.
  if (name === 'serial' && children.some((child) => child.name === 'bluetooth' && child.enabled)) return []
  const known = USUAL_LINES[`${name}@${unit}`]
  if (known !== undefined) return known
  if (kindOf(node) !== 'w1' && kindOf(node) !== 'dht') return []
  const pin = Number.parseInt(unit ?? '', 16)
  return [pin > 0 && pin <= LAST_PIN ? pin : USUAL_DATA_PIN]
}

function kindOf({ name, compatible }: TreeNode): OwnerKind {
  if (name === 'onewire' || compatible.includes('w1-gpio')) return 'w1'
  if (name === 'dht11' || compatible.includes('dht11')) return 'dht'
  if (name.startsWith('i2c')) return name === 'i2c' || name.includes('mux') || name.includes('gpio') ? 'i2c' : 'other'
  if (name === 'spi') return 'spi'
  return name === 'serial' ? 'uart' : 'other'
}

function identity(
  node: TreeNode,
  pins: readonly number[],
  aliases: ReadonlyMap<string, string>,
): Pick<PinOwner, 'kind' | 'name' | 'setting'> {
  const kind = kindOf(node)
  const number = numberOf(node, aliases)
  const numbered = number === undefined ? `(${node.path.split('/').at(-1)})` : `${number}`
  const setting = (text: string | undefined) => (text === undefined ? {} : { setting: text })
  switch (kind) {
    case 'w1':
      return { kind, name: '1-Wire (w1-gpio)', setting: `dtoverlay=w1-gpio,gpiopin=${pins[0]}` }
    case 'dht':
      return { kind, name: "the kernel's DHT driver (dht11)", setting: `dtoverlay=dht11,gpiopin=${pins[0]}` }
    case 'i2c':
      return { kind, name: `I2C bus ${numbered}`, ...setting(i2cSetting(node, number)) }
    case 'spi':
      return { kind, name: `SPI bus ${numbered}`, ...setting(number === 0 ? 'dtparam=spi=on' : undefined) }
    case 'uart':
      return { kind, name: `UART ${numbered}`, ...setting(uartSetting(number)) }
    default:
      return { kind, name: node.path.split('/').at(-1) ?? node.path }
  }
}

function i2cSetting({ name }: TreeNode, number: number | undefined): string | undefined {
  if (name.includes('gpio')) return 'dtoverlay=i2c-gpio'
  if (number === 0 || name.includes('mux')) return 'dtparam=i2c_vc=on'
  if (number === 1) return 'dtparam=i2c_arm=on'
  return number === undefined ? undefined : `dtoverlay=i2c${number}`
}

function uartSetting(number: number | undefined): string | undefined {
  if (number === 0 || number === 1) return 'enable_uart=1'
  return number === undefined ? undefined : `dtoverlay=uart${number}`
}

/** By the board's own names, as the kernel numbers the devices by them. */
function numberOf({ path, name, unit }: TreeNode, aliases: ReadonlyMap<string, string>): number | undefined {
  const stem = name === 'serial' ? 'uart' : name
  for (const [alias, target] of aliases) {
    if (target === path && new RegExp(`^${stem}\\d+$`).test(alias)) return Number(alias.slice(stem.length))
  }
  return name === 'i2c0mux' ? 0 : USUAL_NUMBERS[`${name}@${unit}`]
}

function ownersInConfig({ overlays, params, settings }: BootConfig): PinOwner[] {
  const owner = (kind: OwnerKind, name: string, setting: string, pins: readonly number[]): PinOwner[] =>
    pins.length === 0 ? [] : [{ kind, name, setting, pins, source: 'config.txt' }]
  const on = (name: string): boolean => ['on', 'true', 'yes', '1', ''].includes(params[name] ?? 'off')
  const i2c = ['i2c_arm', 'i2c', 'i2c1'].find(on)
  return [
    ...(i2c === undefined ? [] : owner('i2c', 'I2C bus 1', `dtparam=${i2c}=on`, [2, 3])),
    ...(on('spi') ? owner('spi', 'SPI bus 0', 'dtparam=spi=on', [7, 8, 9, 10, 11]) : []),
    ...(settings.enable_uart === '1' ? owner('uart', 'UART 0', 'enable_uart=1', [14, 15]) : []),
    ...overlays.flatMap((overlay) => {
      const lines = Object.entries(OVERLAY_LINES[overlay.name] ?? {})
      const pins = headerPins(lines.map(([param, usual]) => Number(overlay.params[param] ?? usual)))
      const kind = overlay.name.startsWith('w1-') ? 'w1' : overlay.name === 'dht11' ? 'dht' : 'other'
      return owner(kind, kind === 'w1' ? '1-Wire (w1-gpio)' : overlay.name, overlay.text, pins)
    }),
  ]
}

function headerPins(lines: readonly number[]): number[] {
  return lines.filter((line) => Number.isInteger(line) && line >= 0 && line <= LAST_PIN).sort((a, b) => a - b)
}

async function hasW1Master(root: string): Promise<boolean> {
  try {
    return (await readdir(join(root, 'sys/bus/w1/devices'))).some((name) => name.startsWith('w1_bus_master'))
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return false
  }
}
