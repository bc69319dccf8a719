/**
 * How to speak to this broker: begins with all that MQTT 5 can do, and comes down to what the broker's refusals say
 * that it can. `mqtt.ts` asks before each connection and tells each failure.
 */
import type { Limits } from './broker-limits.ts'
import type { Logger } from './log.ts'
import type { ConnectionError } from './mqtt-errors.ts'
import type { Message } from './telemetry.ts'

/** So many connections cut before an answer look like a broker that does not know MQTT 5. */
const CUT_BEFORE_CONNACK = 3

/** Reason codes of a CONNACK, MQTT 5 section 3.2.2.2. */
const RETAIN_NOT_SUPPORTED = 0x9a
const QOS_NOT_SUPPORTED = 0x9b

export class Dialect {
  #protocol: 4 | 5
  #will: Message
  readonly #log: Logger
  /** Connections in a row that ended before the broker answered. */
  #cuts = 0
  /** MQTT 3.1.1 was not asked for by the broker, only concluded from cuts. */
  #guessed = false
  /** The limits that were told last. */
  #told = '1 true'

  constructor(protocol: 4 | 5, will: Message, log: Logger) {
    this.#protocol = protocol
    this.#will = will
    this.#log = log
  }

  get protocol(): 4 | 5 {
    return this.#protocol
  }

  get will(): Message {
    return this.#will
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
    if (reasonCode === QOS_NOT_SUPPORTED && this.#will.qos > 0) {
      this.#will = { ...this.#will, qos: 0 }
      this.#log.warn('the broker has no quality of service 1: the will goes at 0')
      return true
    }
    if (reasonCode === RETAIN_NOT_SUPPORTED && this.#will.retain) {
      this.#will = { ...this.#will, retain: false }
      this.#log.warn('the broker can’t retain messages: the will is not retained')
      return true
    }
    return false
  }
}
