/** Two values of a configuration, key by key. Pure. */

/** One key whose value is not the same. */
export interface Change {
  /** From the entry or section on: `metrics.temperature.digits`. */
  readonly key: string
  /** As the program has them; undefined: not there. */
  readonly from: unknown
  readonly to: unknown
}

/** The keys that differ, however deep, in their order. What is undefined counts as absent, and so does an empty section. */
export function changesBetween(from: unknown, to: unknown): Change[] {
  const before = leaves(from)
  const after = leaves(to)
  const keys = new Set([...before.keys(), ...after.keys()])
  return [...keys].flatMap((key) => {
    const change = { key, from: before.get(key), to: after.get(key) }
    return Object.is(change.from, change.to) ? [] : [change]
  })
}

/** Whether two entries or sections say the same. */
export function same(one: unknown, other: unknown): boolean {
  return changesBetween(one, other).length === 0
}

function leaves(
  value: unknown,
  path: readonly string[] = [],
  found = new Map<string, unknown>(),
): Map<string, unknown> {
  if (typeof value === 'object' && value !== null) {
    for (const [key, below] of Object.entries(value)) leaves(below, [...path, key], found)
  } else if (value !== undefined) found.set(path.join('.'), value)
  return found
}
