/**
 * How to speak to this broker: begins with all that MQTT 5 can do, and comes down to what the broker's refusals say
 * that it can. `mqtt.ts` asks before each connection and tells each failure.
 *
 * MQTT 3.1.1 has no word for a will that the broker can't take: it hangs up before any answer, as a broker does that is
 * about to end, or what is none. So the answer is sought by trial, and believed only where a whole will is cut before
 * and after a lesser one is accepted: records that are acknowledged by nobody are no small thing. Nor has it a word for
 * a message at quality of service 2, at which a broker hangs up that takes 1 at most: after two such ends in a row
 * messages go at 1, which loses nothing.
 */
import { type Limits, lowered, type Takes } from './broker-limits.ts'
import type { Logger } from './log.ts'
import type { ConnectionError } from './mqtt-errors.ts'
import type { Message } from './telemetry.ts'

/** So many connections cut before an answer look like a broker that does not know MQTT 5. */
const CUT_BEFORE_CONNACK = 3

/** Reason codes of a CONNACK, MQTT 5 section 3.2.2.2. */
const RETAIN_NOT_SUPPORTED = 0x9a
const QOS_NOT_SUPPORTED = 0x9b

/** Ends of a connection in a row, with something at quality of service 2 under way, that look like a refusal of it. */
const CUT_AT_2 = 2

const ALL: Takes = { maximumQos: 2, retainAvailable: true }
/** What it may take instead, as it is tried. */
const LESS: readonly Takes[] = [
  { maximumQos: 0, retainAvailable: true },
  { maximumQos: 2, retainAvailable: false },
  { maximumQos: 0, retainAvailable: false },
]
const NO_QOS_1 = 'the broker has no quality of service 1: the will goes at 0'
const NO_QOS_2 = 'the broker hangs up at quality of service 2: alerts go at 1, and may come twice'
const NO_RETAIN = 'the broker can’t retain messages: the will is not retained'

export class Dialect {
  #protocol: 4 | 5
  #will: Message
  readonly #log: Logger
  /** Connections in a row that ended before the broker answered. */
  #cuts = 0
  /** MQTT 3.1.1 was not asked for by the broker, only concluded from cuts. */
  #guessed = false
  /** For the next connection, by MQTT 3.1.1: `ALL`, unless less has been proven since the last one ended. */
  #takes = ALL
  /** The index in `LESS` of what is being tried, whose connection is for nothing else. */
  #trial: number | undefined
  /** What was accepted in a trial; true where a whole will is cut after it. */
  #candidate: Takes | undefined
  /** The candidate was proven before: a single cut of a whole will is enough. */
  #proven = false
  /** Connections in a row that were cut with a message at quality of service 2 under way. */
  #cutsAt2 = 0
  /** The limits that were told last. */
  #told = '2 true'

  constructor(protocol: 4 | 5, will: Message, log: Logger) {
    this.#protocol = protocol
    this.#will = will
    this.#log = log
  }

  get protocol(): 4 | 5 {
    return this.#protocol
  }

  get will(): Message {
    return lowered(this.#will, this.takes)
  }

  /** What the broker takes at most, where it can't say so itself. */
  get takes(): Takes {
    const takes = (this.#trial === undefined ? undefined : LESS[this.#trial]) ?? this.#takes
    return this.#cutsAt2 < CUT_AT_2 || takes.maximumQos < 2 ? takes : { ...takes, maximumQos: 1 }
  }

  /** What became of a message that was sent at quality of service 2: the broker has it, or ended the connection. */
  sentAt2(arrived: boolean): void {
    if (this.#protocol === 5 || this.#cutsAt2 >= CUT_AT_2) return
    this.#cutsAt2 = arrived ? 0 : this.#cutsAt2 + 1
    if (this.#cutsAt2 === CUT_AT_2) this.#log.warn(NO_QOS_2)
  }

  /** A connection was accepted. False: it was a trial, is to be ended, and the next one made at once. */
  usable(): boolean {
    this.#cuts = 0
    if (this.#trial !== undefined) {
      this.#candidate = this.takes
      this.#trial = undefined
      return false
    }
    if (this.#takes === ALL) this.#forget()
    return true
  }

  /** A connection was accepted with these limits: says what will be less than it should, once. */
  accepted({ maximumQos, retainAvailable }: Limits): void {
    const told = `${maximumQos} ${retainAvailable}`
    if (told === this.#told) return
    this.#told = told
    if (maximumQos === 0)
      this.#log.warn(
        'the broker takes quality of service 0 only: a record counts as delivered when it is written to the socket',
      )
    if (!retainAvailable)
      this.#log.warn('the broker can’t retain messages: states reach only who is subscribed already')
  }

  /** A connection that the broker had accepted is over. A guess is only good for one: it may have been a proxy. */
  ended(): void {
    this.#cuts = 0
    this.#takes = ALL
    if (!this.#guessed) return
    this.#guessed = false
    this.#protocol = 5
  }

  /** Learns from a connection that did not come to be. True: something has changed, try again at once. */
  adapt({ kind, reasonCode, wrongVersion }: ConnectionError): boolean {
    this.#cuts = kind === 'closed' ? this.#cuts + 1 : 0
    if (this.#protocol === 5 && (wrongVersion || this.#cuts >= CUT_BEFORE_CONNACK)) {
      this.#guessed = !wrongVersion
      this.#protocol = 4
      this.#log.warn({ protocol: '3.1.1' }, 'the broker does not speak MQTT 5: going on with MQTT 3.1.1')
      return true
    }
    if (this.#protocol === 4) return this.#lower(kind === 'closed')
    if (reasonCode === QOS_NOT_SUPPORTED && this.#will.qos > 0) {
      this.#will = { ...this.#will, qos: 0 }
      this.#log.warn(NO_QOS_1)
      return true
    }
    if (reasonCode === RETAIN_NOT_SUPPORTED && this.#will.retain) {
      this.#will = { ...this.#will, retain: false }
      this.#log.warn(NO_RETAIN)
      return true
    }
    return false
  }

  /** MQTT 3.1.1: a connection did not come to be, `cut` before an answer or for another reason. True: try again at once. */
  #lower(cut: boolean): boolean {
    if (this.#trial !== undefined) {
      const next = this.#trial + 1
      this.#trial = cut && next < LESS.length ? next : undefined
      if (this.#trial === undefined) this.#cuts = 0
      return this.#trial !== undefined
    }
    if (this.#takes !== ALL) {
      // So it is not for the will.
      if (cut) this.#forget()
      this.#takes = ALL
      return false
    }
    if (!cut) {
      if (!this.#proven) this.#forget()
      return false
    }
    if (this.#candidate !== undefined) {
      this.#takes = this.#candidate
      if (!this.#proven && this.#takes.maximumQos === 0) this.#log.warn(NO_QOS_1)
      if (!this.#proven && !this.#takes.retainAvailable) this.#log.warn(NO_RETAIN)
      this.#proven = true
      return true
    }
    if (this.#cuts >= CUT_BEFORE_CONNACK) this.#trial = 0
    return this.#trial !== undefined
  }

  #forget(): void {
    this.#candidate = undefined
    this.#proven = false
  }
}
