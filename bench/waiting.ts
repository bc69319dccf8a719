/** Waits of the suites: for a message, for a while; each with an end, and with the child's own words if it dies. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Contestant, type Job, NODE, STATUS } from './contestants.ts'
import { Ear, type Heard } from './ear.ts'
import type { Child } from './process.ts'
import type { Bench } from './suite.ts'

/** Under an emulator a start takes minutes. */
export const START_DEADLINE_MS = 300_000

/** After a start that does not count: 2 s after it is ready, the agent keeps what the next one uses. */
export const KEEP_MS = 4000

/** Resolves with the time when the message came, on `performance.now()`. @throws Error where it does not come */
export async function until(
  ear: Ear,
  child: Child,
  what: string,
  accepts: (message: Heard) => boolean,
  deadlineMs: number,
): Promise<number> {
  const before = ear.onMessage
  const over = new AbortController()
  try {
    return await Promise.race([
      new Promise<number>((resolve) => {
        ear.onMessage = (message) => {
          if (accepts(message)) resolve(performance.now())
        }
      }),
      child.exited.then(() => {
        throw new Error(`it ended before ${what}; its last words:\n${child.tail()}`)
      }),
      sleep(deadlineMs, undefined, { signal: over.signal }).then(() => {
        throw new Error(`no ${what} within ${deadlineMs / 1000} s; its last words:\n${child.tail()}`)
      }),
    ])
  } finally {
    over.abort()
    ear.onMessage = before
  }
}

/** A message that says `online`, of this very start. */
export function isOnline({ topic, payload, retained }: Heard): boolean {
  return topic === STATUS && !retained && payload.toString() === 'online'
}

export function isRecord({ topic }: Heard): boolean {
  return topic.endsWith('/data')
}

/** `performance.now()` of all processes of the machine: ms on its monotonic clock. */
export function machineNow(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Starts a contestant at a job, and waits until it is there. @throws Error where it does not come */
export async function begun(bench: Bench, contestant: Contestant, job: Job, own?: string): Promise<Child> {
  const status = `devices/${job.as ?? NODE}/status`
  const ear = await Ear.open(bench.broker.port, [status])
  const child = await bench.begin(contestant, job, own)
  const isOurs = ({ topic, payload, retained }: Heard): boolean =>
    topic === status && !retained && payload.toString() === 'online'
  try {
    await until(ear, child, 'online', isOurs, START_DEADLINE_MS)
    return child
  } catch (error) {
    await child.end()
    throw error
  } finally {
    ear.close()
  }
}

/** Lets time pass, and no longer where the bench is told to end or the child dies. @throws Error in both cases */
export async function pass(bench: Bench, child: Child, ms: number): Promise<void> {
  const over = new AbortController()
  const signal = AbortSignal.any([bench.signal, over.signal])
  const died = child.exited.then(() => {
    throw new Error(`it ended while it was measured; its last words:\n${child.tail()}`)
  })
  try {
    await Promise.race([sleep(ms, undefined, { signal }), died])
  } finally {
    over.abort()
  }
}
