import { join } from 'node:path'
import mqtt from 'mqtt'
import { afterEach, expect, it } from 'vitest'
import { describeWith } from '../fakes/tools.ts'
import { driven, drivenLast, readBoardHistory } from './board-history.ts'
import type { Account } from './ledger.ts'
import { LOAD, pause, type Rig, type Started, setUp } from './rig.ts'

/** So many nodes go through all phases, each at moments of its own. */
const NODES = 4
const LIMIT_MS = 5000
const PULSE_MS = 300
/** A pulse ends by a timer of a busy process on a busy machine. */
const PULSE_SLACK_MS = 2000

const PINS = `gpio:
  backend: mock
  mock_history: board.jsonl
  outputs:
    - { pin: 17, name: pulsed }
    - { pin: 22, name: pump, active_low: true }
    - { pin: 23, name: fan, on_exit: on }
`
/** Level of the wire that each pin must have at the end. */
const EXIT = { 17: 0, 22: 1, 23: 1 } as const

interface Phase {
  readonly name: string
  /** Brings the node into the phase. The signal comes within `spanMs` after that. */
  readonly enter: (rig: Rig, agent: Started) => Promise<void>
  readonly spanMs: number
}

const PHASES: readonly Phase[] = [
  { name: 'starting', spanMs: 1500, enter: async () => {} },
  { name: 'ready', spanMs: 200, enter: async (_, agent) => void (await agent.said('ready')) },
  {
    name: 'connected, pins at work',
    spanMs: 2000,
    enter: async (_, agent) => void (await agent.said('connected')),
  },
  {
    name: 'broker away',
    spanMs: 3000,
    async enter(rig, agent) {
      await agent.said('connected')
      await rig.broker.kill()
    },
  },
  {
    name: 'broker that answers nothing',
    spanMs: 3000,
    async enter(rig, agent) {
      await agent.said('connected')
      rig.link.behave({ kind: 'swallow' })
    },
  },
  {
    name: 'connecting to a broker that answers nothing',
    spanMs: 2000,
    async enter(rig) {
      rig.link.behave({ kind: 'swallow' })
    },
  },
  {
    name: 'backlog on its way over a slow link',
    spanMs: 2000,
    async enter(rig, agent) {
      await agent.said('connected')
      rig.link.behave({ kind: 'crawl', bytes: 300 })
    },
  },
]

const rigs: Rig[] = []
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rig) => rig.close()))
})

interface Ending {
  readonly phase: string
  readonly code: number | NodeJS.Signals
  readonly ms: number
  readonly status: string | undefined
  readonly safe: boolean
  readonly said: boolean
}

describeWith(['mosquitto'], 'SIGTERM at any moment of any phase', () => {
  it('ends within five seconds, with every pin at its exit level, offline, and no record lost', async ({
    annotate,
  }) => {
    const nodes = await Promise.all(Array.from({ length: NODES }, oneNode))
    const endings = nodes.flatMap((node) => node.endings)
    const slowest = Math.max(...endings.map(({ ms }) => ms))
    const lost = nodes.reduce((sum, { account }) => sum + account.lost, 0)
    const reordered = nodes.reduce((sum, { account }) => sum + account.reordered, 0)
    await annotate(
      `SIGTERM ${endings.length} times, at random moments of ${PHASES.length} phases: slowest end ${(slowest / 1000).toFixed(1)} s, ` +
        `every pin at its exit level, never left online; records lost ${lost}, reordered ${reordered}`,
      'figure',
    )
    // Before it has said a word, a process has touched nothing, and ends as any does.
    const bad = endings.filter(
      ({ code, ms, status, safe, said }) =>
        !(code === 0 || (code === 'SIGTERM' && !said)) || ms > LIMIT_MS || status === 'online' || !safe,
    )
    expect(bad).toEqual([])
    expect({ lost, reordered }).toEqual({ lost: 0, reordered: 0 })
    expect(nodes.flatMap(({ tooLong }) => tooLong)).toEqual([])
    expect(nodes.reduce((sum, { pulses }) => sum + pulses, 0)).toBeGreaterThan(NODES)
  })
})

async function oneNode() {
  const rig = await setUp({ config: LOAD + PINS, mqtt: ', keepalive: 10s' })
  rigs.push(rig)
  const hand = await mqtt.connectAsync(rig.broker.url, { reconnectPeriod: 50 })
  hand.on('error', () => {}) // the broker is killed by the test
  const pressing = setInterval(() => press(hand), PULSE_MS / 2)
  const board = join(rig.folder, 'board.jsonl')
  const endings: Ending[] = []
  try {
    for (const phase of PHASES) endings.push(await ending(rig, phase, board))
    const last = rig.start()
    await rig.settled()
    await last.end('SIGTERM')
    await rig.settled()
  } finally {
    clearInterval(pressing)
    hand.end(true)
  }
  const stretches = driven(await readBoardHistory(board), 17, 1)
  const tooLong = stretches.filter(({ from, to }) => to === undefined || to - from > PULSE_MS + PULSE_SLACK_MS)
  return { endings, account: rig.account() as Account, tooLong, pulses: stretches.length }
}

/** Somebody who never lets the pins rest. */
function press(hand: mqtt.MqttClient): void {
  if (!hand.connected) return
  hand.publish('gpio/17/command', `{"state":"on","for":"${PULSE_MS}ms"}`)
  for (const pin of [22, 23]) hand.publish(`gpio/${pin}/command`, 'toggle')
}

async function ending(rig: Rig, { name, enter, spanMs }: Phase, board: string): Promise<Ending> {
  const agent = rig.start()
  await enter(rig, agent)
  await pause(Math.random() * spanMs)
  const from = performance.now()
  const code = await agent.end('SIGTERM')
  const ms = performance.now() - from
  const history = await readBoardHistory(board)
  const safe = Object.entries(EXIT).every(([pin, level]) => (drivenLast(history, Number(pin)) ?? level) === level)
  // The line is dead no more: what the broker thinks of a node that said nothing is its will.
  rig.link.cut()
  rig.link.behave({ kind: 'pass' })
  if (name === 'broker away') await rig.broker.start()
  return { phase: name, code, ms, status: await statusAt(rig), safe, said: agent.output() !== '' }
}

/** What the broker retains of the node; undefined: nothing. */
async function statusAt(rig: Rig): Promise<string | undefined> {
  const client = await mqtt.connectAsync(rig.broker.url)
  const status = new Promise<string | undefined>((resolve) => {
    client.on('message', (topic, payload) => {
      if (topic === 'end') resolve(undefined)
      else if (payload.toString() === 'offline') resolve('offline')
      else setTimeout(resolve, 1000, payload.toString()) // a will takes its moment
    })
  })
  await client.subscribeAsync(['devices/n1/status', 'end'])
  // Retained messages come first, and then this.
  client.publish('end', '')
  const found = await status
  client.end(true)
  return found
}
