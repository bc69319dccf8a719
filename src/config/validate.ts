/**
 * The tree against the schema, all faults in one go. What zod refuses is reported and taken out, and the rest is
 * checked again, until nothing is refused: so one wrong value hides no other, and what is left is a configuration
 * that the checks across the file can look at.
 */
import type { z } from 'zod'
import type { Problem } from '../errors.ts'
import { inputOf } from './input.ts'
import { reasonFor } from './reasons.ts'
import { clash, lacksAny, missingKey, unknownKey, wrongValue } from './report.ts'
import { listSingleActions } from './rule-lists.ts'
import { configSchema, type ParsedConfig } from './schema.ts'
import { sensor, untypedSensor } from './sensor-schema.ts'
import { core, keysOf, kindsOf, schemaBelow } from './shape.ts'
import { alternatives, didYouMean, nearest } from './suggest.ts'
import { type ConfigNode, entry, find, items, problemAt, shown } from './tree.ts'

type Issue = z.core.$ZodIssue
type Schema = z.core.$ZodType

export interface Validated {
  /** What is left when everything wrong is taken out; undefined where that can't be done. */
  readonly parsed: ParsedConfig | undefined
  readonly problems: readonly Problem[]
}

/** Taking out goes up by one level a round, and the deepest section is the seventh level. */
const MOST_ROUNDS = 20

/** Marks in the tree what is refused. A key or a sensor type that is nearly right is taken for what was meant. */
export function validate(root: ConfigNode): Validated {
  const problems: Problem[] = []
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    listSingleActions(root) // also those whose key had a slip in it
    const result = configSchema.safeParse(inputOf(root, configSchema), { error: reasonFor })
    if (result.success) return { parsed: result.data, problems }
    problems.push(...reportAll(result.error.issues, root, configSchema))
  }
  return { parsed: undefined, problems }
}

function reportAll(issues: readonly Issue[], root: ConfigNode, schema: Schema): Problem[] {
  // Unknown keys alone at first: a key with a slip in it is the one that seems to be missing.
  const unknown = issues.filter(({ code }) => code === 'unrecognized_keys')
  const round = unknown.length > 0 ? unknown : issues
  // Places before reports: a path counts what is left of a list, and reporting takes out.
  const found = round.map((issue) => ({ issue, place: locate(root, schema, issue.path) }))
  return found.flatMap(({ issue, place }) => report(issue, place))
}

interface Located {
  /** Of the value at fault, or of the nearest section around it where there is none. */
  readonly node: ConfigNode
  readonly schema: Schema | undefined
  /** The section that `node` is an entry of. */
  readonly section: ConfigNode | undefined
  readonly sectionSchema: Schema | undefined
  /** The first key of the path that does not exist. */
  readonly missing: string | undefined
}

function locate(root: ConfigNode, rootSchema: Schema, path: readonly PropertyKey[]): Located {
  let place: Located = {
    node: root,
    schema: rootSchema,
    section: undefined,
    sectionSchema: undefined,
    missing: undefined,
  }
  for (const key of path) {
    const { node: section, schema: sectionSchema } = place
    const node = find(section, [key])
    if (node === undefined) return { ...place, missing: String(key) }
    const schema = sectionSchema === undefined ? undefined : schemaBelow(sectionSchema, section, key)
    place = { node, schema, section, sectionSchema, missing: undefined }
  }
  return place
}

function report(issue: Issue, { node, schema, section, sectionSchema, missing }: Located): Problem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.flatMap((key) => unknownKey(node, keysOf(schema, node), key))
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) {
    return missing === undefined && section !== undefined
      ? wrongType(section, sectionSchema, issue.discriminator)
      : wrongType(node, schema, issue.discriminator)
  }
  if (missing !== undefined) return missingKey(node, missing, issue.message)
  const anyOf: unknown = issue.code === 'custom' ? issue.params?.anyOf : undefined
  if (Array.isArray(anyOf)) return lacksAny(node, anyOf, issue.message)
  if (issue.code === 'too_small' && items(node).length > 0) return leaveOut(node)
  const other: unknown = issue.code === 'custom' ? issue.params?.other : undefined
  if (typeof other === 'string' && section !== undefined) return clash(section, node, schema, other, issue.message)
  return [wrongValue(node, schema, issue.message)]
}

/** A list that lacks entries because they are refused: that has been told. */
function leaveOut(node: ConfigNode): Problem[] {
  node.refused = true
  return []
}

/** A section whose `type` (or whatever tells the kinds apart) is missing or unknown. */
function wrongType(section: ConfigNode, schema: Schema | undefined, key: string): Problem[] {
  const kinds = kindsOf(schema, key)
  const node = entry(section, key)
  const common = core(schema ?? sensor) === sensor ? untypedSensor : undefined
  if (node === undefined && section.kind === 'map') {
    const keys = [key, ...(common === undefined ? [] : keysOf(common, section))]
    const slip = [...section.entries.keys()].find((name) => nearest(name, keys).join() === key && !keys.includes(name))
    if (slip !== undefined) return unknownKey(section, keys, slip)
  }
  const problems: Problem[] = []
  const wanted = `must be ${alternatives(kinds)}`
  if (node === undefined) problems.push(...missingKey(section, key, wanted))
  else if (!node.refused) {
    const near = node.kind === 'scalar' && !node.expanded ? nearest(String(node.value), kinds) : []
    problems.push(problemAt(node, `${wanted}; it is ${shown(node)}`, didYouMean(near)))
    const [meant] = near
    if (meant !== undefined && near.length === 1 && node.kind === 'scalar') {
      // The rest of the section is checked as what its writer meant.
      node.value = meant
      return problems
    }
  }
  if (common !== undefined) {
    const result = common.safeParse(inputOf(section, common), { error: reasonFor })
    if (!result.success) problems.push(...reportAll(result.error.issues, section, common))
  }
  section.refused = true
  return problems
}
