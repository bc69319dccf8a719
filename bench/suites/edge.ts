/** From an edge at a simulated pin to a subscriber's receipt of the state, beside a command's time to the same process. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { median } from '../arithmetic.ts'
import { type Contestant, INPUT } from '../contestants.ts'
import { Ear } from '../ear.ts'
import type { Suite } from '../suite.ts'
import { begun, machineNow, pass, until } from '../waiting.ts'
import { commandJob, oneByOne } from './command.ts'

const WARM_UP = 300
/** Edges and commands in turns, so that both have the same machine. */
const TURNS = 10
const EACH = 100
const PIN = 17
const SETTLE_MS = 500
const DEADLINE_MS = 60_000
const TIMES_MS = 10_000
const US_PER_MS = 1000

export const edge: Suite = {
  name: 'edge',
  about: `edge at an input of the board in memory (debounce 0) to receipt, ${TURNS * EACH} of them, and as many commands`,
  rounds: 5,
  figures: [
    { key: 'edge_p50_us', label: 'edge to receipt, p50', unit: 'µs', digits: 0 },
    { key: 'command_p50_us', label: 'command to receipt, p50', unit: 'µs', digits: 0 },
    { key: 'over_command', label: 'edge over command', unit: '1', digits: 2 },
  ],
  // The floors have no pins: there is nothing that could have an edge.
  fits: ({ turning }) => turning !== undefined,

  async measure(contestant, bench) {
    const times = join(bench.folder, `edges-${performance.now()}.json`)
    const { turning } = contestant
    if (turning === undefined) throw new Error('it has no input')
    const inHand: Contestant = { ...contestant, program: (job, folder) => turning(job, folder, times) }
    const child = await begun(bench, inHand, commandJob(bench), 'edge')
    const ear = await Ear.open(bench.broker.port, ['gpio/+/state'])
    try {
      await pass(bench, child, SETTLE_MS)
      let level = '0'
      const edges = async (count: number): Promise<number[]> => {
        const received: number[] = []
        const turn = (): void => {
          level = level === '1' ? '0' : '1'
          child.tell('turn')
        }
        const done = until(
          ear,
          child,
          `state after each of ${count} edges`,
          ({ topic, payload, retained }) => {
            if (topic !== `gpio/${INPUT}/state` || retained || payload.toString() !== level) return false
            received.push(machineNow())
            if (received.length === count) return true
            turn()
            return false
          },
          DEADLINE_MS,
        )
        turn()
        await done
        return received
      }
      await oneByOne(ear, child, PIN, WARM_UP)
      await edges(WARM_UP)
      const received: number[] = []
      const commands: number[] = []
      for (let nth = 0; nth < TURNS; nth += 1) {
        commands.push(...(await oneByOne(ear, child, PIN, EACH)))
        received.push(...(await edges(EACH)))
      }
      child.tell()
      const turned = (await timesIn(times)).slice(WARM_UP)
      const latencies = received.map((at, nth) => at - (turned[nth] ?? Number.NaN))
      const [edgeMs, commandMs] = [median(latencies), median(commands)]
      return {
        edge_p50_us: edgeMs * US_PER_MS,
        command_p50_us: commandMs * US_PER_MS,
        over_command: edgeMs / commandMs,
      }
    } finally {
      ear.close()
      await child.end()
    }
  },
}

/** The moments of the edges, as soon as they are written. @throws Error where that takes too long */
async function timesIn(file: string): Promise<number[]> {
  const until = performance.now() + TIMES_MS
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text.endsWith(']')) return JSON.parse(text)
    if (performance.now() > until) throw new Error('it did not tell when its input was turned')
    await sleep(20)
  }
}
