/**
 * The JSON Schema of a configuration, for editors: completion, explanations, red lines. Made from the one definition, and
 * no stricter than the loader: what it refuses, the loader refuses; what only the loader sees (keys that need each other,
 * pins that stand twice) is for `sensor-node check`. Draft 7, which the YAML language server of editors understands.
 * `npm run docs` writes it as config.schema.json; a test holds the file to it.
 */
import { z } from 'zod'
import { configSchema } from './schema.ts'

/** A node of a JSON Schema; any keyword may stand in it. */
export interface JsonSchema {
  readonly [keyword: string]: unknown
}

/** Where the text of a whole file begins to be a reference (`expand.ts`): anywhere in text … */
const REFERENCE = '\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}'
/** … and alone, where it may become a number, `true` or `false`. */
const ALONE = `^${REFERENCE}$`

const FROM_ENVIRONMENT: JsonSchema = { type: 'string', pattern: REFERENCE }

/** Keys that explain, and stay outermost when a node becomes one of several. */
const EXPLAINING = ['description', 'markdownDescription', 'default', 'patternErrorMessage']

/** What repeats at least so often, and is at least so long as JSON, stands once, among the definitions. */
const OFTEN = 3
const LONG = 60

/** The schema of the whole file. */
export function configJsonSchema(): JsonSchema {
  const made = z.toJSONSchema(configSchema, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
    target: 'draft-7',
  }) as JsonSchema // its own type is wider
  const { $schema, ...rest } = made
  const { body, definitions } = share({ ...forEditors(rest), type: 'object' })
  return { $schema, title: 'Configuration of sensor-node', ...body, definitions }
}

/** As the loader takes it: `${NAME}` for any value, nothing at all for a section, and what the schema is told by `meta`. */
function forEditors(node: JsonSchema): JsonSchema {
  const { like: _, orFlag, orAlone, ...given } = node
  const plain = explained(given)
  if (Array.isArray(plain.oneOf)) return { ...plain, oneOf: [...plain.oneOf.map(forEditors), untyped()] }
  if (plain.type === 'object') {
    const properties = mapValues(asRecord(plain.properties), forEditors)
    const types = [
      'object',
      ...(Array.isArray(plain.required) ? [] : ['null']),
      ...(orFlag === true ? ['boolean', 'string'] : []),
    ]
    return { ...plain, type: one(types), properties, ...(orFlag === true ? { pattern: ALONE } : {}) }
  }
  if (plain.type === 'array') {
    const items = forEditors(asRecord(plain.items))
    const all = { ...plain, type: one(['array', ...(plain.minItems === undefined ? ['null'] : [])]), items }
    return orAlone === true ? oneOfSeveral(all, [items]) : all
  }
  return scalar(plain)
}

/** A value that can come from the environment, whatever it has to be then. */
function scalar(node: JsonSchema): JsonSchema {
  const { type, pattern, maxLength } = node
  if (node.const !== undefined) return node // tells the kinds of a section apart
  if (node.anyOf !== undefined || node.enum !== undefined || maxLength !== undefined)
    return oneOfSeveral(node, [FROM_ENVIRONMENT])
  if (type === 'number' || type === 'integer' || type === 'boolean')
    return { ...node, type: [type, 'string'], pattern: ALONE }
  return pattern === undefined ? node : { ...node, pattern: `${pattern}|${REFERENCE}` }
}

/** A section whose kind is not known before it runs. */
function untyped(): JsonSchema {
  return { type: 'object', properties: { type: FROM_ENVIRONMENT }, required: ['type'] }
}

function oneOfSeveral(node: JsonSchema, others: readonly JsonSchema[]): JsonSchema {
  const { anyOf, ...rest } = node
  const outer = Object.fromEntries(Object.entries(rest).filter(([key]) => EXPLAINING.includes(key)))
  const inner = Object.fromEntries(Object.entries(rest).filter(([key]) => !EXPLAINING.includes(key)))
  return { ...outer, anyOf: [...(Array.isArray(anyOf) ? anyOf : [inner]), ...others] }
}

/** Markdown is shown as such only under this name; an empty section as default would be offered as text. */
function explained(node: JsonSchema): JsonSchema {
  const { description, default: fallback, ...rest } = node
  const text = typeof description === 'string' ? description : undefined
  const empty = typeof fallback === 'object' && fallback !== null && Object.keys(fallback).length === 0
  return {
    ...(text === undefined ? {} : { description: text }),
    ...(text !== undefined && /[`[]/.test(text) ? { markdownDescription: text } : {}),
    ...rest,
    ...(fallback === undefined || empty ? {} : { default: fallback }),
  }
}

/** Takes what repeats out, by the key that it stands at: filters and rules would else be most of the file. */
function share(root: JsonSchema): { body: JsonSchema; definitions: Record<string, JsonSchema> } {
  const counts = new Map<string, number>()
  const count = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    const text = JSON.stringify(node)
    counts.set(text, (counts.get(text) ?? 0) + 1)
    for (const below of Object.values(node)) count(below)
  }
  count(root)
  const definitions: Record<string, JsonSchema> = {}
  const names = new Map<string, string>()
  const shared = (key: string, node: JsonSchema): JsonSchema => {
    const text = JSON.stringify(node)
    if (text.length < LONG || (counts.get(text) ?? 0) < OFTEN) return replaceIn(node)
    let name = names.get(text)
    if (name === undefined) {
      const same = [...names.values()].filter((one) => one.replace(/-\d+$/, '') === key).length
      name = same === 0 ? key : `${key}-${same + 1}`
      names.set(text, name)
      definitions[name] = replaceIn(node)
    }
    return { $ref: `#/definitions/${name}` }
  }
  const replaceIn = (node: JsonSchema): JsonSchema => ({
    ...node,
    ...(node.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(asRecord(node.properties)).map(([key, below]) => [key, shared(key, asRecord(below))]),
          ),
        }),
    ...(node.items === undefined ? {} : { items: replaceIn(asRecord(node.items)) }),
    ...(Array.isArray(node.anyOf) ? { anyOf: node.anyOf.map(replaceIn) } : {}),
    ...(Array.isArray(node.oneOf) ? { oneOf: node.oneOf.map(replaceIn) } : {}),
  })
  return { body: replaceIn(root), definitions }
}

function one(types: readonly string[]): string | readonly string[] {
  const [first = ''] = types
  return types.length === 1 ? first : types
}

function asRecord(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function mapValues(from: JsonSchema, map: (node: JsonSchema) => JsonSchema): JsonSchema {
  return Object.fromEntries(Object.entries(from).map(([key, value]) => [key, map(asRecord(value))]))
}
