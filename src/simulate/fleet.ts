/** Many virtual nodes in one process: started one after the other, told of while not all are there, ended together. Called by `sensor-node simulate`. */
import { setMaxListeners } from 'node:events'
import { type Clock, pause } from '../clock.ts'
import type { VirtualNode } from './node.ts'

export interface FleetOptions {
  readonly count: number
  /** Makes the one with this number, from 1 on. */
  readonly create: (number: number) => VirtualNode
  /** At the end, nothing is to be kept of them. */
  readonly clear: boolean
  readonly clock: Clock
  /** A line for a person. */
  readonly say: (line: string) => void
  /** Names things as the person did, where it is said why nodes are not connected. */
  readonly words: (text: string) => string
  /** So many are connected, of all; where it has changed. `reason`: of most of the others. */
  readonly onConnected?: (connected: number, reason: string | undefined) => void
}

export interface FleetEnd {
  readonly records: number
  /** Nodes that were not connected at the end: the broker has their will, and what it keeps. */
  readonly away: number
}

/** From one connection to the next, ms: a broker on a small machine takes some hundred in a second. */
const STAGGER_MS = 5
/** How often it is looked whether all are there. */
const LOOK_MS = 5000

/** Until the signal aborts, and all have left. */
export async function runFleet(options: FleetOptions, signal: AbortSignal): Promise<FleetEnd> {
  const { count, create, clear, clock, say } = options
  setMaxListeners(0, signal) // each node waits for it in several places
  const nodes: VirtualNode[] = []
  const running: Promise<void>[] = []
  const looking = look(nodes, options, signal)
  for (let number = 1; number <= count && !signal.aborted; number += 1) {
    const node = create(number)
    nodes.push(node)
    running.push(node.run(signal))
    await pause(clock, STAGGER_MS, signal)
  }
  await Promise.all([...running, looking])
  say(`stopping ${nodes.length} nodes …`)
  const left = await Promise.all(nodes.map((node) => node.close(clear)))
  const records = nodes.reduce((sum, node) => sum + node.records - node.waiting, 0)
  return { records, away: left.filter((connected) => !connected).length }
}

async function look(nodes: readonly VirtualNode[], options: FleetOptions, signal: AbortSignal): Promise<void> {
  const { count, clock, say, onConnected } = options
  let told = ''
  while (!signal.aborted) {
    await pause(clock, nodes.length < count ? LOOK_MS / 10 : LOOK_MS, signal)
    if (signal.aborted) return
    const away = nodes.filter(({ connected }) => !connected)
    const common = mostCommon(away.flatMap(({ lastError }) => lastError ?? []))
    const reason = common === undefined ? undefined : options.words(common)
    const line =
      away.length === 0 && nodes.length === count
        ? `all ${count} nodes are connected`
        : `${nodes.length - away.length} of ${count} nodes are connected${reason === undefined ? '' : `; the others: ${reason}${/[.?!]$/.test(reason) ? '' : '.'} ${LIMITS}`}`
    if (line !== told && (nodes.length === count || reason !== undefined)) {
      say(line)
      onConnected?.(nodes.length - away.length, reason)
    }
    told = line
  }
}

const LIMITS =
  'If it takes no more than so many, look at its limits: open files (LimitNOFILE= of its service, ulimit -n) and max_connections'

function mostCommon(texts: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0]
}
