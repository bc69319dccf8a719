/**
 * `${NAME}` in the text of a configuration, replaced from the environment before anything is checked. `$${NAME}`
 * stands for the text `${NAME}` itself. What comes from the environment is marked, and never shown.
 */
import { parse } from 'yaml'
import type { Problem } from '../errors.ts'
import { type ConfigNode, problemAt, type Scalar, type ScalarNode } from './tree.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Replaces in the whole tree; what can't be replaced is reported, and refused. Keys stay as they are. */
export function expandTree(root: ConfigNode, env: Environment): Problem[] {
  if (root.kind === 'scalar') return expandScalar(root, env)
  const below = root.kind === 'list' ? root.items : [...root.entries.values()]
  return below.flatMap((node) => expandTree(node, env))
}

function expandScalar(node: ScalarNode, env: Environment): Problem[] {
  if (typeof node.value !== 'string') return []
  const problems: Problem[] = []
  node.value = node.value.replace(REFERENCE, (reference: string, name: string | undefined, end: string) => {
    if (name === undefined) return '${'
    const value = NAME.test(name) && end !== '' && Object.hasOwn(env, name) ? env[name] : undefined
    if (value === undefined) problems.push(unresolved(node, name, end !== ''))
    else node.expanded = true
    return value ?? reference
  })
  if (problems.length > 0) node.refused = true
  return problems
}

function unresolved(node: ScalarNode, name: string, closed: boolean): Problem {
  if (!closed || !NAME.test(name)) {
    const message = `after \${ must come the name of an environment variable (letters, digits and _) and }`
    return problemAt(node, message, `write $\${ for a \${ that stands for itself`)
  }
  const remedy =
    name === 'node'
      ? 'write {node} for the id of the node'
      : `give sensor-node the variable, in a unit with Environment=${name}=…`
  return problemAt(node, `the environment variable ${name} is not set`, remedy)
}

/**
 * The number or boolean that an unquoted `${NAME}` stands for, read as YAML would have read it in its place; else
 * the text.
 */
export function typedValue(node: ScalarNode): Scalar {
  const { value } = node
  const alone = node.expanded && /^\$\{[^}]*\}$/.test(node.source)
  // No other characters make a number or a boolean, and these make no list or section that is not told apart below.
  if (!alone || typeof value !== 'string' || !/^[-+.\w]+$/.test(value)) return value
  const read: unknown = parse(value, { schema: 'core' })
  return typeof read === 'number' || typeof read === 'boolean' ? read : value
}
