/** How many readings a second are too many: the most of which nine in ten still arrive. */
import type { Contestant, Job } from '../contestants.ts'
import { Ear } from '../ear.ts'
import type { Bench, Suite } from '../suite.ts'
import { begun, isRecord, pass } from '../waiting.ts'

/** Long enough that a timer which is a millisecond late each time loses little by it. */
const INTERVAL_MS = 50
const FIRST_RATE = 2000
/** No contestant comes here; a bench must end. */
const LAST_RATE = 256_000
const ENOUGH = 0.9
/** Halvings between a rate that was carried and twice that: the last step is 2^(1/8), 9 %. */
const HALVINGS = 3
const WARM_UP_MS = 2000
const MEASURED_MS = 3000

export const ceiling: Suite = {
  name: 'ceiling',
  about: 'most JSON readings/s of which nine in ten arrive; one timer per sensor',
  rounds: 2,
  figures: [{ key: 'readings_per_s', label: 'most readings', unit: '1/s', digits: 0 }],

  async measure(contestant, bench) {
    let best = 0
    let rate = FIRST_RATE
    for (; rate <= LAST_RATE; rate *= 2) {
      const arrived = await arrivedAt(rate, contestant, bench)
      if (arrived < ENOUGH * rate) break
      best = arrived
    }
    let [good, bad] = [rate / 2, rate]
    for (let halving = 0; best > 0 && halving < HALVINGS; halving += 1) {
      const middle = Math.sqrt(good * bad)
      const arrived = await arrivedAt(middle, contestant, bench)
      if (arrived < ENOUGH * middle) bad = middle
      else {
        good = middle
        best = arrived
      }
    }
    return { readings_per_s: best }
  },
}

/** Readings/s that arrive when so many are to be made. */
async function arrivedAt(rate: number, contestant: Contestant, bench: Bench): Promise<number> {
  const sensors = Math.round((rate * INTERVAL_MS) / 1000)
  const job: Job = {
    ...{ port: bench.broker.port, sensors, intervalMs: INTERVAL_MS, what: 'json', batch: 1 },
    quantities: ['temperature'],
  }
  const child = await begun(bench, contestant, job, 'ceiling')
  const ear = await Ear.open(bench.broker.port, ['sensors/+/+/data'])
  let records = 0
  ear.onMessage = (message) => {
    if (isRecord(message)) records += 1
  }
  try {
    await pass(bench, child, WARM_UP_MS)
    const [before, at] = [records, performance.now()]
    await pass(bench, child, MEASURED_MS)
    return (records - before) / ((performance.now() - at) / 1000)
  } finally {
    ear.close()
    await child.end()
  }
}
