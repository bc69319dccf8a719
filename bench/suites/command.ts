/** A command to a pin until its new state is told: one by one, and many at once. */
import { quantile } from '../arithmetic.ts'
import { type Job, PINS } from '../contestants.ts'
import { Ear } from '../ear.ts'
import { cpuMs } from '../proc.ts'
import type { Child } from '../process.ts'
import type { Bench, Suite } from '../suite.ts'
import { begun, pass, until } from '../waiting.ts'

const COMMANDS = 2000
/** Before what counts, so that all have compiled what is called often. */
const WARM_UP = 500
const FLIGHTS = 50
const IN_FLIGHT = 64
/** A flight goes to so many pins, the same number of commands to each. */
const FLOWN_PINS = PINS.slice(0, 16)
const PIN = 17
/** For what comes after `online` to be over. */
const SETTLE_MS = 500
const DEADLINE_MS = 120_000
const US_PER_MS = 1000

export function commandJob({ broker }: Bench): Job {
  return { port: broker.port, sensors: 0, intervalMs: 10_000, quantities: ['temperature'], what: 'json', batch: 1 }
}

export const command: Suite = {
  name: 'command',
  about: `command at QoS 1 to state, ${COMMANDS} one by one and in flights of ${IN_FLIGHT}`,
  rounds: 5,
  figures: [
    { key: 'p50_us', label: 'one by one, p50', unit: 'µs', digits: 0 },
    { key: 'p95_us', label: 'one by one, p95', unit: 'µs', digits: 0 },
    { key: 'p99_us', label: 'one by one, p99', unit: 'µs', digits: 0 },
    { key: 'cpu_us', label: 'one by one, CPU each', unit: 'µs', digits: 0 },
    { key: 'flight_per_s', label: `${IN_FLIGHT} in flight, commands`, unit: '1/s', digits: 0 },
    { key: 'flight_cpu_us', label: `${IN_FLIGHT} in flight, CPU each`, unit: 'µs', digits: 0 },
    { key: 'flight_states', label: `${IN_FLIGHT} in flight, states told of each`, unit: '1', digits: 2 },
  ],

  async measure(contestant, bench) {
    const child = await begun(bench, contestant, commandJob(bench), 'command')
    const ear = await Ear.open(bench.broker.port, ['gpio/+/state'])
    try {
      await pass(bench, child, SETTLE_MS)
      await oneByOne(ear, child, PIN, WARM_UP)
      const cpuBefore = cpuMs(child.pid)
      const latencies = await oneByOne(ear, child, PIN, COMMANDS)
      const cpu = cpuMs(child.pid) - cpuBefore
      const at = (share: number): number => quantile(latencies, share) * US_PER_MS
      return {
        ...{ p50_us: at(0.5), p95_us: at(0.95), p99_us: at(0.99) },
        cpu_us: (cpu / COMMANDS) * US_PER_MS,
        ...(await inFlights(ear, child)),
      }
    } finally {
      ear.close()
      await child.end()
    }
  },
}

/** Each command when the state of the one before was told. Gives the times between, ms. */
export async function oneByOne(ear: Ear, child: Child, pin: number, count: number): Promise<number[]> {
  const latencies: number[] = []
  let sentAt = 0
  let level = '0'
  const send = (): void => {
    level = level === '1' ? '0' : '1'
    sentAt = performance.now()
    ear.publish(`gpio/${pin}/command`, level === '1' ? 'on' : 'off')
  }
  const topic = `gpio/${pin}/state`
  const done = until(
    ear,
    child,
    `state after each of ${count} commands`,
    (message) => {
      if (message.topic !== topic || message.retained || message.payload.toString() !== level) return false
      latencies.push(performance.now() - sentAt)
      if (latencies.length === count) return true
      send()
      return false
    },
    DEADLINE_MS,
  )
  send()
  await done
  return latencies
}

/**
 * Flights of commands at once, the next when the last state of each pin was told. Of the commands to a pin only the last
 * one turns it, so that its state tells that all are through; the agent may leave states out that nobody would have seen.
 */
async function inFlights(ear: Ear, child: Child): Promise<Record<string, number>> {
  const each = IN_FLIGHT / FLOWN_PINS.length
  const waiting = new Set<string>()
  let flights = 0
  let states = 0
  let level = '0'
  const fly = (): void => {
    level = level === '1' ? '0' : '1'
    const [before, after] = level === '1' ? ['off', 'on'] : ['on', 'off']
    for (let nth = 1; nth <= each; nth += 1) {
      for (const pin of FLOWN_PINS) ear.publish(`gpio/${pin}/command`, nth === each ? after : before)
    }
    for (const pin of FLOWN_PINS) waiting.add(`gpio/${pin}/state`)
  }
  const rounds = (count: number): Promise<number> => {
    flights = 0
    states = 0
    const done = until(
      ear,
      child,
      `last state of each of ${count} flights`,
      (message) => {
        if (message.retained) return false
        states += 1
        if (message.payload.toString() !== level || !waiting.delete(message.topic) || waiting.size > 0) return false
        flights += 1
        if (flights === count) return true
        fly()
        return false
      },
      DEADLINE_MS,
    )
    fly()
    return done
  }
  await rounds(FLIGHTS / 5)
  const [begunAt, cpuBefore] = [performance.now(), cpuMs(child.pid)]
  const endedAt = await rounds(FLIGHTS)
  const commands = FLIGHTS * IN_FLIGHT
  return {
    flight_per_s: commands / ((endedAt - begunAt) / 1000),
    flight_cpu_us: ((cpuMs(child.pid) - cpuBefore) / commands) * US_PER_MS,
    flight_states: states / commands,
  }
}
