import { join } from 'node:path'
import mqtt from 'mqtt'
import { afterEach, expect, it } from 'vitest'
import { describeWith } from '../fakes/tools.ts'
import { driven, readBoardHistory, type Stretch } from './board-history.ts'
import { LOAD, pause, type Rig, setUp } from './rig.ts'

const NODES = 3
const KILLS = 6
/** A life: from its first connection on, so long at most, ms. */
const LIFE_MS = 2500
const PULSE_MS = 400
/** What a timer of a busy process on a busy machine may be late, ms. */
const SLACK_MS = 1500
const PULSED = 17
const LIMITED = 22

const PINS = `gpio:
  backend: mock
  mock_history: board.jsonl
  outputs:
    - { pin: ${PULSED}, initial: keep }
    - { pin: ${LIMITED}, initial: keep, max_on: ${PULSE_MS}ms }
`

const rigs: Rig[] = []
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rig) => rig.close()))
})

/** The clock of the board's history, ms. */
const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6

describeWith(['mosquitto'], 'an agent that is killed with its pins at work', () => {
  it('leaves no pin on for longer than was ordered, but for the time in which nobody lives', async ({ annotate }) => {
    const nodes = await Promise.all(Array.from({ length: NODES }, oneNode))
    const all = nodes.flat()
    const longest = Math.max(...all.map(({ aliveMs }) => aliveMs))
    await annotate(
      `agent SIGKILLed ${NODES * KILLS} times with pins at work: on ${all.length} times, ` +
        `for ${Math.ceil(longest)} ms of an agent's life at most where ${PULSE_MS} ms were ordered`,
      'figure',
    )
    expect(all.length).toBeGreaterThan(NODES * KILLS)
    expect(all.filter(({ aliveMs }) => aliveMs > PULSE_MS + SLACK_MS)).toEqual([])
    expect(all.filter(({ to }) => to === undefined)).toEqual([])
  })
})

interface On extends Stretch {
  /** How much of it an agent was there to end it. */
  readonly aliveMs: number
}

async function oneNode(): Promise<On[]> {
  const rig = await setUp({ config: LOAD + PINS })
  rigs.push(rig)
  const hand = await mqtt.connectAsync(rig.broker.url)
  const pressing = setInterval(() => {
    hand.publish(`gpio/${PULSED}/command`, `{"state":"on","for":"${PULSE_MS}ms"}`)
    hand.publish(`gpio/${LIMITED}/command`, 'on')
  }, PULSE_MS * 2)
  const dead: { from: number; to: number }[] = []
  let died: number | undefined
  for (let kill = 0; kill <= KILLS; kill += 1) {
    const agent = rig.start()
    await agent.said('output opened')
    await agent.said('connected')
    if (died !== undefined) dead.push({ from: died, to: monotonic() })
    await pause(Math.random() * LIFE_MS)
    died = monotonic()
    if (kill < KILLS) await agent.kill()
    else await agent.end('SIGTERM')
  }
  clearInterval(pressing)
  hand.end(true)
  const history = await readBoardHistory(join(rig.folder, 'board.jsonl'))
  return [PULSED, LIMITED].flatMap((pin) =>
    driven(history, pin, 1).map(({ from, to }) => ({ from, to, aliveMs: alive(from, to ?? monotonic(), dead) })),
  )
}

function alive(from: number, to: number, dead: readonly { from: number; to: number }[]): number {
  const gone = dead.reduce((sum, time) => sum + Math.max(0, Math.min(to, time.to) - Math.max(from, time.from)), 0)
  return to - from - gone
}
