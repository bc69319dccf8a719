/**
 * Tells the log about values that were dropped: when it begins, and, after a while without any, how many there were.
 * A sensor that spikes now and then is one fault, not one for each spike.
 */
import type { Logger } from './log.ts'
import type { Quantity, Reading } from './reading.ts'

/** So many good values in a row end the fault. */
const GOOD_AGAIN = 20

interface Going {
  dropped: number
  good: number
}

/** Makes the teller of one sensor; it is shown every reading. */
export function createRejectionLog(
  log: Logger,
  sensor: string,
): (reading: Pick<Reading, 'values' | 'rejected'>) => void {
  const going = new Map<Quantity, Going>()
  return ({ values, rejected }) => {
    for (const { quantity, value, reason } of rejected) {
      const before = going.get(quantity)
      log[before === undefined ? 'warn' : 'debug']({ sensor, quantity, value, reason }, 'value dropped')
      going.set(quantity, { dropped: (before?.dropped ?? 0) + 1, good: 0 })
    }
    for (const [quantity, state] of going) {
      if (values[quantity] === undefined) continue
      state.good += 1
      if (state.good < GOOD_AGAIN) continue
      going.delete(quantity)
      log.info({ sensor, quantity, dropped: state.dropped }, 'values are good again')
    }
  }
}
