/** Decides each time whether systemd's watchdog is fed: only while every loop beats. A broker that is away is no reason. */
import type { Logger } from './log.ts'
import type { Notifier } from './systemd.ts'

/**
 * Makes the work of one feeding. A loop that is stuck is named once, and starves the watchdog until it beats again.
 *
 * @param stuck the loops that have missed their own deadline
 */
export function createFeeding(
  stuck: () => readonly string[],
  notifier: Pick<Notifier, 'watchdog'>,
  log: Logger,
): () => void {
  let told = ''
  return () => {
    const loops = stuck().join(', ')
    if (loops === '') void notifier.watchdog()
    else if (loops !== told) log.fatal({ loops }, 'a loop is stuck: the watchdog is not fed any more')
    told = loops
  }
}
