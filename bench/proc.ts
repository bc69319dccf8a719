/** What the kernel knows of a process and its children: processor time, memory, descriptors, writes. Reads /proc. */
import { readdirSync, readFileSync } from 'node:fs'
import { processClockMs } from './cpu-clock.ts'

export interface Memory {
  /** All in KiB, as the kernel has them. PSS: what is shared counts by the number of those who share it. */
  readonly rss: number
  readonly pss: number
  readonly anonymous: number
}

/** Linux tells processes of ticks of this length on every platform that Node.js runs on (USER_HZ is 100), ms. */
const TICK_MS = 10
const NS_PER_MS = 1e6

/**
 * Processor time, user and system, of a process, its children and what those have left that it has waited for, ms.
 *
 * By the process's own clock; where that can't be read, of its living threads (schedstat) or in ticks (stat), whichever is
 * more. Children that have ended are known in ticks only.
 */
export function cpuMs(pid: number): number {
  const { own, ended } = ticksOf(pid)
  return (processClockMs(pid) ?? Math.max(own, threadsMs(pid))) + ended + sum(childrenOf(pid).map(cpuMs))
}

/** Of a process and its children. */
export function memoryOf(pid: number): Memory {
  const rollup = read(`/proc/${pid}/smaps_rollup`)
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0)
  const own = { rss: kib('Rss'), pss: kib('Pss'), anonymous: kib('Anonymous') }
  return childrenOf(pid)
    .map(memoryOf)
    .reduce(
      (all, one) => ({
        rss: all.rss + one.rss,
        pss: all.pss + one.pss,
        anonymous: all.anonymous + one.anonymous,
      }),
      own,
    )
}

export function descriptorsOf(pid: number): number {
  return list(`/proc/${pid}/fd`).length
}

/** System calls that wrote something, so far; of the process alone. */
export function writesOf(pid: number): number {
  return Number(/^syscw: (\d+)$/m.exec(read(`/proc/${pid}/io`))?.[1] ?? Number.NaN)
}

function ticksOf(pid: number): { own: number; ended: number } {
  // The name of the program stands in brackets, and may hold anything.
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? []
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15).map(Number)
  return { own: (user + system) * TICK_MS, ended: (endedUser + endedSystem) * TICK_MS }
}

function threadsMs(pid: number): number {
  const times = list(`/proc/${pid}/task`).map((thread) =>
    Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]),
  )
  return sum(times) / NS_PER_MS
}

function childrenOf(pid: number): number[] {
  return list(`/proc/${pid}/task`).flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  )
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}

/** A thread may end between the list and the look: then there is nothing. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
