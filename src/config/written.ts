/** What a file says at a place, fit to be shown to anybody: no secret, and nothing from the environment. Used by `plan`. */
import type { z } from 'zod'
import { configSchema } from './schema.ts'
import { core, schemaBelow } from './shape.ts'
import { below, type ConfigNode, shown } from './tree.ts'
import { secret } from './values.ts'

type Path = readonly (string | number)[]

/** A value as it stands in the file; undefined where none does, so that the default holds. */
export function written(root: ConfigNode, path: Path): string | undefined {
  let node: ConfigNode | undefined = root
  let schema: z.core.$ZodType | undefined = configSchema
  for (const step of path) {
    schema = schemaBelow(schema, node, step)
    node = below(node, step)
    if (node === undefined) return undefined
  }
  if (node.kind !== 'scalar') return undefined
  return schema !== undefined && core(schema) === secret ? '(secret)' : shown(node)
}

/** The paths, from there on, of all values that stand in a section or list of the file; none where it has none. */
export function scalarsBelow(root: ConfigNode, path: Path): Path[] {
  const node = at(root, path)
  return node === undefined ? [] : scalars(node)
}

/** How a complaint calls the place at `steps` below the one at `path`, which may stand for a list of one; undefined where the file has none. */
export function keyBelow(root: ConfigNode, path: Path, steps: Path): string | undefined {
  const item = at(root, path)
  const node = at(root, [...path, ...steps])
  return item === undefined ? undefined : node?.path.slice(item.path.length).replace(/^\./, '')
}

function at(root: ConfigNode, path: Path): ConfigNode | undefined {
  return path.reduce<ConfigNode | undefined>((node, step) => (node === undefined ? undefined : below(node, step)), root)
}

function scalars(node: ConfigNode): Path[] {
  if (node.kind === 'scalar') return [[]]
  const entries: readonly (readonly [string | number, ConfigNode])[] =
    node.kind === 'map' ? [...node.entries] : [...node.items.entries()]
  return entries.flatMap(([step, one]) => scalars(one).map((rest) => [step, ...rest]))
}
