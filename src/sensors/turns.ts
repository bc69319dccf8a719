/**
 * Taking turns at something that all sensors share: the wires of a bus, a chip behind a driver. A turn lasts until the
 * kernel is through with it, even where nobody waits for that any more, so that a bus that hangs holds one thread of
 * Node's pool and not all four. Called by the bus files.
 */

/**
 * The end of each queue, by what is shared: `i2c-1`. Module-wide on purpose: sensors know nothing of one another, but
 * share the hardware. One settled promise for each name is all that stays here.
 */
const queues = new Map<string, Promise<void>>()

/**
 * Waits for a turn. What it returns gives the turn to the next one, after the promise that it is given.
 * On abort rejects with the signal's reason, at once.
 */
export async function enter(shared: string, signal: AbortSignal): Promise<(after?: Promise<void>) => void> {
  const before = queues.get(shared) ?? Promise.resolve()
  let leave: (after?: Promise<void>) => void = () => {}
  const turn = new Promise<void>((resolve) => {
    leave = resolve
  })
  queues.set(
    shared,
    before.then(() => turn),
  )
  try {
    await unlessAborted(before, signal)
    return leave
  } catch (error) {
    leave()
    throw error
  }
}

/**
 * Does `work`, which can't be called off, in its turn. On abort rejects with the signal's reason, at once; the turn ends
 * when the work has ended.
 */
export async function inTurn<T>(shared: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const leave = await enter(shared, signal)
  const working = (async () => {
    signal.throwIfAborted()
    return await work()
  })()
  const ended = (): void => {}
  leave(working.then(ended, ended))
  return await unlessAborted(working, signal)
}

/** The promise's outcome, or the signal's reason as soon as it is aborted: what comes later has nobody to hear it. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    const settled = (): void => signal.removeEventListener('abort', abort)
    promise.then(resolve, reject).then(settled, settled)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}
