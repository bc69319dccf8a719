/**
 * YAML into a tree with places (tree.ts). YAML 1.2 with its core types: `on` and `off` are text, 0x76 is 118.
 * Keys that stand twice are reported here, with both places, and so are aliases that lead nowhere or multiply.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Pair, type ParsedNode, parseDocument } from 'yaml'
import type { Problem } from '../errors.ts'
import { nestsTooDeeply, syntaxProblems } from './syntax.ts'
import type { ConfigNode, Place, Scalar } from './tree.ts'

export interface ReadDocument {
  /** Undefined where the text is not YAML or holds no section at the top. */
  readonly root: ConfigNode | undefined
  readonly problems: readonly Problem[]
}

/** Nodes of a whole file, aliases resolved: far above any configuration, far below what takes noticeable time. */
const MOST_NODES = 20_000

const BEGIN = 'begin with a line "sensors:" or "gpio:", as the shipped config.yaml does'

/** Reads one YAML document whose top is a section. */
export function readDocument(text: string): ReadDocument {
  const tooDeep = failure('is nested too deeply', 'look for brackets that are not closed')
  if (nestsTooDeeply(text)) return tooDeep
  try {
    return read(text)
  } catch (error) {
    // The parser calls itself for each level, and there are more ways to nest than can be told from the text.
    if (error instanceof RangeError) return tooDeep
    throw error
  }
}

function read(text: string): ReadDocument {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    schema: 'core',
    logLevel: 'error',
  })
  const problems = syntaxProblems(document, text, lines)
  if (document.errors.length > 0) return { root: undefined, problems }
  const { contents } = document
  if (contents === null || (isScalar(contents) && contents.value === null)) return failure('is empty', BEGIN)
  if (isSeq(contents)) return failure('must be a section of keys; it is a list', BEGIN)
  if (!isMap(contents) && !isAlias(contents)) return failure('must be a section of keys; it is a single value', BEGIN)
  const builder = new TreeBuilder(text, lines, problems)
  return { root: builder.build(contents, '', undefined), problems }
}

function failure(message: string, suggestion: string): ReadDocument {
  return { root: undefined, problems: [{ line: 1, column: 1, path: '', message, suggestion }] }
}

type YamlNode = ParsedNode | null

class TreeBuilder {
  readonly #text: string
  readonly #lines: LineCounter
  readonly #problems: Problem[]
  readonly #anchors = new Map<string, ParsedNode>()
  /** The collections around the current node: an alias to one of them would never end. */
  readonly #around = new Set<ParsedNode>()
  #nodes = 0

  constructor(text: string, lines: LineCounter, problems: Problem[]) {
    this.#text = text
    this.#lines = lines
    this.#problems = problems
  }

  build(node: YamlNode, path: string, key: Place | undefined, alias?: Place): ConfigNode {
    this.#nodes += 1
    const at = alias ?? this.#at(node, key)
    if (isAlias(node)) return this.#resolve(node.source, path, key, at)
    if (node === null || isScalar(node)) {
      if (node?.anchor !== undefined) this.#anchors.set(node.anchor, node)
      const source = node === null ? '' : this.#text.slice(node.range[0], node.range[1])
      const value = node === null ? null : (node.value as Scalar) // the core types have no others
      return {
        kind: 'scalar',
        path,
        at,
        key,
        refused: false,
        value,
        source,
        quoted: /^['"|>]/.test(source),
        expanded: false,
      }
    }
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node)
    this.#around.add(node)
    const built: ConfigNode = isSeq(node)
      ? {
          kind: 'list',
          path,
          at,
          key,
          refused: false,
          items: node.items.map((item, index) => this.build(item, `${path}[${index}]`, undefined)),
        }
      : { kind: 'map', path, at, key, refused: false, entries: this.#entries(node.items, path) }
    this.#around.delete(node)
    return built
  }

  #entries(pairs: readonly Pair<ParsedNode, YamlNode>[], path: string): Map<string, ConfigNode> {
    const entries = new Map<string, ConfigNode>()
    for (const { key, value } of pairs) {
      const place = this.#at(key, undefined)
      if (!isScalar(key) || key.range[0] === key.range[1]) {
        this.#report(place, path, 'a key must be a word', "text with { or [ needs quotes: '{node}'")
        continue
      }
      const name = typeof key.value === 'string' ? key.value : this.#text.slice(key.range[0], key.range[1])
      const own = pathOf(path, name)
      const earlier = entries.get(name)
      if (earlier === undefined) entries.set(name, this.build(value, own, place))
      else
        this.#report(place, own, `stands twice, first at ${written(earlier.key ?? earlier.at)}`, 'remove one of them')
    }
    return entries
  }

  #resolve(name: string, path: string, key: Place | undefined, at: Place): ConfigNode {
    const target = this.#anchors.get(name)
    if (target !== undefined && !this.#around.has(target) && this.#nodes < MOST_NODES) {
      return this.build(target, path, key, at)
    }
    if (target === undefined) {
      this.#report(
        at,
        path,
        'text that begins with * stands for an anchor, and there is none of that name above',
        QUOTES,
      )
    } else if (this.#around.has(target)) {
      this.#report(at, path, 'is an alias for what it stands in', 'write the values out')
    } else {
      this.#report(at, path, `aliases multiply the file beyond ${MOST_NODES} values`, 'write the values out')
    }
    return { kind: 'scalar', path, at, key, refused: true, value: null, source: '', quoted: false, expanded: false }
  }

  /** An empty value stands nowhere: its key says where it is missed. */
  #at(node: YamlNode, key: Place | undefined): Place {
    if (key !== undefined && (node === null || node.range[0] === node.range[1])) return key
    const { line, col } = this.#lines.linePos(node?.range[0] ?? 0)
    return { line, column: col }
  }

  #report({ line, column }: Place, path: string, message: string, suggestion: string): void {
    this.#problems.push({ line, column, path, message, suggestion })
  }
}

const QUOTES = "put the text in quotes: '…'"

function written({ line, column }: Place): string {
  return `${line}:${column}`
}

/** Characters of an odd key that a path repeats. */
const LONGEST_KEY = 40

function pathOf(parent: string, key: string): string {
  if (!/^[\w-]{1,40}$/.test(key)) return `${parent}[${JSON.stringify(key.slice(0, LONGEST_KEY))}]`
  return parent === '' ? key : `${parent}.${key}`
}
