/**
 * Loggers that share a fleet look after each other. A broker need not give what waits for a logger that has died to the
 * others of its group: Mosquitto keeps it for the dead one, and goes on to give it its share. So each says whether it is
 * there, by a retained message and a will, and where one is not, one of the others connects under its client id as well,
 * and gets what waits, until the owner of the id comes back and takes it over. Which one it is follows from who is there,
 * so that no two want the same. Called by `sensor-node log --share`.
 */
import { type BackoffOptions, backoff } from '../backoff.ts'
import { type Clock, pause } from '../clock.ts'
import { messageOf } from '../errors.ts'
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
  readonly clock: Clock
  /** A line for a person. */
  readonly say: (line: string) => void
}

/** Those that are looked after at once: a connection each. */
const MOST_ADOPTED = 16
/** Loggers that are known of. */
const MOST_MEMBERS = 1000
/** As `--id` takes it: what comes from elsewhere is no client id of a logger. */
const ID = /^[A-Za-z0-9_.-]{1,64}$/
/** What the broker keeps of the others comes all at once, and who has lost its connection may be back at once, ms. */
const SETTLE_MS = 500
/** A connection in the place of another one that breaks: perhaps the owner is back, and its word on the way. */
const AGAIN: BackoffOptions = { firstMs: 2000, longestMs: 60_000 }

export function createGroup({ group, clientId, publish, adopt, clock, say }: GroupOptions) {
  const filter = loggerFilter(group)
  const prefix = filter.slice(0, -1)
  /** The others, and whether they are there. */
  const members = new Map<string, boolean>()
  const adopted = new Map<string, AbortController>()
  const ending = new Set<Promise<void>>()
  const gone = new AbortController()
  let settling: AbortController | undefined

  const tell = (status: 'online' | 'offline'): Promise<unknown> => publish(loggerStatus(group, clientId, status))

  /** In a ring of all names, the next one that is there looks after one that is not. */
  function isOurs(id: string): boolean {
    const there = [clientId, ...[...members].filter(([, online]) => online).map(([name]) => name)].sort()
    return (there.find((one) => one > id) ?? there[0]) === clientId
  }

  function review(): void {
    for (const [id, over] of adopted) if (members.get(id) !== false || !isOurs(id)) over.abort()
    for (const [id, online] of members) {
      if (online || adopted.has(id) || !isOurs(id) || adopted.size >= MOST_ADOPTED) continue
      const over = new AbortController()
      adopted.set(id, over)
      const looking = lookAfter(id, AbortSignal.any([over.signal, gone.signal])).finally(() => {
        adopted.delete(id)
        ending.delete(looking)
        if (!gone.signal.aborted) settle() // it may be ours again by now
      })
      ending.add(looking)
    }
  }

  async function lookAfter(id: string, until: AbortSignal): Promise<void> {
    let told = false
    for (let failures = 0; !until.aborted; ) {
      const lost = new AbortController()
      let link: ToolLink | undefined
      try {
        link = await adopt(id, () => lost.abort(), AbortSignal.any([until, lost.signal]))
        if (!told) say(`${id} is away: its share comes here until it is back`)
        told = true
        await link.ended
      } catch (error) {
        if (!until.aborted && failures === 0 && !told)
          say(`${id} is away, and its share is not to be had: ${messageOf(error)}`)
      } finally {
        await link?.end()
      }
      failures += 1
      await pause(clock, backoff(failures, AGAIN), until)
    }
    if (told && !gone.signal.aborted)
      say(members.get(id) === false ? `another one looks after ${id}` : `${id} gets its own share again`)
  }

  /** Looks at the whole when there was no news for a moment. */
  function settle(): void {
    settling?.abort()
    const mine = new AbortController()
    settling = mine
    const until = AbortSignal.any([mine.signal, gone.signal])
    void pause(clock, SETTLE_MS, until).then(() => {
      if (!until.aborted) review()
    })
  }

  return {
    will: loggerStatus(group, clientId, 'offline'),
    filter: { filter, qos: 1 } satisfies ToolFilter,

    /** True where the message was about the group. */
    hear({ topic, payload }: Incoming): boolean {
      if (!topic.startsWith(prefix)) return false
      const id = topic.slice(prefix.length)
      if (!ID.test(id) || gone.signal.aborted) return true
      const status = Buffer.from(payload).toString()
      if (id === clientId) {
        // The will of a connection that was ours, and that the broker has only now given up.
        if (status === 'offline') this.connected()
        return true
      }
      if (status === '') members.delete(id)
      else if (members.has(id) || members.size < MOST_MEMBERS) members.set(id, status !== 'offline')
      if (status !== 'offline') adopted.get(id)?.abort() // whoever is back is not to be disturbed
      settle()
      return true
    },

    /** We are there, from now on. */
    connected(): void {
      tell('online').catch((error: unknown) => {
        if (!gone.signal.aborted)
          say(`the other loggers of ${group} can’t be told that this one is there: ${messageOf(error)}`)
      })
    },

    /** We go; another one may look after our share. */
    async leave(): Promise<void> {
      gone.abort()
      await Promise.all(ending)
      await tell('offline').catch(() => {}) // the broker is away: it has our will
    },
  }
}
