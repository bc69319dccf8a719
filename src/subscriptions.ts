/**
 * What the node hears from the broker: topic filters, each with who hears it. `mqtt.ts` subscribes to them on each
 * connect and hands each message on.
 */
import type { Incoming } from './telemetry.ts'

export interface Subscription {
  /** What is heard, for `health` and the log: `commands`. No two have the same. */
  readonly name: string
  readonly filter: string
  /** Must not throw. */
  readonly hear: (message: Incoming) => void
}

/** Hands a message to everybody whose filter it fits. */
export function deliver(message: Incoming, subscriptions: Iterable<Subscription>): void {
  for (const { filter, hear } of subscriptions) if (fits(message.topic, filter)) hear(message)
}

/**
 * Whether a filter covers a topic (MQTT 5, section 4.7): `+` is one level, `#` all that follow, none included. Character
 * by character, as every message is asked for.
 */
export function fits(topic: string, filter: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false
  let at = 0
  for (let index = 0; index < filter.length; index += 1) {
    const want = filter[index]
    if (want === '#') return true
    if (want === '+') {
      const end = topic.indexOf('/', at)
      at = end < 0 ? topic.length : end
    } else if (want === topic[at]) at += 1
    else return at === topic.length && filter.slice(index) === '/#'
  }
  return at === topic.length
}
