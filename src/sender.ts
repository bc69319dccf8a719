/**
 * Hands messages to the connection: the live view first, then records, and never more under way than the broker
 * takes. What the end of a connection leaves unacknowledged is for the next one; `mqtt.ts` sees to that.
 */
import type { Connection } from './connection.ts'
import type { LiveView } from './live.ts'
import { ConnectionError, failure } from './mqtt-errors.ts'
import type { Entry, Outbox } from './outbox.ts'
import type { Message } from './telemetry.ts'

export interface SenderOptions {
  readonly live: LiveView
  readonly outbox: Outbox
  /** The broker acknowledged with a reason code of a failure: the message is gone. */
  readonly onRefused: (message: Message, reason: string) => void
}

export class Sender {
  readonly #options: SenderOptions
  #connection: Connection | undefined
  #underWay = 0
  #idle: (() => void)[] = []

  constructor(options: SenderOptions) {
    this.#options = options
  }

  /** From now on messages go there. */
  attach(connection: Connection): void {
    this.#connection = connection
    this.#underWay = 0
    this.send()
  }

  /** The connection is gone. */
  detach(): void {
    this.#connection = undefined
    this.#wake()
  }

  /** Sends as much as may be under way. */
  send(): void {
    const connection = this.#connection
    if (connection === undefined) return
    while (this.#underWay < connection.limits.receiveMaximum) {
      const message = this.#options.live.next()
      if (message !== undefined) {
        this.#hand(connection, message)
        continue
      }
      const entry = this.#options.outbox.next()
      if (entry === undefined) break
      this.#hand(connection, entry.message, entry)
    }
    if (this.#underWay === 0) this.#wake()
  }

  /** Resolves when nothing waits for the broker, or there is no connection. */
  async idle(): Promise<void> {
    const { live, outbox } = this.#options
    while (this.#connection !== undefined && (this.#underWay > 0 || live.waiting || outbox.depth > 0)) {
      await new Promise<void>((resolve) => this.#idle.push(resolve))
    }
  }

  #hand(connection: Connection, message: Message, entry?: Entry): void {
    const { outbox, onRefused } = this.#options
    this.#underWay += 1
    connection
      .publish(message)
      .then(
        () => {
          if (entry !== undefined) outbox.acknowledged(entry)
        },
        (error: unknown) => {
          if (this.#connection !== connection) return // it will be sent again on the next one
          const { message: reason, kind } = error instanceof ConnectionError ? error : failure(error)
          onRefused(message, reason)
          if (entry !== undefined) outbox.refused(entry, kind)
        },
      )
      .finally(() => {
        if (this.#connection !== connection) return
        this.#underWay -= 1
        this.send()
      })
  }

  #wake(): void {
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
