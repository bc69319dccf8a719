import { afterEach, expect, it } from 'vitest'
import { describeWith } from '../fakes/tools.ts'
import { type Account, summing } from './ledger.ts'
import { LOAD, pause, type Rig, type RigOptions, setUp } from './rig.ts'

const KEEPALIVE_S = 5
/** A node waits longer after each failure, so several break a few times each. */
const NODES = 8
const BREAKS = 5
/** A connection breaks somewhere in its first so many bytes, CONNECT included. */
const BREAK_WITHIN_BYTES = 6000
/** Far less than the load needs: ten chunks a second. */
const CRAWL_BYTES = 300
const CRAWL_MS = 10_000

const rigs: Rig[] = []
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rig) => rig.close()))
})

async function rigOf(options: RigOptions): Promise<Rig> {
  const rig = await setUp(options)
  rigs.push(rig)
  return rig
}

describeWith(['mosquitto'], 'a link to the broker', () => {
  it('that swallows everything is noticed within two keep-alives, and costs no record', async ({ annotate }) => {
    const rig = await rigOf({ mqtt: `, keepalive: ${KEEPALIVE_S}s` })
    const first = rig.link.connected()
    const agent = rig.start()
    await first
    await pause(1000)
    const noticed = agent.said('broker connection failed')
    const from = performance.now()
    rig.link.behave({ kind: 'swallow' })
    await noticed
    const noticedS = (performance.now() - from) / 1000
    // The link stays dead for a while: what is tried now hangs.
    await pause(2000)
    const back = rig.link.connected()
    rig.link.cut()
    rig.link.behave({ kind: 'pass' })
    await back
    await rig.finish(agent)
    const { read, lost, reordered } = rig.account()
    await annotate(
      `half-open connection: noticed after ${noticedS.toFixed(1)} s with keepalive ${KEEPALIVE_S} s; ${read} records, lost ${lost}, reordered ${reordered}`,
      'figure',
    )
    expect(noticedS).toBeLessThan(2 * KEEPALIVE_S)
    expect({ lost, reordered }).toEqual({ lost: 0, reordered: 0 })
  })

  it('that breaks in the middle of packets costs no record', async ({ annotate }) => {
    const accounts = await Promise.all(Array.from({ length: NODES }, breaking))
    const sum = summing(accounts)
    const found = { lost: sum(({ lost }) => lost), reordered: sum(({ reordered }) => reordered) }
    await annotate(
      `connection broken ${NODES * BREAKS} times at any byte: ${sum(({ read }) => read)} records, lost ${found.lost}, reordered ${found.reordered}, duplicates ${sum(({ duplicates }) => duplicates)}`,
      'figure',
    )
    expect(found).toEqual({ lost: 0, reordered: 0 })
  })

  it('that crawls holds records up, and costs none', async ({ annotate }) => {
    const rig = await rigOf({ config: LOAD })
    const first = rig.link.connected()
    const agent = rig.start()
    await first
    rig.link.behave({ kind: 'crawl', bytes: CRAWL_BYTES })
    await pause(CRAWL_MS)
    const before = rig.ledger.acknowledged
    rig.link.behave({ kind: 'pass' })
    await pause(1000)
    await rig.finish(agent)
    const { read, lost, reordered, duplicates } = rig.account()
    await annotate(
      `link of ${CRAWL_BYTES * 10} B/s for ${CRAWL_MS / 1000} s: ${read} records, ${before} acknowledged meanwhile, lost ${lost}, reordered ${reordered}, duplicates ${duplicates}`,
      'figure',
    )
    expect({ lost, reordered }).toEqual({ lost: 0, reordered: 0 })
    expect(before).toBeLessThan(read)
  })
})

/** One node whose connections break somewhere, so many times; then the link holds. */
async function breaking(): Promise<Account> {
  const rig = await rigOf({ config: LOAD })
  rig.link.behave({ kind: 'break', afterBytes: () => 1 + Math.floor(Math.random() * BREAK_WITHIN_BYTES) })
  const agent = rig.start()
  while (rig.link.broken < BREAKS) await pause(50)
  const back = rig.link.connected()
  rig.link.behave({ kind: 'pass' })
  await back
  await rig.finish(agent)
  return rig.account()
}
