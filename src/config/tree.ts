/**
 * The configuration file as a tree in which everything knows where it stands. `document.ts` makes it, the checks
 * walk it: a complaint is always about a node, and shows the node as the file has it.
 */
import type { Problem } from '../errors.ts'

/** Both count from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

interface Common {
  /** As `sensors[1].metrics.temperature.digits`. */
  readonly path: string
  /** Where the value begins. */
  readonly at: Place
  /** Where its key begins; a list's entry has none. */
  readonly key: Place | undefined
  /** Something about it has been reported: whatever looks at the rest of the file leaves it out. */
  refused: boolean
}

export type Scalar = string | number | boolean | null

export interface ScalarNode extends Common {
  readonly kind: 'scalar'
  value: Scalar
  /** As it stands in the file, with its quotes. */
  readonly source: string
  readonly quoted: boolean
  /** Holds text from the environment, which nothing may show. */
  expanded: boolean
}

export interface MapNode extends Common {
  readonly kind: 'map'
  readonly entries: Map<string, ConfigNode>
}

export interface ListNode extends Common {
  readonly kind: 'list'
  readonly items: readonly ConfigNode[]
}

export type ConfigNode = ScalarNode | MapNode | ListNode

/** The value of a key, refused or not; undefined where there is no such key. */
export function entry(node: ConfigNode | undefined, ...keys: readonly string[]): ConfigNode | undefined {
  const [key, ...rest] = keys
  if (key === undefined) return node
  return entry(node?.kind === 'map' ? node.entries.get(key) : undefined, ...rest)
}

/** A value that is there and right. */
export function good(node: ConfigNode | undefined): ScalarNode | undefined {
  return node?.kind === 'scalar' && !node.refused ? node : undefined
}

/** The entries of a list, refused or not. */
export function items(node: ConfigNode | undefined): readonly ConfigNode[] {
  return node?.kind === 'list' ? node.items : []
}

/** The entries of a list that a parsed configuration was made of, so that both have the same indices. */
export function usableItems(node: ConfigNode | undefined): readonly ConfigNode[] {
  return node?.refused === true ? [] : items(node).filter((item) => !item.refused)
}

/** The node at a path of what `input.ts` made, which leaves out what is refused. */
export function find(root: ConfigNode, path: readonly PropertyKey[]): ConfigNode | undefined {
  let node: ConfigNode | undefined = root
  for (const key of path) {
    node = typeof key === 'number' ? usableItems(node)[key] : entry(node, String(key))
    if (node === undefined || node.refused) return undefined
  }
  return node
}

/** The entry of a section or list. */
export function below(node: ConfigNode, step: string | number): ConfigNode | undefined {
  return typeof step === 'number' ? items(node)[step] : entry(node, step)
}

/** Where to point: at a scalar, or at the key that a section stands below. */
export function placeOf(node: ConfigNode): Place {
  return node.kind === 'scalar' ? node.at : (node.key ?? node.at)
}

/** `path at line:column`, for a complaint that has two places. */
export function named(node: ConfigNode): string {
  const { line, column } = placeOf(node)
  return `${node.path} at ${line}:${column}`
}

export function problemAt(node: ConfigNode, message: string, suggestion?: string): Problem {
  const { line, column } = placeOf(node)
  return { line, column, path: node.path, message, ...(suggestion === undefined ? {} : { suggestion }) }
}

/** Characters of a value that a complaint repeats. */
const LONGEST_SHOWN = 60

/** A value as it stands in the file, on one line, without the password of an address. */
export function shown(node: ConfigNode): string {
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'a section' : 'a list'
  const line = node.source.replace(/\s+/g, ' ').replace(/\/\/.*@/, '//…@')
  return line.length > LONGEST_SHOWN ? `${line.slice(0, LONGEST_SHOWN)}…` : line
}

/** In the order of the file, each once: what an alias repeats is one fault. */
export function inFileOrder(problems: readonly Problem[]): Problem[] {
  const once = new Map<string, Problem>()
  for (const problem of problems) {
    const key = `${problem.line}:${problem.column}:${problem.message}`
    if (!once.has(key)) once.set(key, problem)
  }
  return [...once.values()].sort((a, b) => a.line - b.line || a.column - b.column)
}
