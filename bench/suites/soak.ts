/** Whether memory and descriptors grow with the readings. On request only: it takes minutes. */
import { median } from '../arithmetic.ts'
import type { Job } from '../contestants.ts'
import { Ear } from '../ear.ts'
import { descriptorsOf, memoryOf } from '../proc.ts'
import type { Suite } from '../suite.ts'
import { begun, isRecord, pass } from '../waiting.ts'

const SENSORS = 100
const INTERVAL_MS = 100
const SAMPLE_EVERY_MS = 1000
const KIB_PER_MB = 1e6 / 1024
/** Of the readings: before that, caches fill and code is compiled. */
const WARM_UP = 0.3
/** The first and the last part of what is left are compared, each so much of it. */
const PART = 0.25
/** Fewer samples of a part, one a second, say nothing of what a collection does. */
const FEWEST = 5
/** One that makes fewer readings than this of those it should, in all, is given up. */
const SLOWEST = 0.2

export const soak: Suite = {
  name: 'soak',
  about: 'memory against readings, 1000/s; growth after a warm-up, noise: how far a collection moves the memory',
  rounds: 1,
  onRequest: true,
  figures: [
    { key: 'readings', label: 'readings', unit: '1', digits: 0 },
    { key: 'first_mb', label: 'anonymous after the warm-up', unit: 'MB' },
    { key: 'last_mb', label: 'anonymous at the end', unit: 'MB' },
    { key: 'growth_mb', label: 'growth', unit: 'MB', digits: 2 },
    { key: 'noise_mb', label: 'noise', unit: 'MB', digits: 2 },
    { key: 'growth_over_noise', label: 'growth over noise', unit: '1', digits: 2 },
    { key: 'rss_mb', label: 'RSS at the end', unit: 'MB' },
    { key: 'descriptors_more', label: 'descriptors, more than after the warm-up', unit: '1', digits: 0 },
  ],

  async measure(contestant, bench) {
    const job: Job = {
      ...{ port: bench.broker.port, sensors: SENSORS, intervalMs: INTERVAL_MS, what: 'both', batch: 1 },
      quantities: ['temperature'],
    }
    const wanted = bench.options.readings
    const deadline = performance.now() + (wanted * INTERVAL_MS) / SENSORS / SLOWEST
    const child = await begun(bench, contestant, job, 'soak')
    const ear = await Ear.open(bench.broker.port, ['sensors/+/+/data'])
    let readings = 0
    ear.onMessage = (message) => {
      if (isRecord(message)) readings += 1
    }
    try {
      const samples: { readonly anonymous: number; readonly descriptors: number }[] = []
      while (readings < wanted) {
        if (performance.now() > deadline) throw new Error(`only ${readings} readings of ${wanted} arrived in time`)
        await pass(bench, child, SAMPLE_EVERY_MS)
        if (readings < WARM_UP * wanted) continue
        samples.push({
          anonymous: memoryOf(child.pid).anonymous / KIB_PER_MB,
          descriptors: descriptorsOf(child.pid),
        })
      }
      const part = Math.max(1, Math.floor(samples.length * PART))
      const [first, last] = [samples.slice(0, part), samples.slice(-part)]
      const [before, after] = [first, last].map((some) => some.map((one) => one.anonymous)) as [number[], number[]] // of two
      const noise = Math.max(...[before, after].map((some) => Math.max(...some) - Math.min(...some)))
      const growth = median(after) - median(before)
      return {
        ...{ readings, first_mb: median(before), last_mb: median(after), growth_mb: growth, noise_mb: noise },
        growth_over_noise: part < FEWEST ? Number.NaN : growth <= 0 ? 0 : growth / noise,
        rss_mb: memoryOf(child.pid).rss / KIB_PER_MB,
        descriptors_more: (last.at(-1)?.descriptors ?? 0) - (first[0]?.descriptors ?? 0),
      }
    } finally {
      ear.close()
      await child.end()
    }
  },
}
