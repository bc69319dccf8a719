/** The alerts that are active, and which metric each is about. Fed by `readings.ts`. */
import { type Json, timeOf } from './json.ts'

export interface ActiveAlert {
  readonly node: string
  readonly name: string
  readonly sensor: string | undefined
  readonly metric: string | undefined
  /** ms since 1970 */
  readonly since: number | undefined
}

/** Beyond these, new ones are not held. */
const MOST_ALERTS = 1000
/** Of what an alert says, characters. */
const LONGEST_TEXT = 128

export function createAlerts() {
  const alerts = new Map<string, ActiveAlert>()
  /** Names by node, sensor and metric; made anew when it is asked for. */
  let places: Map<string, string[]> | undefined

  return {
    /**
     * @param json undefined: it has ended
     * @returns the alert, or the one that ended; undefined where there was none; `full` where it is one too many
     */
    hear(node: string, name: string, json: Json | undefined): ActiveAlert | 'full' | undefined {
      const key = `${node}\0${name}`
      const old = alerts.get(key)
      places = undefined
      if (json === undefined) {
        alerts.delete(key)
        return old
      }
      if (old === undefined && alerts.size >= MOST_ALERTS) return 'full'
      const alert = { node, name, sensor: textOf(json.sensor), metric: textOf(json.metric), since: timeOf(json.since) }
      alerts.set(key, alert)
      return alert
    },

    /** Names of those about one metric. */
    at(node: string, sensor: string | undefined, metric: string): readonly string[] {
      places ??= byPlace(alerts.values())
      return places.get(placeOf(node, sensor, metric)) ?? []
    },

    all: (): ActiveAlert[] => [...alerts.values()],
  }
}

function byPlace(alerts: Iterable<ActiveAlert>): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const { node, sensor, metric, name } of alerts) {
    if (metric === undefined) continue // about a pin, or a sensor as a whole
    const key = placeOf(node, sensor, metric)
    found.set(key, [...(found.get(key) ?? []), name])
  }
  return found
}

function placeOf(node: string, sensor: string | undefined, metric: string): string {
  return `${node}\0${sensor ?? ''}\0${metric}`
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, LONGEST_TEXT) : undefined
}
