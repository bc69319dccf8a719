/**
 * What of a fleet a person wants to see: `attic` is a node or a sensor, `fridge/*` the sensors of a node, and
 * `fridge/shelf/temperature` one metric. Pure. Made by `sensor-node watch` from its arguments.
 */

/** What of a row is looked at. */
interface About {
  readonly node: string
  readonly sensor?: string
  /** Absent where it is about the node or sensor as a whole. */
  readonly metric?: string
}

export interface Selection {
  /** Whether anything of this sensor, or of the node's own where there is none, may be wanted. */
  mayHave(node: string, sensor: string | undefined): boolean
  has(about: About): boolean
}

/** Of a node, a sensor, a metric. */
const MOST_LEVELS = 3

/** @returns undefined where a pattern is none */
export function parseSelection(patterns: readonly string[]): Selection | undefined {
  const all = patterns.map(levelsOf)
  const parsed = all.filter((one) => one !== undefined)
  if (parsed.length < all.length) return undefined
  const fits = (levels: readonly RegExp[], path: readonly string[]): boolean =>
    path.every((level, index) => levels[index]?.test(level) ?? true)
  /** One word is also the id of a sensor, whosever it is. */
  const isSensor = (levels: readonly RegExp[], sensor: string | undefined): boolean =>
    levels.length === 1 && sensor !== undefined && levels[0]?.test(sensor) === true

  return {
    mayHave: (node, sensor) =>
      parsed.some((levels) => isSensor(levels, sensor) || fits(levels, sensor === undefined ? [node] : [node, sensor])),

    has({ node, sensor, metric }) {
      const path = [node, ...(sensor === undefined ? [] : [sensor]), ...(metric === undefined ? [] : [metric])]
      return parsed.some(
        (levels) =>
          isSensor(levels, sensor) || (fits(levels, path) && (metric === undefined || path.length >= levels.length)),
      )
    },
  }
}

/** Also as MQTT writes them: `fridge/#`, `+/shelf`. */
function levelsOf(pattern: string): RegExp[] | undefined {
  const levels = pattern.split('/')
  if (levels.length > 1 && levels.at(-1) === '#') levels.pop()
  if (levels.length > MOST_LEVELS || levels.includes('')) return undefined
  return levels.map((level) => new RegExp(`^${level === '+' || level === '#' ? '.*' : globOf(level)}$`, 's'))
}

function globOf(level: string): string {
  return level
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
}
