/** From the start of the process to `online` and to the first reading, and what processor time that takes. */
import { type Job, NODE, STATUS } from '../contestants.ts'
import { Ear, type Heard } from '../ear.ts'
import { cpuMs } from '../proc.ts'
import type { Bench, Suite } from '../suite.ts'
import { begun, isOnline, isRecord, KEEP_MS, pass, START_DEADLINE_MS, until } from '../waiting.ts'

/** For what goes on after the first reading to be over before the end. */
const SETTLE_MS = 300
const LATE_MS = 10_000
const OWN = 'start'

const job = ({ broker }: Bench): Job => ({
  port: broker.port,
  sensors: 10,
  intervalMs: 10_000,
  quantities: ['temperature', 'humidity', 'pressure'],
  what: 'both',
  batch: 10,
})

export const start: Suite = {
  name: 'start',
  about: 'spawn to online and to the first reading; 10 sensors, 28 pins; files and code cache are warm',
  rounds: 7,
  figures: [
    { key: 'cpu_online_ms', label: 'CPU until online', unit: 'ms' },
    { key: 'online_ms', label: 'time to online', unit: 'ms' },
    { key: 'reading_ms', label: 'time to first reading', unit: 'ms' },
  ],

  /** One start that does not count fills the cache of the agent, and shows that `online` stays with the broker. */
  async prepare(contestant, bench) {
    const child = await begun(bench, contestant, job(bench), OWN)
    const late = await Ear.open(bench.broker.port, [])
    const isKept = ({ retained, payload }: Heard): boolean => retained && payload.toString() === 'online'
    try {
      const kept = until(late, child, 'online for those who come late', isKept, LATE_MS)
      await Promise.all([kept, late.hear(STATUS)])
      await pass(bench, child, KEEP_MS)
    } finally {
      late.close()
      await child.end()
    }
  },

  async measure(contestant, bench) {
    const ear = await Ear.open(bench.broker.port, [STATUS, `sensors/${NODE}/#`])
    const begunAt = performance.now()
    const child = await bench.begin(contestant, job(bench), OWN)
    try {
      let cpu = 0
      let readingAt: number | undefined
      const look = (message: Heard): boolean => {
        if (isRecord(message)) readingAt ??= performance.now()
        if (!isOnline(message)) return false
        cpu = cpuMs(child.pid)
        return true
      }
      const onlineAt = await until(ear, child, 'online', look, START_DEADLINE_MS)
      readingAt ??= await until(ear, child, 'a reading', isRecord, START_DEADLINE_MS)
      await pass(bench, child, SETTLE_MS)
      return { cpu_online_ms: cpu, online_ms: onlineAt - begunAt, reading_ms: readingAt - begunAt }
    } finally {
      ear.close()
      await child.end()
    }
  },
}
