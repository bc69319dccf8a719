/** Which sensors a person means, by `sensor-node read` or in a request. */
import { didYouMean, enumeration, nearest } from './config/suggest.ts'

interface Named {
  readonly config: { readonly id?: string | undefined; readonly type: string }
}

/** All sensors, or the one of that id; the node's own, which has none, is meant by its type or by the node's id. */
export function chooseSensors<S extends Named>(
  sensors: readonly S[],
  nodeId: string,
  wanted: string | undefined,
): { readonly sensors: readonly S[] } | { readonly problem: string } {
  if (sensors.length === 0) return { problem: 'the configuration has no sensors: add one below sensors:' }
  if (wanted === undefined) return { sensors }
  const configs = sensors.map(({ config }) => config)
  const isOwn = ({ config: { id, type } }: S): boolean => id === undefined && (wanted === type || wanted === nodeId)
  const sensor = sensors.find(({ config }) => config.id === wanted) ?? sensors.find(isOwn)
  if (sensor !== undefined) return { sensors: [sensor] }
  const ids = configs.map(({ id, type }) => id ?? type)
  const names = configs.map(({ id, type }) => id ?? `${type} (the node’s own)`)
  const suggestion = didYouMean(nearest(wanted.slice(0, LONGEST_SHOWN), ids))
  const there = `the configuration has ${enumeration(names)}`
  const shown = wanted.slice(0, LONGEST_SHOWN)
  return { problem: `no sensor ${shown}: ${there}${suggestion === undefined ? '' : `; ${suggestion}`}` }
}

/** Characters; ids have no more. */
const LONGEST_SHOWN = 64
