/** Somebody else at the broker: sees everything, sends commands, waits for messages by event. */
import mqtt from 'mqtt'

export interface Seen {
  readonly topic: string
  readonly payload: string
  readonly retain: boolean
  readonly qos: number
  readonly expires: number | undefined
}

export interface Observer {
  readonly seen: readonly Seen[]
  /** The first message from now on, or from the past with `past`, that the test accepts. */
  until(accepts: (message: Seen) => boolean, options?: { past?: boolean; ms?: number }): Promise<Seen>
  publish(topic: string, payload: string | Uint8Array, options?: { qos?: 0 | 1 | 2; retain?: boolean }): Promise<void>
  clear(): void
  end(): Promise<void>
}

const PATIENCE_MS = 10_000

/** Connects and subscribes to everything. */
export async function observe(
  url: string,
  options: {
    readonly protocolVersion?: 4 | 5
    readonly username?: string
    readonly password?: string
    /** Certificate of the authority that signed the broker's, PEM. */
    readonly ca?: string
  } = {},
): Promise<Observer> {
  const client = await mqtt.connectAsync(url, { protocolVersion: 5, reconnectPeriod: 100, ...options })
  const seen: Seen[] = []
  const waiting = new Set<(message: Seen) => void>()
  client.on('message', (topic, payload, packet) => {
    const expires = packet.properties?.messageExpiryInterval
    const message = { topic, payload: payload.toString(), retain: packet.retain, qos: packet.qos, expires }
    seen.push(message)
    for (const look of waiting) look(message)
  })
  await client.subscribeAsync('#', { qos: 2 })
  return {
    seen,
    until(accepts, { past = false, ms = PATIENCE_MS } = {}) {
      const before = past ? seen.findLast(accepts) : undefined
      if (before !== undefined) return Promise.resolve(before)
      return new Promise((resolve, reject) => {
        const look = (message: Seen): void => {
          if (!accepts(message)) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve(message)
        }
        const timer = setTimeout(() => {
          waiting.delete(look)
          const last = seen.slice(-10).map(({ topic, payload }) => `${topic} ${payload.slice(0, 80)}`)
          reject(new Error(`no such message within ${ms} ms; the last ones were:\n${last.join('\n')}`))
        }, ms)
        waiting.add(look)
      })
    },
    async publish(topic, payload, publishOptions = {}) {
      await client.publishAsync(topic, Buffer.from(payload), { qos: 1, ...publishOptions })
    },
    clear() {
      seen.length = 0
    },
    async end() {
      await client.endAsync(true)
    },
  }
}

/** Accepts one topic, and one payload where it is given. */
export function on(topic: string, payload?: string): (message: Seen) => boolean {
  return (message) => message.topic === topic && (payload === undefined || message.payload === payload)
}
