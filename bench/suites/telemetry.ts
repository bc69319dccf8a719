/** Readings at a rate that a node hardly has, so that the cost of one shows: processor time each, and memory meanwhile. */
import { type Figures, median } from '../arithmetic.ts'
import type { Contestant, Job } from '../contestants.ts'
import { Ear } from '../ear.ts'
import { cpuMs, memoryOf, writesOf } from '../proc.ts'
import type { Bench, Suite } from '../suite.ts'
import { begun, isRecord, pass } from '../waiting.ts'

const SENSORS = 100
const INTERVAL_MS = 100
const RATE = (SENSORS * 1000) / INTERVAL_MS
/** How far from that rate a round may be and still be one at that rate: timers of the bare script are late each time. */
const TOLERANCE = 0.15
/** A node runs for years, and a heap goes on growing for half a minute: that of the script from 116 to 152 MB on Node.js 24. */
const WARM_UP_MS = 10_000
const SAMPLES = 6
const SAMPLE_EVERY_MS = 1000
const US_PER_MS = 1000
const KIB_PER_MB = 1e6 / 1024
const WHATS = ['json', 'both'] as const

type What = (typeof WHATS)[number]

/** So many readings of the agent shared a write when it was last seen; by kind of job. The floors are told to do the same. */
const batches = new Map<What, number>()

function jobOf(what: What, { broker }: Bench): Job {
  const batch = batches.get(what) ?? 1
  return {
    ...{ port: broker.port, sensors: SENSORS, intervalMs: INTERVAL_MS, what, batch },
    quantities: what === 'json' ? ['temperature', 'humidity', 'pressure'] : ['temperature'],
  }
}

export const telemetry: Suite = {
  name: 'telemetry',
  about: `${RATE} readings/s at QoS 1; the floors share writes as the agent was seen to`,
  rounds: 3,
  figures: [
    { key: 'json_cpu_us', label: 'JSON, CPU per reading', unit: 'µs' },
    { key: 'json_rss_mb', label: 'JSON, RSS', unit: 'MB' },
    { key: 'json_anonymous_mb', label: 'JSON, anonymous', unit: 'MB' },
    { key: 'json_per_s', label: 'JSON, readings arrived', unit: '1/s', digits: 0 },
    { key: 'json_per_write', label: 'JSON, readings per write', unit: '1' },
    { key: 'both_cpu_us', label: 'JSON and metric, CPU per reading', unit: 'µs' },
    { key: 'both_rss_mb', label: 'JSON and metric, RSS', unit: 'MB' },
    { key: 'both_anonymous_mb', label: 'JSON and metric, anonymous', unit: 'MB' },
    { key: 'both_per_s', label: 'JSON and metric, readings arrived', unit: '1/s', digits: 0 },
    { key: 'both_per_write', label: 'JSON and metric, readings per write', unit: '1' },
  ],

  async prepare(contestant, bench) {
    if (contestant.name !== 'agent') return
    for (const what of WHATS) await measured(what, contestant, bench, 2)
  },

  async measure(contestant, bench) {
    const figures: Record<string, number> = {}
    for (const what of WHATS) Object.assign(figures, await measured(what, contestant, bench, SAMPLES))
    return figures
  },
}

async function measured(what: What, contestant: Contestant, bench: Bench, samples: number): Promise<Figures> {
  const child = await begun(bench, contestant, jobOf(what, bench), `telemetry-${what}`)
  const ear = await Ear.open(bench.broker.port, ['sensors/#'])
  let records = 0
  ear.onMessage = (message) => {
    if (isRecord(message)) records += 1
  }
  try {
    await pass(bench, child, WARM_UP_MS)
    const before = { cpu: cpuMs(child.pid), writes: writesOf(child.pid), records, at: performance.now() }
    const rss: number[] = []
    const anonymous: number[] = []
    for (let sample = 0; sample < samples; sample += 1) {
      await pass(bench, child, SAMPLE_EVERY_MS)
      const memory = memoryOf(child.pid)
      rss.push(memory.rss / KIB_PER_MB)
      anonymous.push(memory.anonymous / KIB_PER_MB)
    }
    const count = records - before.records
    const perSecond = count / ((performance.now() - before.at) / 1000)
    const arrived = { [`${what}_per_s`]: perSecond }
    // Who falls behind, or makes up for it, does another job: what that costs must not be taken for the cost of this one.
    if (Math.abs(perSecond / RATE - 1) > TOLERANCE) return arrived
    const perWrite = count / (writesOf(child.pid) - before.writes)
    if (contestant.name === 'agent') batches.set(what, Math.min(SENSORS, Math.max(1, Math.round(perWrite))))
    return {
      ...arrived,
      [`${what}_cpu_us`]: ((cpuMs(child.pid) - before.cpu) / count) * US_PER_MS,
      [`${what}_rss_mb`]: median(rss),
      [`${what}_anonymous_mb`]: median(anonymous),
      [`${what}_per_write`]: perWrite,
    }
  } finally {
    ear.close()
    await child.end()
  }
}
