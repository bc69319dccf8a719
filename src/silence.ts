/** How long a metric may keep silent though all is well: what its expiry is made of, at the broker and in Home Assistant. Pure. */
import type { MetricConfig, SensorConfig } from './config/schema.ts'

/** The longest time that is normal between two publishings of a metric, ms; undefined: there is no limit. */
export function silence({ metrics, interval }: SensorConfig, quantity: string): number | undefined {
  const metric = (metrics as Readonly<Partial<Record<string, MetricConfig>>>)[quantity] // a union of types narrows no further
  if (metric?.change !== undefined && metric.heartbeat === undefined) return undefined
  return Math.max(interval, metric?.heartbeat ?? 0)
}
