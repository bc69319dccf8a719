/** Waiting for a promise no longer than a time, on our clock. */
import { CALLED_OFF, type Clock } from './clock.ts'

/** What `withDeadline` gives instead of a value when the time has passed. */
export const LATE = Symbol('late')

/**
 * Runs `work` with a signal that aborts after `ms`, or with `signal`. Settles at that moment at the latest, even
 * where `work` ignores its signal: what it does later is nobody's business any more.
 *
 * @returns the value, or `LATE`
 * @throws what `work` throws before the deadline; `signal`'s reason on abort
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  ms: number,
  clock: Clock,
  signal?: AbortSignal,
): Promise<T | typeof LATE> {
  const own = new AbortController()
  const done = new AbortController()
  const forward = (): void => own.abort(signal?.reason)
  if (signal?.aborted === true) throw signal.reason
  signal?.addEventListener('abort', forward, { once: true })
  const aborted = new Promise<never>((_, reject) => {
    own.signal.addEventListener('abort', () => reject(own.signal.reason), { once: true })
  })
  const timer = clock.sleep(ms, done.signal).then(
    (): typeof LATE => LATE,
    (): typeof LATE => LATE, // called off: the race is over
  )
  // Inside a promise: what `work` throws at once must not leave the timer behind.
  const working = (async () => work(own.signal))()
  try {
    // The race also handles what fails after it is over.
    const result = await Promise.race([working, timer, aborted])
    if (result === LATE) own.abort(new Error(`no result within ${ms} ms`))
    return result
  } finally {
    signal?.removeEventListener('abort', forward)
    done.abort(CALLED_OFF)
  }
}
