/** Two values of a configuration, key by key. Pure. */

/** One key whose value is not the same. */
export interface Change {
  /** From the entry or section on, for people: `metrics.temperature.digits`, `then[0].alert`. */
  readonly key: string
  /** The same, step by step; a number is the place in a list. */
  readonly path: readonly (string | number)[]
  /** As the program has them; undefined: not there. */
  readonly from: unknown
  readonly to: unknown
}

/** The keys that differ, however deep, in their order. What is undefined counts as absent, and so does an empty section. */
export function changesBetween(from: unknown, to: unknown): Change[] {
  const before = leaves(from)
  const after = leaves(to)
  const paths = new Map([...before, ...after].map(([key, { path }]) => [key, path]))
  return [...paths].flatMap(([key, path]) => {
    const change = { key, path, from: before.get(key)?.value, to: after.get(key)?.value }
    return Object.is(change.from, change.to) ? [] : [change]
  })
}

/** Whether two entries or sections say the same. */
export function same(one: unknown, other: unknown): boolean {
  return changesBetween(one, other).length === 0
}

/** A path as the messages of `check` have it. */
export function keyOf(path: Change['path']): string {
  return path.reduce<string>(
    (key, step) => (typeof step === 'number' ? `${key}[${step}]` : `${key}${key === '' ? '' : '.'}${step}`),
    '',
  )
}

interface Leaf {
  readonly path: Change['path']
  readonly value: unknown
}

function leaves(value: unknown, path: Change['path'] = [], found = new Map<string, Leaf>()): Map<string, Leaf> {
  if (Array.isArray(value)) {
    for (const [index, below] of value.entries()) leaves(below, [...path, index], found)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, below] of Object.entries(value)) leaves(below, [...path, key], found)
  } else if (value !== undefined) found.set(keyOf(path), { path, value })
  return found
}
