/**
 * Loggers that share a fleet look after each other. A broker need not give what waits for a logger that has died to the
 * others of its group: Mosquitto keeps it for the dead one, and goes on to give it its share. So each says whether it is
 * there, by a retained message and a will, and where one is not, another connects under its client id as well, and gets
 * what waits, until the owner of the id comes back and takes it over. Called by `sensor-node log --share`.
 */
import type { ConnectionError } from '../mqtt-errors.ts'
import { type Incoming, loggerFilter, loggerStatus, type Message } from '../telemetry.ts'
import type { ToolFilter, ToolLink } from '../tools/link.ts'

export interface GroupOptions {
  readonly group: string
  /** Our own. */
  readonly clientId: string
  /** @throws ConnectionError */
  readonly publish: (message: Message) => Promise<unknown>
  /** Connects under the client id of another one, until `end` or the signal. @throws ConnectionError */
  readonly adopt: (
    clientId: string,
    onAway: (reason: ConnectionError) => void,
    signal: AbortSignal,
  ) => Promise<ToolLink>
  /** A line for a person. */
  readonly say: (line: string) => void
}

/** Those that are looked after at once: a connection each. */
const MOST_ADOPTED = 16
/** As `--id` takes it: what comes from elsewhere is no client id of a logger. */
const ID = /^[A-Za-z0-9_.-]{1,64}$/

export function createGroup({ group, clientId, publish, adopt, say }: GroupOptions) {
  const filter = loggerFilter(group)
  const prefix = filter.slice(0, -1)
  const adopted = new Map<string, AbortController>()
  const ending = new Set<Promise<void>>()
  let left = false

  async function lookAfter(id: string): Promise<void> {
    const over = new AbortController()
    adopted.set(id, over)
    let link: ToolLink | undefined
    try {
      // Whoever has the id now ends our connection: its owner, or another of us. Then it is not ours any more.
      link = await adopt(id, () => over.abort(), over.signal)
      say(`${id} is away: its share comes here until it is back`)
      await link.ended
      say(`${id} gets its own share again`)
    } catch {
      // Not to be had now, or called off. It is tried again when the broker tells of it the next time.
    } finally {
      await link?.end()
      adopted.delete(id)
    }
  }

  return {
    will: loggerStatus(group, clientId, 'offline'),
    filter: { filter, qos: 1 } satisfies ToolFilter,

    /** True where the message was about the group. */
    hear({ topic, payload }: Incoming): boolean {
      if (!topic.startsWith(prefix)) return false
      const id = topic.slice(prefix.length)
      if (id === clientId || !ID.test(id) || left) return true
      const away = Buffer.from(payload).toString() === 'offline'
      if (!away) adopted.get(id)?.abort()
      else if (!adopted.has(id) && adopted.size < MOST_ADOPTED) {
        const looking = lookAfter(id).finally(() => ending.delete(looking))
        ending.add(looking)
      }
      return true
    },

    /** We are there, from now on. */
    connected(): void {
      publish(loggerStatus(group, clientId, 'online')).catch((error: unknown) => {
        say(`the other loggers of ${group} can’t be told that this one is there: ${String(error)}`)
      })
    },

    /** We go; another one may look after our share. */
    async leave(): Promise<void> {
      left = true
      for (const over of adopted.values()) over.abort()
      await Promise.all(ending)
      await publish(loggerStatus(group, clientId, 'offline')).catch(() => {}) // the broker is away: it has our will
    },
  }
}
