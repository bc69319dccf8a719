/**
 * The processor-time clock of another process, to the nanosecond and with what its ended threads have used: /proc has the
 * one only in ticks of 10 ms, and the other not at all. By koffi, which is there where our optional packages are.
 */
import { createRequire } from 'node:module'

interface Timespec {
  readonly s: number | bigint
  readonly ns: number | bigint
}

/** What is used of koffi. Written here, because optional packages may be absent. */
interface Koffi {
  struct(name: string, fields: Readonly<Record<string, string>>): unknown
  load(library: null): { func(prototype: string): (clock: number, time: object) => number }
}

/** The kernel's number of such a clock: the process, inverted, and the kind CPUCLOCK_SCHED (posix-timers.h). */
const clockOf = (pid: number): number => (~pid << 3) | 2

const getTime = load()

/** Used by all threads of the process since its start, ms. Undefined where nobody can tell. */
export function processClockMs(pid: number): number | undefined {
  const time = {}
  if (getTime === undefined || getTime(clockOf(pid), time) !== 0) return undefined
  const { s, ns } = time as Timespec // it was filled in
  return Number(s) * 1e3 + Number(ns) / 1e6
}

function load(): ((clock: number, time: object) => number) | undefined {
  // koffi's build for 32-bit ARM has ARMv7 instructions: on a Pi Zero, loading it would end the process.
  if (process.arch === 'arm') return undefined
  try {
    const koffi: Koffi = createRequire(import.meta.url)('koffi')
    koffi.struct('bench_timespec', { s: 'int64', ns: 'int64' })
    return koffi.load(null).func('int clock_gettime(int clock, _Out_ bench_timespec *time)')
  } catch {
    return undefined
  }
}
