/**
 * The tables of the configuration and of the requests in docs/, made from the schemas: no key and no default is written
 * twice. Run by `npm run docs`; a test holds the documents to it.
 */
import { z } from 'zod'
import { QUANTITIES } from '../reading.ts'
import { actions } from '../requests/index.ts'
import { sensorTypes } from '../sensors/index.ts'
import { configSchema } from './schema.ts'
import { formatDuration } from './values.ts'

/** What is read here of the JSON Schema that zod makes. */
interface Node {
  readonly type?: string | undefined
  readonly description?: string | undefined
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[] | undefined
  readonly properties?: Readonly<Record<string, Node>> | undefined
  readonly items?: Node | undefined
  readonly anyOf?: readonly Node[] | undefined
  readonly oneOf?: readonly Node[] | undefined
  readonly required?: readonly string[] | undefined
  readonly pattern?: string | undefined
  readonly minimum?: number | undefined
  readonly maximum?: number | undefined
  /** Described already, at this path: not to be told twice. */
  readonly like?: string | undefined
}

/** The whole reference as Markdown: the general keys, then what each sensor type adds. */
export function configReference(): string {
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as Node // its own type is wider
  const { sensors, ...sections } = schema.properties ?? {}
  const variants = sensors?.items?.oneOf ?? sensors?.items?.anyOf ?? []
  const own = (variant: Node): string => String(variant.properties?.type?.const)
  const [first] = variants
  const shared = Object.keys(first?.properties ?? {}).filter((key) =>
    variants.every(({ properties }) => properties?.[key] !== undefined),
  )
  const filters = Object.values(
    variants.find((variant) => own(variant) === 'bme280')?.properties?.metrics?.properties ?? {},
  )[0]

  const parts = [
    ...Object.entries(sections).flatMap(([key, node]) => [
      `## ${key}`,
      ...(typeof node.default === 'boolean' ? [] : [node.description ?? '']), // else its own row has it
      table(rows(key, node)),
    ]),
    '## sensors',
    `${sensors?.description ?? ''} A list; what every entry has:`,
    table([
      ['`type`', variants.map((variant) => `\`${own(variant)}\``).join(', '), 'What it is: see below.', 'required'],
      ...shared
        .filter((key) => !['type', 'metrics', 'interval', 'timeout'].includes(key))
        .flatMap((key) => rows(key, first?.properties?.[key] ?? {})),
      ['`interval`', 'duration', 'Time from one read to the next; the shortest is told below.', 'by type'],
      ['`timeout`', 'duration', 'Deadline of one read.', `the longer of the interval and \`2s\`${ownTimeouts()}`],
      ...Object.entries(filters?.properties ?? {}).flatMap(([key, node]) => rows(`metrics.<quantity>.${key}`, node)),
    ]),
    'The filters work in this order: `min` and `max` on the raw value, `median`, `scale`, `offset`, `digits`, `change` with `heartbeat`.',
    'Limits, `offset`, `change` and what is published are in the unit of the [quantity](#quantities).',
    ...variants.flatMap((variant) => sensorSection(own(variant), variant, shared)),
    '## Quantities',
    table(
      Object.entries(QUANTITIES).map(([name, { meaning, unit, min, max }]) => [
        `\`${name}\``,
        `${meaning[0]?.toUpperCase()}${meaning.slice(1)}`,
        unit === '' ? 'none' : unit,
        max > 1e9 ? `from ${min}` : `${min} to ${max}`,
      ]),
      ['quantity', 'what it is', 'unit', 'never beyond'],
    ),
  ]
  return parts.join('\n\n')
}

/** The actions that may be asked for over MQTT, as Markdown. */
export function requestReference(): string {
  const lines = Object.entries(actions).map(([name, { summary, answers, args }]) => {
    const { properties = {}, required = [] } = z.toJSONSchema(args(), { io: 'input' }) as Node // its own type is wider
    const taken = Object.entries(properties).map(([key, { description = '' }]) => {
      return `\`${key}\`${required.includes(key) ? '' : ' (optional)'}: ${description}`
    })
    return [`\`${name}\``, summary, taken.join('; '), answers]
  })
  return table(lines, ['action', 'what it does', 'takes', 'answers'])
}

/** The types that have a deadline of their own: `; dht11: 5s`. */
function ownTimeouts(): string {
  return Object.entries(sensorTypes)
    .flatMap(([name, { timeoutMs }]) =>
      timeoutMs === undefined ? [] : `; \`${name}\`: \`${formatDuration(timeoutMs)}\``,
    )
    .join('')
}

