/** A node as most are: ten sensors, six readings a minute each. All at once, each with pages of its own. */
import type { Contestant, Job } from '../contestants.ts'
import { cpuMs, memoryOf } from '../proc.ts'
import type { Bench, Suite } from '../suite.ts'
import { begun, KEEP_MS, pass } from '../waiting.ts'

const MEMORY_AFTER_MS = 30_000
/** A minute of processor time, from here on: the start is over. */
const CPU_AFTER_MS = 10_000
const CPU_FOR_MS = 60_000
const KIB_PER_MB = 1e6 / 1024

const job = ({ broker }: Bench, name: string): Job => ({
  ...{ port: broker.port, as: `idle-${name}`, alone: true, sensors: 10, intervalMs: 10_000, what: 'both', batch: 10 },
  quantities: ['temperature', 'humidity', 'pressure'],
  pins: false,
})

/** A word that is a topic's level and an id. */
const nameOf = ({ name }: Contestant): string => name.replace(/\W/g, '').toLowerCase()

export const idle: Suite = {
  name: 'idle',
  about: '10 sensors at 10 s, no pins; memory after 30 s, processor time of a minute',
  rounds: 2,
  together: true,
  figures: [
    { key: 'pss_mb', label: 'PSS', unit: 'MB' },
    { key: 'rss_mb', label: 'RSS', unit: 'MB' },
    { key: 'anonymous_mb', label: 'anonymous', unit: 'MB' },
    { key: 'cpu_ms_per_minute', label: 'CPU per minute', unit: 'ms' },
  ],

  /** As on a Pi, which has the same file and the same program for weeks. */
  async prepare(contestant, bench) {
    const child = await begun(bench, contestant, job(bench, nameOf(contestant)), 'idle')
    try {
      await pass(bench, child, KEEP_MS)
    } finally {
      await child.end()
    }
  },

  async measure(contestant, bench) {
    const child = await begun(bench, contestant, job(bench, nameOf(contestant)), 'idle')
    try {
      await pass(bench, child, CPU_AFTER_MS)
      const [before, at] = [cpuMs(child.pid), performance.now()]
      await pass(bench, child, MEMORY_AFTER_MS - CPU_AFTER_MS)
      const { pss, rss, anonymous } = memoryOf(child.pid)
      await pass(bench, child, CPU_FOR_MS - (performance.now() - at))
      const cpu = cpuMs(child.pid) - before
      return {
        ...{ pss_mb: pss / KIB_PER_MB, rss_mb: rss / KIB_PER_MB, anonymous_mb: anonymous / KIB_PER_MB },
        cpu_ms_per_minute: cpu * (60_000 / (performance.now() - at)),
      }
    } finally {
      await child.end()
    }
  },
}
