/**
 * The device tree of the running kernel, and which lines of the header its nodes take. It is what the firmware made of
 * the board and the overlays at boot, with those that were added since. Called by `overlays.ts`. Layout:
 * Devicetree Specification, 'flattened devicetree' (numbers are big-endian, strings end with a zero), and the
 * kernel's Documentation/devicetree/bindings/pinctrl and gpio.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from './errors.ts'

export interface TreeNode {
  /** `/soc/i2c@7e804000` */
  readonly path: string
  /** Before the `@`. */
  readonly name: string
  /** After it: of a bus, its registers in hexadecimal. */
  readonly unit: string | undefined
  /** The drivers that fit, the best first. */
  readonly compatible: readonly string[]
  readonly children: readonly TreeNode[]
  readonly properties: ReadonlyMap<string, Buffer>
  /** Whether a driver may have it: neither it nor what it hangs on is disabled. */
  readonly enabled: boolean
}

const FOLDER = 'proc/device-tree'

/** Compatibles of the controllers that a header hangs on: Pi 0 to 3, Pi 4, Pi 5. */
const HEADER_CONTROLLERS = ['brcm,bcm2835-gpio', 'brcm,bcm2711-gpio', 'raspberrypi,rp1-gpio']

/** A few thousand properties are of no interest; each would be a file to read. */
const WANTED = /^(status|phandle|compatible|pinctrl-0|brcm,pins|pins|gpio-hog|#gpio-cells|(.*-)?gpios?)$/

/** Nodes that describe no hardware. */
const NO_HARDWARE = ['__symbols__', '__overrides__', '__fixups__', '__local_fixups__', 'aliases', 'chosen']

/** The root node, or undefined where the kernel has no device tree. */
export async function readTree(root: string): Promise<TreeNode | undefined> {
  return await readNode(join(root, FOLDER), '', true)
}

/** The board's own names: `i2c1` to `/soc/i2c@7e804000`. */
export async function readAliases(root: string): Promise<ReadonlyMap<string, string>> {
  const folder = join(root, FOLDER, 'aliases')
  const names = await unlessAbsent(readdir(folder))
  const entries = (names ?? []).map(async (name) => [name, textOf(await unlessAbsent(readFile(join(folder, name))))])
  return new Map((await Promise.all(entries)) as [string, string][]) // pairs, as made above
}

/** The model as the firmware tells it: `Raspberry Pi 4 Model B Rev 1.4`. */
export async function readModel(root: string): Promise<string | undefined> {
  const model = await unlessAbsent(readFile(join(root, FOLDER, 'model')))
  return model === undefined ? undefined : textOf(model).trim()
}

/** All nodes of a tree, in its order. */
export function allNodes(node: TreeNode): TreeNode[] {
  return [node, ...node.children.flatMap(allNodes)]
}

/** For one tree, a function that tells the lines of the header's chip that a node takes; undefined where it says none. */
export function linesIn(tree: TreeNode): (node: TreeNode) => number[] | undefined {
  const nodes = allNodes(tree)
  const byHandle = new Map(nodes.map((node) => [cells(node, 'phandle')[0] ?? 0, node]))
  byHandle.delete(0)
  const controllers = nodes.filter(({ compatible }) => compatible.some((one) => HEADER_CONTROLLERS.includes(one)))
  const groups = new Set(controllers.flatMap(allNodes))
  const hogs = new Set(
    controllers.flatMap(({ children }) => children).filter(({ properties }) => properties.has('gpio-hog')),
  )

  const muxed = (node: TreeNode): number[] =>
    cells(node, 'pinctrl-0')
      .flatMap((handle) => byHandle.get(handle) ?? [])
      .filter((group) => groups.has(group))
      .flatMap(allNodes)
      .flatMap(pinsOfGroup)
  const requested = (node: TreeNode): number[] =>
    [...node.properties.keys()]
      .filter((name) => /gpios?$/.test(name))
      .flatMap((name) => specifiers(cells(node, name), byHandle))
      .filter(({ controller }) => controller === undefined || controllers.includes(controller))
      .map(({ line }) => line)

  return (node) => {
    // The controllers themselves only set pins up for others.
    const lines = controllers.includes(node) ? [] : hogs.has(node) ? evenOnes(cells(node, 'gpios')) : requested(node)
    const all = controllers.includes(node) ? [] : [...lines, ...muxed(node)]
    return all.length === 0 ? undefined : [...new Set(all)].sort((a, b) => a - b)
  }
}

interface Specifier {
  /** Undefined where the tree has no such node: a part of a tree. */
  readonly controller: TreeNode | undefined
  readonly line: number
}

/** Each a phandle and as many cells as its controller wants, the first of them the line; a zero stands for none. */
function specifiers(all: readonly number[], byHandle: ReadonlyMap<number, TreeNode>): Specifier[] {
  const found: Specifier[] = []
  for (let at = 0; at < all.length; ) {
    const handle = all[at] ?? 0
    const controller = byHandle.get(handle)
    const line = all[at + 1]
    if (handle !== 0 && line !== undefined) found.push({ controller, line })
    // Every controller of a Raspberry Pi has two: line and flags.
    at += handle === 0 ? 1 : 1 + ((controller && cells(controller, '#gpio-cells')[0]) ?? 2)
  }
  return found
}

/** `brcm,pins = <2 3>` of bcm2835-gpio, `pins = "gpio2", "gpio3"` of rp1-gpio, which knows the former, too. */
function pinsOfGroup(group: TreeNode): number[] {
  const named = strings(group, 'pins').flatMap((name) => /^gpio(\d+)$/.exec(name)?.[1] ?? [])
  return [...cells(group, 'brcm,pins'), ...named.map(Number)]
}

async function readNode(folder: string, path: string, parentEnabled: boolean): Promise<TreeNode | undefined> {
  const entries = await unlessAbsent(readdir(folder, { withFileTypes: true }))
  if (entries === undefined) return undefined
  const wanted = entries.filter((entry) => entry.isFile() && WANTED.test(entry.name))
  const read = wanted.map(async ({ name }) => [name, await unlessAbsent(readFile(join(folder, name)))] as const)
  const properties = new Map((await Promise.all(read)).flatMap(([name, value]) => (value ? [[name, value]] : [])))
  const status = textOf(properties.get('status'))
  const enabled = parentEnabled && ['', 'okay', 'ok'].includes(status)
  const below = entries.filter((entry) => entry.isDirectory() && !NO_HARDWARE.includes(entry.name))
  const children = below.map(({ name }) => readNode(join(folder, name), `${path}/${name}`, enabled))
  const [name = '', unit] = (path.split('/').at(-1) ?? '').split('@')
  return {
    path: path === '' ? '/' : path,
    name,
    unit,
    compatible: stringsIn(properties.get('compatible')),
    children: (await Promise.all(children)).filter((child) => child !== undefined),
    properties,
    enabled,
  }
}

/** Of a property that holds 32-bit numbers; none where it holds anything else. */
function cells(node: TreeNode, property: string): number[] {
  const value = node.properties.get(property)
  if (value === undefined || value.length % 4 !== 0) return []
  return Array.from({ length: value.length / 4 }, (_, index) => value.readUInt32BE(index * 4))
}

function strings(node: TreeNode, property: string): string[] {
  return stringsIn(node.properties.get(property))
}

function stringsIn(value: Buffer | undefined): string[] {
  return (value?.toString('latin1') ?? '').split('\0').filter((one) => one !== '')
}

function textOf(value: Buffer | undefined): string {
  return stringsIn(value)[0] ?? ''
}

function evenOnes(all: readonly number[]): number[] {
  return all.filter((_, index) => index % 2 === 0)
}

async function unlessAbsent<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return undefined // not there, or not for us to see
  }
}
