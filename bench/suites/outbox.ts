/** Records that wait on disk: how many a second go there while there is no broker, and how many come out of it again. */
import { freePort } from '../broker.ts'
import type { Job } from '../contestants.ts'
import { Ear } from '../ear.ts'
import { cpuMs } from '../proc.ts'
import type { Suite } from '../suite.ts'
import { isRecord, pass, START_DEADLINE_MS, until } from '../waiting.ts'

const OWN = 'outbox'
/** More than any can make: sensors skip the reads that they are late for. */
const SENSORS = 100
const INTERVAL_MS = 10
const STORING_MS = 10_000
/** One that slow as this is given up, records/s. */
const SLOWEST_DRAIN = 100
/** Nothing more has come for so long: it is empty. */
const QUIET_MS = 2000
const MS_PER_S = 1000

export const outbox: Suite = {
  name: 'outbox',
  about: `${(SENSORS * MS_PER_S) / INTERVAL_MS} readings/s offered for ${STORING_MS / MS_PER_S} s without a broker; then stopped, started again and drained`,
  rounds: 3,
  figures: [
    { key: 'stored_per_s', label: 'records stored', unit: '1/s', digits: 0 },
    { key: 'stored_cpu_us', label: 'CPU per record stored, start and end included', unit: 'µs', digits: 0 },
    { key: 'drained_per_s', label: 'records drained', unit: '1/s', digits: 0 },
  ],
  // A bare script keeps nothing.
  fits: ({ name }) => name === 'agent' || name === 'before',

  async measure(contestant, bench) {
    const job: Job = {
      ...{ port: await freePort(), sensors: SENSORS, intervalMs: INTERVAL_MS, what: 'json', batch: 1 },
      quantities: ['temperature', 'humidity', 'pressure'],
    }
    const storing = await bench.begin(contestant, job, OWN)
    await pass(bench, storing, STORING_MS)
    const cpu = cpuMs(storing.pid)
    await storing.end() // what is in memory only goes to disk now

    // The same topics, but nothing new in the time that this takes.
    const draining = { ...job, port: bench.broker.port, sensors: 1, intervalMs: 3_600_000 }
    const ear = await Ear.open(bench.broker.port, ['sensors/+/+/data'])
    let records = 0
    let [firstAt, lastAt] = [0, 0]
    let [oldest, newest] = ['9', '0']
    const hear = (payload: Buffer): void => {
      const time = payload.toString('latin1', TIMESTAMP_AT, TIMESTAMP_AT + TIMESTAMP_LENGTH)
      lastAt = performance.now()
      firstAt ||= lastAt
      records += 1
      if (time < oldest) oldest = time
      if (time > newest && time < ended) newest = time
    }
    const ended = new Date().toISOString()
    const child = await bench.begin(contestant, draining, OWN)
    try {
      const first = until(ear, child, 'a record', isRecord, START_DEADLINE_MS)
      await first
      ear.onMessage = (message) => {
        if (isRecord(message)) hear(message.payload)
      }
      const deadline = performance.now() + (SENSORS * STORING_MS * MS_PER_S) / INTERVAL_MS / SLOWEST_DRAIN
      do {
        if (performance.now() > deadline) throw new Error(`only ${records} records came out in time`)
        await pass(bench, child, QUIET_MS / 4)
      } while (performance.now() - (lastAt || performance.now()) < QUIET_MS)
      const seconds = (Date.parse(newest) - Date.parse(oldest)) / MS_PER_S
      return {
        stored_per_s: records / seconds,
        stored_cpu_us: (cpu / records) * 1000,
        drained_per_s: records / ((lastAt - firstAt) / MS_PER_S),
      }
    } finally {
      ear.close()
      await child.end()
    }
  },
}

/** `{"timestamp":"` stands before it in every record. */
const TIMESTAMP_AT = '{"timestamp":"'.length
const TIMESTAMP_LENGTH = '2026-01-01T00:00:00.000Z'.length
