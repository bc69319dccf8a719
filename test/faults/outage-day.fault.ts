import { afterEach, expect, it } from 'vitest'
import { FakeClock } from '../fakes/fake-clock.ts'
import { describeWith } from '../fakes/tools.ts'
import { startHere } from './in-process.ts'
import { type Rig, setUp } from './rig.ts'

const EVERY_MS = 10_000
const DAY_MS = 86_400_000
const SENSORS = ['a', 'b', 'c', 'd']
const CONFIG = `sensors:
${SENSORS.map((id) => `  - { id: ${id}, type: simulated, interval: 10s, metrics: { count: { shape: counter } } }`).join('\n')}
`

let rig: Rig
afterEach(async () => {
  await rig.close()
})

/** The clock is turned, the disk is real: now and then it gets its time. */
const forTheDisk = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

describeWith(['mosquitto'], 'a day without the broker', () => {
  it('comes through afterwards, every reading of every sensor, in order', async ({ annotate }) => {
    rig = await setUp({ config: CONFIG })
    await rig.broker.kill()
    const clock = new FakeClock(Date.now() - DAY_MS)
    const agent = await startHere(rig, clock)
    const fewest = (): number => (agent.read.size < SENSORS.length ? 0 : Math.min(...agent.read.values()))
    while (fewest() < DAY_MS / EVERY_MS) {
      await clock.advance(EVERY_MS)
      if (clock.monotonic() % 3_600_000 < EVERY_MS) await forTheDisk()
    }
    agent.stop()
    let over = false
    const ended = agent.ended.finally(() => {
      over = true
    })
    while (!over) {
      await forTheDisk()
      await clock.advance(10)
    }
    await ended
    const atLeast = fewest()
    await rig.broker.start()
    const from = performance.now()
    const next = rig.start()
    await rig.settled()
    const seconds = (performance.now() - from) / 1000
    await next.end('SIGTERM')
    await rig.settled()
    const { lost, reordered, duplicates } = rig.account()
    await annotate(
      `outage of a day: ${atLeast} records of each of ${SENSORS.length} sensors stored, delivered in ${seconds.toFixed(0)} s with the agent's start, lost ${lost}, reordered ${reordered}, duplicates ${duplicates}`,
      'figure',
    )
    expect({ lost, reordered }).toEqual({ lost: 0, reordered: 0 })
    expect(atLeast).toBeGreaterThanOrEqual(DAY_MS / EVERY_MS)
  })
})