function sensorSection(name: string, variant: Node, shared: readonly string[]): string[] {
  const type = Object.entries(sensorTypes).find(([key]) => key === name)?.[1]
  if (type === undefined) return []
  const interval = String(variant.properties?.interval?.default)
  const measures =
    type.metric === undefined
      ? ` Quantities: ${Object.keys(type.measures)
          .map((q) => `\`${q}\``)
          .join(', ')}.`
      : ''
  const about = `${type.summary}.${measures} ${variant.properties?.interval?.description ?? ''} Default: \`${interval}\`.`
  const options = Object.entries(variant.properties ?? {})
    .filter(([key]) => !shared.includes(key) || Object.hasOwn(type.options.shape, key))
    .flatMap(([key, node]) => rows(key, node, variant.required?.includes(key)))
  const extra = Object.keys(type.metric?.shape ?? {})
  const metric = Object.values(variant.properties?.metrics?.properties ?? {})[0]
  const metrics = extra.flatMap((key) => rows(`metrics.<quantity>.${key}`, metric?.properties?.[key] ?? {}))
  const text = [`### ${name}`, about]
  return options.length + metrics.length === 0 ? text : [...text, table([...options, ...metrics])]
}

function rows(path: string, node: Node, required = false): string[][] {
  if (node.like !== undefined) {
    return [[`\`${path}\``, '', `${node.description ?? ''} As \`${node.like}\`.`.trim(), '']]
  }
  const inner = node.properties ?? node.items?.properties
  if (inner !== undefined) {
    const below = node.items === undefined ? `${path}.` : `${path}[].`
    const needed = node.required ?? node.items?.required ?? []
    // A section that a word can stand for, which is its default. What a whole part is for, its heading tells.
    const words = typeof node.default === 'boolean'
    const kind = words ? '`true`, `false` or a section' : node.items === undefined ? 'section' : 'list'
    const own =
      words || (path.includes('.') && node.description !== undefined)
        ? [[`\`${path}\``, kind, node.description ?? '', words ? `\`${node.default}\`` : '']]
        : []
    return [...own, ...Object.entries(inner).flatMap(([key, child]) => rows(below + key, child, needed.includes(key)))]
  }
  // An address is written as its datasheet does.
  const hex = typeof node.default === 'number' && node.description?.includes('0x') === true
  const value = hex ? `0x${Number(node.default).toString(16)}` : String(node.default)
  const fallback = node.default === undefined ? (required ? 'required' : '') : `\`${value}\``
  return [[`\`${path}\``, kindOf(node), node.description ?? '', fallback]]
}

/** Words that fit into a cell; more are told in the meaning. */
const MOST_WORDS = 6

/** What may stand there, for a person. */
function kindOf(node: Node): string {
  const { type, pattern, minimum, maximum } = node
  const words = wordsOf(node)
  if (words.length > MOST_WORDS) return 'a word'
  if (words.length > 0) return words.map((word) => `\`${word}\``).join(', ')
  if (node.anyOf !== undefined) return [...new Set(node.anyOf.map(kindOf))].join(' or ')
  if (pattern?.includes('ms|s|m|h|d')) return 'duration'
  if (pattern?.includes('kB|KB|MB')) return 'size'
  if (type === 'boolean') return '`true` or `false`'
  if (type === 'array') return 'list'
  if (type !== 'number' && type !== 'integer') return 'text'
  const whole = type === 'integer' ? 'whole number' : 'number'
  // A limit that only keeps numbers exact tells nobody anything.
  const [low, high] = [minimum, maximum].map((one) => (Math.abs(one ?? Number.MAX_VALUE) < 1e9 ? one : undefined))
  if (low !== undefined && high !== undefined) return `${whole}, ${low} to ${high}`
  return low === undefined ? whole : `${whole} from ${low}`
}

/** All that may stand there, where it is words. `true` and `false`, which also do for a level, are left out beside them. */
function wordsOf(node: Node): string[] {
  if (node.const !== undefined) return [String(node.const)]
  if (node.enum !== undefined) return node.enum.map(String)
  const rest = node.anyOf?.filter(({ type }) => type !== 'boolean').map(wordsOf) ?? []
  return rest.every(({ length }) => length > 0) ? rest.flat() : []
}

function table(lines: readonly (readonly string[])[], head = ['key', 'type', 'meaning', 'default']): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
  return [
    `| ${head.join(' | ')} |`,
    `|${'---|'.repeat(head.length)}`,
    ...lines.map((line) => `| ${line.map(cell).join(' | ')} |`),
  ].join('\n')
}
