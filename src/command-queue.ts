/**
 * Commands of one pin wait here for their turn, so that a flood, or a write that hangs, takes no memory. When too many
 * wait, the newest takes the place of the one before it: whatever was accepted last is what the pin ends with. Used by
 * `output-pin.ts`.
 */
import { Refused } from './errors.ts'

/** So many may wait behind the one that is being carried out: more than come in one slice (`inbound-limit.ts`). */
export const MOST_WAITING = 1000

interface Waiting {
  readonly start: () => void
  readonly refuse: (reason: Refused) => void
}

export type CommandQueue = <T>(work: () => Promise<T>) => Promise<T>

/** Makes the queue of one pin. What it returns settles as the work does. @throws Refused where a newer command took its place */
export function createCommandQueue(): CommandQueue {
  const waiting: Waiting[] = []
  let busy = false

  const next = (): void => {
    const first = waiting.shift()
    busy = first !== undefined
    first?.start()
  }
  return (work) =>
    new Promise((resolve, reject) => {
      const start = (): void => void work().then(resolve, reject).then(next)
      if (!busy) {
        busy = true
        start()
        return
      }
      if (waiting.length >= MOST_WAITING) {
        const reason = `${MOST_WAITING} commands of this pin wait already, and a newer one took its place`
        waiting.pop()?.refuse(new Refused(reason))
      }
      waiting.push({ start, refuse: reject })
    })
}
