import { afterEach, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import { describeWith } from '../fakes/tools.ts'
import { startHere } from './in-process.ts'
import { LOAD, pause, type Rig, setUp } from './rig.ts'

const TEN_YEARS_MS = 10 * 365.25 * 86_400_000
const STEPS = 12
const BETWEEN_MS = 1000

let rig: Rig
afterEach(async () => {
  await rig.close()
})

describeWith(['mosquitto'], 'a clock that is stepped by ten years', () => {
  it('forwards and back, with the broker there and away, costs no record and no order', async ({ annotate }) => {
    rig = await setUp({ config: LOAD })
    let offset = 0
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + offset }
    const first = rig.link.connected()
    const agent = await startHere(rig, clock)
    await first
    for (let step = 0; step < STEPS; step += 1) {
      if (step === 4) await rig.broker.kill()
      if (step === 8) await rig.broker.start()
      offset = [TEN_YEARS_MS, 0, -TEN_YEARS_MS, 0][step % 4] ?? 0
      await pause(BETWEEN_MS)
    }
    await rig.settled()
    agent.stop()
    await agent.ended
    await rig.settled()
    const { read, lost, reordered, duplicates } = rig.account()
    await annotate(
      `clock stepped by 10 years ${STEPS} times, up and down: ${read} records, lost ${lost}, reordered ${reordered}, duplicates ${duplicates}`,
      'figure',
    )
    expect({ lost, reordered }).toEqual({ lost: 0, reordered: 0 })
    // Ten a second of each of the four, all the while: a step neither stops a sensor nor makes it hurry.
    expect(read).toBeGreaterThan((STEPS * BETWEEN_MS * 4) / 100 / 2)
    expect(read).toBeLessThan(((STEPS * BETWEEN_MS + 60_000) * 4) / 100)
  })
})
