/** A sensor that has been offline for a while. One that never came online counts from its first failure. */
import type { Clock } from '../clock.ts'
import type { OfflineWhen } from '../config/rule-schema.ts'
import type { Condition, ConditionEvents } from './condition.ts'

export interface OfflineCondition extends Condition {
  online(online: boolean): void
}

export function createOfflineCondition(
  { offline: afterMs }: OfflineWhen,
  clock: Clock,
  events: ConditionEvents,
): OfflineCondition {
  let known: boolean | undefined
  let cancel = (): void => {}
  return {
    value: undefined,
    online(online) {
      if (online === known) return
      known = online
      cancel()
      if (online) events.end(undefined)
      else if (afterMs === 0) events.begin(undefined)
      else cancel = clock.after(afterMs, () => events.begin(undefined))
    },
    close: () => cancel(),
  }
}
