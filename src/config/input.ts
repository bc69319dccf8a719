/** What zod gets to check: the tree as plain values, without what is refused. */
import type { z } from 'zod'
import { typedValue } from './expand.ts'
import { emptyOf, schemaBelow, takesText } from './shape.ts'
import { type ConfigNode, usableItems } from './tree.ts'

/** The plain value of a node; its schema says what an empty section is, and where `${NAME}` may be a number. */
export function inputOf(node: ConfigNode, schema: z.core.$ZodType | undefined): unknown {
  if (node.kind === 'list')
    return usableItems(node).map((item, index) => inputOf(item, schemaBelow(schema, node, index)))
  if (node.kind === 'map') {
    const usable = [...node.entries].filter(([, value]) => !value.refused)
    return Object.fromEntries(usable.map(([key, value]) => [key, inputOf(value, schemaBelow(schema, node, key))]))
  }
  if (node.value === null) return emptyOf(schema)
  return takesText(schema) ? node.value : typedValue(node)
}
