/** The bench of the GPIO contract on a kernel's lines: real backends, real edges, and a clock that we turn. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../src/clock.ts'
import type { Gpio, Level } from '../../src/gpio/gpio.ts'
import { FakeClock, settled } from '../fakes/fake-clock.ts'
import type { Bench } from '../gpio/contract.ts'
import { resetLines, wire } from './hardware.ts'
import { PATIENCE_MS } from './patience.ts'
import { WireTrace } from './wire-trace.ts'

/** Where this kernel begins to count. */
export const BASE = 512

export interface BenchOptions {
  readonly open: (clock: Clock) => Promise<Gpio>
  /** What the end of a process does besides leaving its objects to themselves. */
  readonly crash?: () => void
  /**
   * The kernel's own timers do not hear our clock: what it is turned by passes in truth, too, up to this much. In less
   * than `quickMs` nothing is told that the test waits for.
   */
  readonly realTime?: { readonly longestMs: number; readonly quickMs: number }
}

const cleanups: (() => unknown)[] = []

/** Undoes what the bench before did. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  resetLines()
}

export async function kernelBench({ open, crash, realTime }: BenchOptions): Promise<Bench> {
  await cleanUp()
  const trace = new WireTrace(BASE, ['gpioset'])
  cleanups.push(() => trace.end())
  let disturbed = false
  const arrived = async (): Promise<void> => {
    if (disturbed) await quiet()
    disturbed = false
    do await settled()
    while (process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq')))
  }
  const start = async (): Promise<Pick<Bench, 'gpio' | 'clock'>> => {
    const fake = new FakeClock(Date.now(), arrived)
    const advance = async (ms: number): Promise<void> => {
      if (realTime !== undefined && ms > 0) {
        await sleep(Math.min(ms, realTime.longestMs))
        disturbed = ms >= realTime.quickMs
      }
      await fake.advance(ms)
    }
    const clock = {
      advance,
      get sleeping() {
        return fake.sleeping
      },
    }
    return { gpio: await open(fake), clock }
  }
  const bench: Bench = {
    ...(await start()),
    drive(line, level) {
      trace.drive(line, level)
      disturbed = true
    },
    physical: (line) => wire(line),
    moves: (line) => trace.moves(line),
    hold: (line) => holdWithGpioset(line),
    // Not a real death: agent-restarts.vm.ts kills real processes. The old clock stands still from now on.
    async restart() {
      crash?.()
      Object.assign(bench, await start())
    },
  }
  cleanups.push(() => bench.gpio.close())
  return bench
}

/** Looks that must find the process at rest, one after the other, as the look itself lets the event loop go on. */
const LOOKS = 2

/**
 * Resolves when what the board has caused has reached this process. The kernel's share in an edge is done when the write
 * that caused it returns; then a thread of ours waits for the edge, and is awake until the event loop has it.
 */
async function quiet(): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  for (let looks = 0; looks < LOOKS; looks = othersSleep() ? looks + 1 : 0) {
    if (performance.now() > end) throw new Error(`this process was not at rest within ${PATIENCE_MS} ms`)
    await sleep(1)
  }
}

function othersSleep(): boolean {
  const others = readdirSync('/proc/self/task').filter((thread) => thread !== String(process.pid))
  return others.every((thread) => {
    try {
      // proc(5): the state is what follows the name, which is in brackets.
      return / S /.test(readFileSync(`/proc/self/task/${thread}/stat`, 'latin1').replace(/^.*\)/, ''))
    } catch {
      return false // it has just ended
    }
  })
}

/** Returns when the line is held; so does what it returns, when it is free. */
export function holdWithGpioset(line: number, level: Level = 0): () => void {
  const { status, stderr } = spawnSync('gpioset', ['--mode=signal', '--background', 'gpiochip0', `${line}=${level}`])
  if (status !== 0) throw new Error(`gpioset: ${stderr}`)
  const release = (): void =>
    void spawnSync('sh', ['-c', 'pkill -x gpioset; while pgrep -x gpioset; do sleep 0.02; done'])
  cleanups.push(release)
  return release
}
