/** Work that waits on a FakeClock, brought to its end. */
import { expect } from 'vitest'
import { SensorError } from '../../src/errors.ts'
import { type FakeClock, settled } from './fake-clock.ts'

export const NEVER = new AbortController().signal

/** Turns the clock from one timer to the next until `work` has ended. */
export async function turned<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let ended = false
  const watched = work.finally(() => {
    ended = true
  })
  watched.catch(() => {}) // its outcome is returned below; until then it must not count as unhandled
  for (await settled(); !ended; await settled()) {
    if (clock.next === undefined) throw new Error('nothing is under way, and no timer would bring it on')
    await clock.advance(Math.max(0, clock.next - clock.monotonic()))
  }
  return watched
}

export async function failureOf(clock: FakeClock, work: Promise<unknown>): Promise<SensorError> {
  const error: unknown = await turned(clock, work).then(
    (value) => expect.fail(`it gave ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof SensorError)) throw new Error('not a SensorError', { cause: error })
  return error
}
