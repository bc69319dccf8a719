/**
 * Which records have been written down, by source, run and sequence number, in bounded memory: per run the ranges of
 * numbers that were seen, which for a stream without gaps is one range. What is forgotten at a bound can be written
 * twice, never lost. Pure; used by `intake.ts` and kept by `journal.ts`.
 */
import type { Place, Source } from './understand.ts'

/** From, to; both were seen, and all in between. */
type Range = readonly [number, number]

/** `source -> run -> ranges`, for the journal. */
export type SeenContents = readonly (readonly [Source, readonly (readonly [string, readonly Range[]])[]])[]

/** A node that restarts delivers what waited in its outbox of the run before, now and then of the one before that. */
const RUNS = 4
/** Where several loggers share a fleet, each sees every other number: so many gaps are remembered. */
const RANGES = 256
/** Sensors that are told apart; those not heard of for longest are forgotten first. */
const SOURCES = 20_000

export class Seen {
  readonly #sources = new Map<Source, Map<string, Range[]>>()

  constructor(contents: SeenContents = []) {
    for (const [source, runs] of contents)
      this.#sources.set(source, new Map(runs.map(([run, ranges]) => [run, [...ranges]])))
  }

  has(source: Source, { run, seq }: Place): boolean {
    const ranges = this.#sources.get(source)?.get(run) ?? []
    return ranges.some(([from, to]) => seq >= from && seq <= to)
  }

  add(source: Source, { run, seq }: Place): void {
    const runs = touched(this.#sources, source, SOURCES, () => new Map<string, Range[]>())
    const ranges = touched(runs, run, RUNS, (): Range[] => [])
    const index = ranges.findLastIndex(([from]) => from <= seq)
    const before = ranges[index]
    const after = ranges[index + 1]
    if (before !== undefined && seq <= before[1]) return
    const from = before?.[1] === seq - 1 ? before[0] : seq
    const to = after?.[0] === seq + 1 ? after[1] : seq
    const first = from === seq ? index + 1 : index
    ranges.splice(first, (from === seq ? 0 : 1) + (to === seq ? 0 : 1), [from, to])
    if (ranges.length > RANGES) ranges.shift()
  }

  contents(): SeenContents {
    return [...this.#sources].map(([source, runs]) => [source, [...runs].map(([run, ranges]) => [run, [...ranges]])])
  }
}

/** The value of a key, which is now the youngest; beyond `most` the oldest goes. */
function touched<V>(map: Map<string, V>, key: string, most: number, create: () => V): V {
  const value = map.get(key) ?? create()
  map.delete(key)
  map.set(key, value)
  const oldest = map.keys().next()
  if (map.size > most && oldest.done !== true) map.delete(oldest.value)
  return value
}
