/** How each kind of fault is told, and what it takes out of the tree. */
import type { z } from 'zod'
import type { Problem } from '../errors.ts'
import { isQuantity } from '../reading.ts'
import { suggestValue } from './fix.ts'
import { core } from './shape.ts'
import { didYouMean, enumeration, nearest } from './suggest.ts'
import { type ConfigNode, entry, type MapNode, named, problemAt, shown } from './tree.ts'
import { secret } from './values.ts'

type Schema = z.core.$ZodType

/** A key that is not among the valid ones. Points at the key, and shows nothing of what stands below it. */
export function unknownKey(section: ConfigNode, valid: readonly string[], key: string): Problem[] {
  const node = entry(section, key)
  if (node === undefined || section.kind !== 'map') return []
  node.refused = true
  const near = nearest(key, valid)
  const [meant] = near
  if (meant !== undefined && near.length === 1 && !section.entries.has(meant)) rename(section, key, meant)
  const ofMetrics = /^sensors\[\d+\]\.metrics$/.test(section.path)
  const message = ofMetrics ? notMeasured(key, valid) : 'unknown key'
  const advice = didYouMean(near) ?? (ofMetrics ? undefined : `valid here: ${enumeration(valid)}`)
  return [{ ...problemAt(node, message, advice), ...(node.key ?? node.at) }]
}

function notMeasured(key: string, measured: readonly string[]): string {
  const all = enumeration(measured)
  return isQuantity(key)
    ? `this sensor does not measure it: it measures ${all}`
    : `unknown quantity: this sensor measures ${all}`
}

/** From here on the section is what its writer meant: the value is checked, and nothing is missing. */
function rename(section: MapNode, from: string, to: string): void {
  const node = section.entries.get(from)
  if (node === undefined) return
  section.entries.delete(from)
  section.entries.set(to, { ...node, refused: false })
}

/** A section without a key that it needs. Points at the section, which is of no use then. */
export function missingKey(section: ConfigNode, key: string, wanted: string): Problem[] {
  section.refused = true
  // One that is there is refused, and has been reported.
  return entry(section, key) === undefined ? [problemAt(section, `lacks ${key}, which ${wanted}`)] : []
}

/** A section that has none of the keys of which it needs one. Not told where one is there, which is refused then. */
export function lacksAny(section: ConfigNode, keys: readonly string[], reason: string): Problem[] {
  section.refused = true
  return keys.some((key) => entry(section, key) !== undefined) ? [] : [problemAt(section, reason)]
}

/** Two keys of one section that contradict each other. Told with both places, unless the other is wrong itself. */
export function clash(
  section: ConfigNode,
  node: ConfigNode,
  schema: Schema | undefined,
  other: string,
  reason: string,
): Problem[] {
  node.refused = true
  const second = entry(section, other)
  if (second?.refused === true) return []
  const own = second === undefined || node.kind !== 'scalar' || isSecret(schema) ? [] : [`it is ${shown(node)}`]
  // `other` is never a secret: it is the key that a secret has to agree with.
  const its = second === undefined ? [] : [`${named(second)} is ${shown(second)}`]
  return [problemAt(node, [reason, ...[[...own, ...its].join(', and ')].filter((text) => text !== '')].join('; '))]
}

/** A value that its schema does not take, shown as it stands in the file. */
export function wrongValue(node: ConfigNode, schema: Schema | undefined, reason: string): Problem {
  node.refused = true
  if (isSecret(schema)) {
    const number = node.kind === 'scalar' && typeof node.value === 'number'
    return problemAt(node, `${reason}; it is ${kindOf(node)}`, number ? 'put it in quotes' : undefined)
  }
  return problemAt(node, `${reason}; it is ${describe(node)}`, suggestValue(node, schema))
}

function isSecret(schema: Schema | undefined): boolean {
  return schema !== undefined && core(schema) === secret
}

/** The kind where it tells more than the value does: in the file, `10` and `'10'` differ by two small strokes. */
function describe(node: ConfigNode): string {
  if (node.kind !== 'scalar' || node.value === null) return kindOf(node)
  if (node.expanded) return shown(node)
  const looksLike = node.quoted && typeof node.value === 'string' ? 'the text ' : ''
  return `${typeof node.value === 'number' ? 'the number ' : looksLike}${shown(node)}`
}

function kindOf(node: ConfigNode): string {
  if (node.kind !== 'scalar') return shown(node)
  if (node.value === null) return 'empty'
  return typeof node.value === 'string' ? 'text' : `a ${typeof node.value}`
}
