/** What a file says at a place, fit to be shown to anybody: no secret, and nothing from the environment. Used by `plan`. */
import type { z } from 'zod'
import { configSchema } from './schema.ts'
import { core, schemaBelow } from './shape.ts'
import { below, type ConfigNode, shown } from './tree.ts'
import { secret } from './values.ts'

/** A value as it stands in the file; undefined where none does, so that the default holds. */
export function written(root: ConfigNode, path: readonly (string | number)[]): string | undefined {
  let node: ConfigNode | undefined = root
  let schema: z.core.$ZodType | undefined = configSchema
  for (const step of path) {
    const key = node.kind === 'list' ? Number(step) : step
    schema = schemaBelow(schema, node, key)
    node = below(node, key)
    if (node === undefined) return undefined
  }
  if (node.kind !== 'scalar') return undefined
  return schema !== undefined && core(schema) === secret ? '(secret)' : shown(node)
}
