/**
 * Finds the message at which a broker hangs up, so that it is not sent for ever. MQTT 3.1.1 knows no other way to
 * refuse one (section 3.3.5), and some brokers of MQTT 5 do the same where a topic is not allowed or a packet is too
 * large. After two hang-ups with something under way, messages go one at a time; the one that is alone at three more
 * is found guilty. A broker that is killed at just those moments looks alike, so that nothing is suspected that is no
 * larger than what the broker has taken on that topic before.
 */
import type { Clock } from './clock.ts'
import type { ConnectionError } from './mqtt-errors.ts'

/** Something that was under way: a message, or a subscription. */
export interface Suspect {
  readonly topic: string
  readonly bytes: number
  /** The quality of service of a message. */
  readonly qos?: 0 | 1 | 2
}

/** Hang-ups in a row after which messages go one at a time. */
const CAREFUL_AFTER = 2
/** Hang-ups in a row, each with the same message alone under way. */
const PROOFS = 3
/** A connection that holds for longer was not ended by its first messages, ms. */
const SETTLED_MS = 10_000
/** Then it is tried again: the broker may have been set up anew. */
const SENTENCE_MS = 3_600_000

/** Ends that may be an answer to a message: the others say what they are. */
export const HANG_UPS: ReadonlySet<string> = new Set([
  ...['closed', 'ECONNRESET', 'EPIPE'],
  ...[128, 129, 130, 131, 135, 144, 149, 151, 153, 154, 155].map((code) => `refused-${code}`),
])

export class Suspicion {
  readonly #clock: Clock
  /** In a row, each soon after the connection began, with something under way. */
  #hangUps = 0
  #accused: { readonly topic: string; times: number } | undefined
  /** Bytes that the broker has taken, by topic; only our own topics, so that it stays small. */
  readonly #taken = new Map<string, number>()
  readonly #guilty = new Map<string, { readonly bytes: number; readonly until: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many may be under way on a connection that began at `since` (monotonic, ms), of `most`. */
  window(most: number, since: number): number {
    return this.careful && this.#clock.monotonic() - since < SETTLED_MS ? 1 : most
  }

  get careful(): boolean {
    return this.#hangUps >= CAREFUL_AFTER
  }

  /** Another broker, or another way to it: what the last one did tells nothing. */
  forget(): void {
    this.#hangUps = 0
    this.#accused = undefined
    this.#taken.clear()
    this.#guilty.clear()
  }

  /** The broker has taken it. */
  cleared({ topic, bytes }: Suspect): void {
    this.#taken.set(topic, Math.max(bytes, this.#taken.get(topic) ?? 0))
    if (this.#accused?.topic === topic) this.#accused = undefined
  }

  /** The connection has ended. Gives back what was found guilty by that. */
  ended(reason: ConnectionError, underWay: readonly Suspect[], since: number): Suspect | undefined {
    const suspects = underWay.filter(({ topic, bytes }) => bytes > (this.#taken.get(topic) ?? 0))
    const settled = this.#clock.monotonic() - since >= SETTLED_MS
    if (suspects.length === 0 || !HANG_UPS.has(reason.kind) || (settled && !this.careful)) {
      this.#hangUps = 0
      this.#accused = undefined
      return undefined
    }
    const alone = this.careful && underWay.length === 1 ? suspects[0] : undefined
    this.#hangUps += 1
    if (alone === undefined) return undefined
    if (this.#accused?.topic === alone.topic) this.#accused.times += 1
    else this.#accused = { topic: alone.topic, times: 1 }
    if (this.#accused.times < PROOFS) return undefined
    this.#guilty.set(alone.topic, { bytes: alone.bytes, until: this.#clock.monotonic() + SENTENCE_MS })
    this.#accused = undefined
    return alone
  }

  /** Not to be sent: the broker would hang up. */
  guilty({ topic, bytes }: Suspect): boolean {
    const found = this.#guilty.get(topic)
    if (found === undefined) return false
    if (this.#clock.monotonic() < found.until) return bytes >= found.bytes
    this.#guilty.delete(topic)
    return false
  }
}
