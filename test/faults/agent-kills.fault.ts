import { afterEach, expect, it } from 'vitest'
import { describeWith } from '../fakes/tools.ts'
import { type Account, summing } from './ledger.ts'
import { LOAD, pause, type Rig, setUp } from './rig.ts'

/** Starting costs most of the time: several at once. */
const NODES = 5
const KILLS = 10
/** A life: from its first log line on, so long at most, ms. Half of them are longer than what may be lost. */
const LIFE_MS = 5000

const rigs: Rig[] = []
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rig) => rig.close()))
})

describeWith(['mosquitto'], 'an agent that is killed while the broker is away', () => {
  it('delivers every record older than two seconds, in order, fifty times at any moment', async ({ annotate }) => {
    const accounts = await Promise.all(Array.from({ length: NODES }, oneNode))
    const sum = summing(accounts)
    const found = { lost: sum(({ lost }) => lost), reordered: sum(({ reordered }) => reordered) }
    await annotate(
      `agent SIGKILLed ${NODES * KILLS} times with the broker away: ${sum(({ read }) => read)} records, ` +
        `lost ${found.lost} of those older than 2 s, reordered ${found.reordered}, duplicates ${sum(({ duplicates }) => duplicates)}`,
      'figure',
    )
    expect(found).toEqual({ lost: 0, reordered: 0 })
    expect(sum(({ read }) => read)).toBeGreaterThan(NODES * KILLS * 10)
  })
})

async function oneNode(): Promise<Account> {
  const rig = await setUp({ config: LOAD })
  rigs.push(rig)
  await rig.broker.kill()
  for (let kill = 0; kill < KILLS; kill += 1) {
    const agent = rig.start()
    await agent.said('starting')
    await pause(Math.random() * LIFE_MS)
    await agent.kill()
  }
  await rig.broker.start()
  const last = rig.start()
  await rig.settled()
  await last.end('SIGTERM')
  await rig.settled()
  return rig.account()
}
