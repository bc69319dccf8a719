/**
 * The live view on its way to the broker: of every retained topic only the newest message, and a bounded line of
 * events. It goes around the outbox, first. While the broker is away the newest values wait here, and all of
 * them are sent again on each connect.
 */
import type { Clock } from './clock.ts'
import type { Message } from './telemetry.ts'

/** Events (answers, refused commands) that may wait: more than commands of one pin do, so that each is answered. */
const MAX_EVENTS = 2048

/** Stands for all messages that are not retained, where topics are excepted: no topic has a NUL. */
export const EVENTS = '\0'

/** The topics that the broker keeps something of, for as long as it does; see `manifest.ts`. */
export interface Kept {
  /** Whether a message may leave that the broker is to keep. `onKept` of its maker is called when that changes. */
  mayGo(topic: string): boolean
  /** The broker has taken a message that clears the topic. */
  cleared(topic: string): void
}

interface Held {
  readonly message: Message
  /** On the monotonic clock, ms. */
  readonly expiresAt: number
}

export class LiveView {
  readonly #clock: Clock
  readonly #kept: Kept | undefined
  readonly #latest = new Map<string, Held>()
  /** Topics whose newest message was not sent yet, in the order in which they changed. */
  readonly #due = new Set<string>()
  readonly #events: Message[] = []
  #droppedEvents = 0

  constructor(clock: Clock, kept?: Kept) {
    this.#clock = clock
    this.#kept = kept
  }

  get droppedEvents(): number {
    return this.#droppedEvents
  }

  /** Something waits to be sent. */
  get waiting(): boolean {
    return this.#due.size > 0 || this.#events.length > 0
  }

  put(message: Message): void {
    if (!message.retain) {
      if (this.#events.length >= MAX_EVENTS) {
        this.#events.shift()
        this.#droppedEvents += 1
      }
      this.#events.push(message)
      return
    }
    const expiresAt =
      message.expiresMs === undefined ? Number.POSITIVE_INFINITY : this.#clock.monotonic() + message.expiresMs
    this.#latest.set(message.topic, { message, expiresAt })
    this.#due.add(message.topic)
  }

  /** The node keeps something on these topics alone: what others were told last is not told again, unless it clears them. */
  keepOnly(topics: ReadonlySet<string>): void {
    for (const [topic, { message }] of this.#latest) {
      if (topics.has(topic) || clears(message)) continue
      this.#latest.delete(topic)
      this.#due.delete(topic)
    }
  }

  /** The next message to send, with what is left of its life; states before events. Not of `except`, `EVENTS` among them. */
  next(except: ReadonlySet<string> = new Set()): Message | undefined {
    for (const topic of this.#due) {
      if (except.has(topic)) continue
      const held = this.#latest.get(topic)
      if (held !== undefined && !clears(held.message) && this.#kept?.mayGo(topic) === false) continue
      this.#due.delete(topic)
      if (held === undefined) continue
      const expiresMs = held.expiresAt - this.#clock.monotonic()
      if (expiresMs <= 0) continue
      return Number.isFinite(expiresMs) ? { ...held.message, expiresMs } : held.message
    }
    return except.has(EVENTS) ? undefined : this.#events.shift()
  }

  /**
   * The broker has this one. It is not sent again where it has cleared its topic, nor where that is not ours alone:
   * somebody else may have said another thing since.
   */
  taken(message: Message): void {
    const over = message.retain && (clears(message) || message.once === true)
    if (!over || this.#latest.get(message.topic)?.message !== message) return
    this.#latest.delete(message.topic)
    if (clears(message)) this.#kept?.cleared(message.topic)
  }

  /** A new connection: the broker may have forgotten everything. `birth` goes first; events of before are stale by now. */
  resendAll(birth: readonly Message[] = []): void {
    this.#events.length = 0
    this.#due.clear()
    for (const message of birth) this.put(message)
    for (const topic of this.#latest.keys()) this.#due.add(topic)
  }
}

/** An empty message takes from the broker what it keeps of the topic (MQTT 5, section 3.3.1.3). */
function clears({ payload }: Message): boolean {
  return payload === ''
}
