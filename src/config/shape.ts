/**
 * Questions to a zod schema: which keys are valid here, which words, is it a section. So that suggestions come from
 * the one definition, and a sensor type's own options get them for free.
 */
import { z } from 'zod'
import { type ConfigNode, entry } from './tree.ts'

/** A schema without its defaults, optionality and conversions: what the file has to hold. */
export function core(schema: z.core.$ZodType): z.core.$ZodType {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodReadonly ||
    schema instanceof z.ZodCatch
  ) {
    return core(schema.unwrap())
  }
  if (schema instanceof z.ZodPipe) return core(schema.in instanceof z.ZodTransform ? schema.out : schema.in)
  return schema
}

/** The schema of an entry of `node`, whose own schema is given; undefined where there is no such entry. */
export function schemaBelow(
  schema: z.core.$ZodType | undefined,
  node: ConfigNode,
  key: PropertyKey,
): z.core.$ZodType | undefined {
  const section = schema === undefined ? undefined : variant(core(schema), node)
  if (section instanceof z.ZodObject) return Object.hasOwn(section.shape, key) ? section.shape[String(key)] : undefined
  return section instanceof z.ZodArray ? section.element : undefined
}

/** The keys that the schema knows at `node`. */
export function keysOf(schema: z.core.$ZodType | undefined, node: ConfigNode): string[] {
  const section = schema === undefined ? undefined : variant(core(schema), node)
  return section instanceof z.ZodObject ? Object.keys(section.shape) : []
}

/** Of the kinds of section that a union allows, the one that `node` says it is. */
function variant(schema: z.core.$ZodType, node: ConfigNode): z.core.$ZodType | undefined {
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return schema
  const key = schema.def.discriminator
  const chosen = entry(node, key)
  if (chosen?.kind !== 'scalar') return undefined
  return schema.options.find(
    (option) => option instanceof z.ZodObject && wordsOf(option.shape[key]).includes(String(chosen.value)),
  )
}

/** The kinds of section that a union allows, by the key that tells them apart. */
export function kindsOf(schema: z.core.$ZodType | undefined, key: string): string[] {
  const union = schema === undefined ? undefined : core(schema)
  const options = union instanceof z.ZodDiscriminatedUnion ? union.options : []
  return options.flatMap((option) => (option instanceof z.ZodObject ? wordsOf(option.shape[key]) : []))
}

/** The words that are allowed as a value, where only certain ones are. */
export function wordsOf(schema: z.core.$ZodType | undefined): string[] {
  if (schema === undefined) return []
  const inner = core(schema)
  if (inner instanceof z.ZodEnum) return inner.options.map(String)
  if (inner instanceof z.ZodLiteral) return [...inner.values].map(String)
  return inner instanceof z.ZodUnion ? inner.options.flatMap((option) => wordsOf(option)) : []
}

/** Whether any text may stand there, so that a number from the environment has to stay text. */
export function takesText(schema: z.core.$ZodType | undefined): boolean {
  if (schema === undefined) return true
  const inner = core(schema)
  return inner instanceof z.ZodUnion ? inner.options.some((option) => takesText(option)) : inner instanceof z.ZodString
}

/** What a key with nothing after it stands for: an empty section or list, where one is expected; else nothing. */
export function emptyOf(schema: z.core.$ZodType | undefined): unknown {
  const inner = schema === undefined ? undefined : core(schema)
  if (inner instanceof z.ZodArray) return []
  return inner instanceof z.ZodObject || inner instanceof z.ZodDiscriminatedUnion ? {} : null
}
