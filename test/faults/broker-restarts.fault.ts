import { afterEach, expect, it } from 'vitest'
import { describeWith } from '../fakes/tools.ts'
import { summing } from './ledger.ts'
import { LOAD, pause, type Rig, setUp } from './rig.ts'

/** A node waits longer after each failure, so ten brokers with a node each are killed five times rather than one fifty. */
const NODES = 10
const KILLS = 5
/** The moment of a kill: so long at most after the node is back, ms. */
const MOMENT_MS = 1500

const rigs: Rig[] = []
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rig) => rig.close()))
})

describeWith(['mosquitto'], 'a broker that is killed and started again', () => {
  it('loses no record and reorders none, fifty times at any moment under load', async ({ annotate }) => {
    const accounts = await Promise.all(Array.from({ length: NODES }, (_, index) => oneNode(index)))
    const sum = summing(accounts)
    const read = sum((account) => account.read)
    const lost = sum((account) => account.lost)
    const reordered = sum((account) => account.reordered)
    await annotate(
      `broker SIGKILLed and restarted ${NODES * KILLS} times under load: ${read} records, lost ${lost}, reordered ${reordered}, duplicates ${sum((account) => account.duplicates)}; ` +
        `the broker itself lost ${sum((account) => account.lostByBroker)} of what it had acknowledged`,
      'figure',
    )
    expect({ lost, reordered }).toEqual({ lost: 0, reordered: 0 })
    expect(read).toBeGreaterThan(NODES * KILLS * 4)
  })
})

async function oneNode(index: number) {
  // Every other one speaks the older protocol.
  const rig = await setUp({ config: LOAD, mqtt: index % 2 === 0 ? '' : ', protocol: 4' })
  rigs.push(rig)
  let back = rig.link.connected()
  const agent = rig.start()
  for (let kill = 0; kill < KILLS; kill += 1) {
    await back
    await pause(Math.random() * MOMENT_MS)
    await rig.broker.kill()
    back = rig.link.connected()
    await rig.broker.start()
  }
  await back
  await rig.finish(agent)
  return rig.account()
}
