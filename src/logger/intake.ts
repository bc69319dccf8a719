/**
 * From messages to what is written down, each reading once: a sensor that has records is written by its records, one
 * that has none by its metrics, and a record that was written before is left out. Pure but for what it remembers;
 * called by `logger.ts` for each message.
 */
import type { Incoming } from '../telemetry.ts'
import type { Meaning } from '../tools/topics.ts'
import type { Row } from './row.ts'
import { Seen, type SeenContents } from './seen.ts'
import { type Place, type Source, topicOf, understand } from './understand.ts'

export interface Taken {
  readonly rows: readonly Row[]
  /** To be remembered with the rows. */
  readonly place?: Place & { readonly source: Source }
  readonly duplicate?: true
  /** Why there is nothing to be written, where there should be. */
  readonly problem?: string
}

export interface IntakeContents {
  readonly seen: SeenContents
  /** Sources that have records. */
  readonly recorded: readonly Source[]
}

/**
 * A metric of a sensor of which nothing is known yet may come just before the record of the same read. So long its
 * value is remembered, ms: a record with it is the same reading.
 */
const SAME_READ_MS = 10_000
/** Sources that are told apart; as in `seen.ts`. */
const SOURCES = 20_000

const NOTHING: Taken = { rows: [] }

/** @param meaningOf what a topic stands for; undefined: nothing that is logged */
export function createIntake(
  meaningOf: (topic: string) => Meaning | undefined,
  contents: IntakeContents = { seen: [], recorded: [] },
) {
  const seen = new Seen(contents.seen)
  const recorded = new Set(contents.recorded)
  /** Metrics that were written down of sources without records so far. */
  const written = new Map<Source, { readonly metric: string; readonly value: Row['value']; readonly at: number }[]>()

  function recordOf(source: Source, rows: readonly Row[], place: Place | undefined, at: number): Taken {
    remember(source)
    if (place !== undefined && seen.has(source, place)) return { rows: [], duplicate: true }
    if (place !== undefined) seen.add(source, place)
    const before = written.get(topicOf(source))
    const left = rows.filter(({ metric, value }) => {
      const index = before?.findIndex((one) => one.metric === metric && one.value === value) ?? -1
      const [same] = index < 0 ? [] : (before?.splice(index, 1) ?? [])
      return same === undefined || at - same.at > SAME_READ_MS
    })
    if (before?.every((one) => at - one.at > SAME_READ_MS)) written.delete(topicOf(source))
    return { rows: left, ...(place === undefined ? {} : { place: { source, ...place } }) }
  }

  function remember(source: Source): void {
    const topic = topicOf(source)
    recorded.delete(topic)
    recorded.add(topic)
    forgetOldest(recorded.keys(), recorded)
  }

  return {
    /** @param at when it came, ms since 1970 */
    take({ topic, payload, retained }: Incoming, at: number): Taken {
      const meaning = meaningOf(topic)
      // What the broker kept was a reading some time ago, nobody knows when. A birth holds for as long as it is kept.
      if (retained && meaning?.kind !== 'info') return NOTHING
      const message = understand(topic, meaning, payload, at)
      switch (message.kind) {
        case 'record':
          return recordOf(message.source, message.rows, message.place, at)
        case 'metric': {
          const { source, row } = message
          if (recorded.has(source)) return NOTHING
          const recent = (written.get(source) ?? []).filter((one) => at - one.at <= SAME_READ_MS)
          written.delete(source)
          written.set(source, [...recent, { metric: row.metric, value: row.value, at }])
          forgetOldest(written.keys(), written)
          return { rows: [row] }
        }
        case 'birth':
          for (const source of message.sources) remember(source)
          return NOTHING
        case 'nothing':
          return message.problem === undefined ? NOTHING : { rows: [], problem: message.problem }
      }
    },

    /** Known from the journal. */
    restore(source: Source, place: Place): void {
      remember(source)
      seen.add(source, place)
    },

    contents: (): IntakeContents => ({ seen: seen.contents(), recorded: [...recorded] }),
  }
}

export type Intake = ReturnType<typeof createIntake>

function forgetOldest(keys: Iterator<Source>, from: { readonly size: number; delete(source: Source): boolean }): void {
  const oldest = keys.next()
  if (from.size > SOURCES && oldest.done !== true) from.delete(oldest.value)
}
