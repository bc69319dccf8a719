/**
 * Hands messages to the connection: the live view first, then records, and never more under way than the broker
 * takes. Where both wait all the time (a slow link, a flood of commands), each gets as many turns as the other. What the
 * end of a connection leaves unacknowledged is for the next one; `mqtt.ts` sees to that.
 */
import type { Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import { EVENTS, type LiveView } from './live.ts'
import { ConnectionError } from './mqtt-errors.ts'
import type { Entry, Outbox } from './outbox.ts'
import type { Suspect, Suspicion } from './suspicion.ts'
import type { Message } from './telemetry.ts'

export interface SenderOptions {
  readonly live: LiveView
  readonly outbox: Pick<Outbox, 'next' | 'acknowledged' | 'refused' | 'depth'>
  readonly suspicion: Suspicion
  readonly clock: Clock
  /** The message is gone: the broker refused it, or would. */
  readonly onRefused: (message: Message, error: ConnectionError) => void
  /** The broker has it. */
  readonly onTaken: (message: Message) => void
}

/** What is under way. */
interface Flight {
  readonly message: Message
  readonly entry: Entry | undefined
  /** What it is to a broker that hangs up. */
  readonly suspect: Suspect
}

export class Sender {
  readonly #options: SenderOptions
  #connection: Connection | undefined
  /** When the connection began, on the monotonic clock, ms. */
  #since = 0
  readonly #flights = new Set<Flight>()
  /** Topics that have had their turn, `EVENTS` for all that are not retained; until as many records have had theirs. */
  readonly #round = new Set<string>()
  #recordsOfRound = 0
  /** `send` is at work: what is over at once need not begin another one in it. */
  #sending = false
  #idle: (() => void)[] = []

  constructor(options: SenderOptions) {
    this.#options = options
  }

  /** From now on messages go there. */
  attach(connection: Connection): void {
    this.#connection = connection
    this.#since = this.#options.clock.monotonic()
    this.#flights.clear()
    this.#nextRound()
    this.send()
  }

  /** The connection is gone. Gives back what was under way. */
  detach(): Suspect[] {
    this.#connection = undefined
    const left = [...this.#flights].map(({ suspect }) => suspect)
    this.#flights.clear()
    this.#wake()
    return left
  }

  /** Sends as much as may be under way. */
  send(): void {
    const connection = this.#connection
    if (connection === undefined || this.#sending) return
    const window = this.#window(connection)
    this.#sending = true
    try {
      while (this.#flights.size < window) {
        const flight = this.#next()
        if (flight === undefined) break
        if (this.#options.suspicion.guilty(flight.suspect)) this.#refused(flight, hangsUp())
        else this.#hand(connection, flight)
      }
    } finally {
      this.#sending = false
    }
    if (this.#flights.size === 0) this.#wake()
  }

  /** Resolves when nothing waits for the broker, or there is no connection. */
  async idle(): Promise<void> {
    const { live, outbox } = this.#options
    while (this.#connection !== undefined && (this.#flights.size > 0 || live.waiting || outbox.depth > 0)) {
      await new Promise<void>((resolve) => this.#idle.push(resolve))
    }
  }

  #next(): Flight | undefined {
    const { live, outbox } = this.#options
    const message = live.next(this.#round)
    if (message !== undefined) {
      this.#round.add(message.retain ? message.topic : EVENTS)
      return flightOf(message)
    }
    const entry = outbox.next()
    const again = this.#round.size > 0
    if (entry !== undefined) this.#recordsOfRound += 1
    if (entry === undefined || this.#recordsOfRound >= this.#round.size) this.#nextRound()
    if (entry !== undefined) return flightOf(entry.message, entry)
    return again ? this.#next() : undefined
  }

  #nextRound(): void {
    this.#round.clear()
    this.#recordsOfRound = 0
  }

  /** How many may be under way. */
  #window(connection: Connection): number {
    return this.#options.suspicion.window(connection.limits.receiveMaximum, this.#since)
  }

  #hand(connection: Connection, flight: Flight): void {
    this.#flights.add(flight)
    connection.send(flight.message, (error) => {
      if (error === undefined) this.#taken(flight)
      if (this.#connection !== connection) return
      // Anything else is the connection's end: it will be sent again on the next one.
      if (error !== undefined && !error.refused) return
      this.#flights.delete(flight)
      if (error !== undefined) this.#refused(flight, error)
      // Not one message for each acknowledgement: what waits shares a write, which costs more than all in it.
      if (this.#flights.size <= this.#window(connection) / 2) this.send()
    })
  }

  #taken({ message, entry, suspect }: Flight): void {
    const { live, outbox, suspicion, onTaken } = this.#options
    if (entry !== undefined) outbox.acknowledged(entry)
    else live.taken(message)
    if (entry !== undefined || message.retain) suspicion.cleared(suspect)
    onTaken(message)
  }

  #refused({ message, entry }: Flight, error: ConnectionError): void {
    const { outbox, onRefused } = this.#options
    if (entry !== undefined) outbox.refused(entry, error.kind)
    onRefused(message, error)
  }

  #wake(): void {
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}

function flightOf(message: Message, entry?: Entry): Flight {
  const { topic, payload, qos } = message
  return { message, entry, suspect: { topic, bytes: Buffer.byteLength(payload), qos } }
}

function hangsUp(): ConnectionError {
  return new ConnectionError('hangs-up', 'the broker hung up at it: is it too large, or is the topic not allowed?', {
    refused: true,
  })
}
