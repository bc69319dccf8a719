/** Work at a later time that can be called off, on the clock of the agent. What the rules wait for is all made of these. */
import { type Clock, calledOff } from '../clock.ts'

/** Does `work` after `ms`, unless what is returned is called before; a second call does nothing. `work` must not throw. */
export function later(clock: Clock, ms: number, work: () => void): () => void {
  const controller = new AbortController()
  const { signal } = controller
  clock.sleep(ms, signal).then(
    () => {
      if (!signal.aborted) work()
    },
    (error: unknown) => {
      if (!calledOff(error, signal)) throw error
    },
  )
  return () => controller.abort()
}
