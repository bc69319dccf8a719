/** Waits of the suites: for a message, for a while; each with an end, and with the child's own words if it dies. */
import { setTimeout as sleep } from 'node:timers/promises'
import { STATUS } from './contestants.ts'
import { Ear, type Heard } from './ear.ts'
import type { Child } from './process.ts'

/** Under an emulator a start takes minutes. */
export const START_DEADLINE_MS = 300_000

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

/** Waits until a contestant that was just started is there. */
export async function untilOnline(port: number, child: Promise<Child>): Promise<Child> {
  const ear = await Ear.open(port, [STATUS])
  try {
    const started = await child
    await until(ear, started, 'online', isOnline, START_DEADLINE_MS)
    return started
  } finally {
    ear.close()
  }
}
