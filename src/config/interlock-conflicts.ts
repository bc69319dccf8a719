/** What only all outputs of an interlock together show: two of them told to be on at one moment, or one that is alone. */
import type { Problem } from '../errors.ts'
import type { OutputConfig, ParsedConfig } from './schema.ts'
import { type ConfigNode, entry, named, problemAt, usableItems } from './tree.ts'

/** When outputs may be told to be on, and how the configuration says it. */
const MOMENTS: readonly { readonly path: readonly string[]; readonly on: (output: OutputConfig) => boolean }[] = [
  { path: ['initial'], on: ({ initial }) => initial === 'on' },
  { path: ['on_exit'], on: ({ on_exit }) => on_exit === 'on' },
  { path: ['on_disconnect', 'state'], on: ({ on_disconnect }) => on_disconnect?.state === 'on' },
]

interface Placed {
  readonly output: OutputConfig
  readonly node: ConfigNode
}

export function findInterlockConflicts(root: ConfigNode, parsed: ParsedConfig): Problem[] {
  const outputs = placed(root, parsed)
  const unused = outputs.flatMap(({ output, node }) => {
    const pause = entry(node, 'interlock_pause')
    if (output.interlock !== undefined || entry(node, 'interlock') !== undefined || pause === undefined) return []
    return [problemAt(pause, 'needs interlock beside it')]
  })
  return [...unused, ...groups(outputs).flatMap((group) => MOMENTS.flatMap((moment) => both(group, moment)))]
}

/** A name that only one output has is most likely a slip. */
export function loneInterlocks(root: ConfigNode, parsed: ParsedConfig): Problem[] {
  return groups(placed(root, parsed)).flatMap((group) => {
    const [{ node } = { node: undefined }] = group
    const name = entry(node, 'interlock')
    if (group.length > 1 || name === undefined) return []
    const remedy = 'give the outputs that exclude each other one name'
    return [problemAt(name, 'no other output has this interlock: it keeps nothing apart', remedy)]
  })
}

function both(group: readonly Placed[], { path, on }: (typeof MOMENTS)[number]): Problem[] {
  const nodes = group.filter(({ output }) => on(output)).map(({ node }) => entry(node, ...path))
  const [first, ...others] = nodes.filter((node) => node !== undefined && !node.refused)
  if (first === undefined) return []
  return others.flatMap((node) => {
    if (node === undefined) return []
    const message = `must not be on twice in one interlock: here, and at ${named(first)}`
    return [problemAt(node, message, 'never two of them are on at once')]
  })
}

function groups(outputs: readonly Placed[]): (readonly Placed[])[] {
  const found = new Map<string, Placed[]>()
  for (const one of outputs) {
    const { interlock: name } = one.output
    if (name !== undefined) found.set(name, [...(found.get(name) ?? []), one])
  }
  return [...found.values()]
}

function placed(root: ConfigNode, { gpio }: ParsedConfig): Placed[] {
  const nodes = usableItems(entry(root, 'gpio', 'outputs'))
  return gpio.outputs.flatMap((output, index) => {
    const node = nodes[index]
    return node === undefined ? [] : [{ output, node }]
  })
}
