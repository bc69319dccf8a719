/**
 * The link to the broker: connects, and connects again for as long as the agent lives; on each connect subscribes,
 * publishes the birth and every state, then drains the outbox. The broker may be absent, refuse, or go away at
 * any time: nothing else in the agent waits for it. Longer than most files here: a connection from its beginning to
 * its end, and what is told of it, is safer read in one place.
 */
import { type BackoffOptions, fullJitter } from './backoff.ts'
import { type Clock, calledOff, pause } from './clock.ts'
import type { MqttConfig } from './config/schema.ts'
import { ACK_TIMEOUT_MS, type Connection, connect } from './connection.ts'
import { withDeadline } from './deadline.ts'
import { Dialect } from './dialect.ts'
import { FaultLog } from './faults.ts'
import { type Kept, LiveView } from './live.ts'
import type { Logger } from './log.ts'
import { ConnectionError, failure } from './mqtt-errors.ts'
import type { Outbox } from './outbox.ts'
import { CONNECT_TIMEOUT_MS } from './reached.ts'
import { Sender } from './sender.ts'
import { deliver, type Subscription } from './subscriptions.ts'
import { HANG_UPS, type Suspect, Suspicion } from './suspicion.ts'
import type { Incoming, Message } from './telemetry.ts'

export type LinkConfig = MqttConfig & { readonly client_id: string }

export interface MqttOptions {
  readonly config: LinkConfig
  /** Read afresh for each connection, so that a corrected password needs no restart. */
  readonly password: (config: MqttConfig) => Promise<string | undefined>
  readonly will: Message
  /** What is said first on each connect. */
  readonly birth: () => readonly Message[]
  /** What is heard. Asked on each connect, and by `resubscribe`. */
  readonly subscriptions: () => readonly Subscription[]
  /** Called on each change. */
  readonly onConnected: (connected: boolean) => void
  /** Something is less than it should be, which health is to tell at once. */
  readonly onChange: () => void
  readonly outbox: Outbox
  /** What the broker keeps of us; without it nobody remembers. */
  readonly kept?: Kept & { keep(topic: string): Promise<void> }
  /** The broker has it, be it a record or of the live view. */
  readonly onTaken?: (message: Message) => void
  readonly clock: Clock
  readonly log: Logger
  /** The loop will beat again within this time, ms, if all is well. A broker that is away is no reason not to. */
  readonly beat: (withinMs: number) => void
  readonly random: () => number
  /** The folder that stands for `/`. */
  readonly root: string
}

/** What a connection gives, for health. */
export interface Session {
  readonly version: '5' | '3.1.1'
  /** When a record counts as delivered. */
  readonly delivered: 'acknowledged' | 'written to the socket'
  /** Of each subscription, by its name: `heard`, at which quality of service where that is not 2, or why not. Absent: nobody answered yet. */
  readonly [subscription: string]: string
}

const RECONNECT: BackoffOptions = { firstMs: 1000, longestMs: 60_000 }
/** A connection that ends sooner than this counts as a failure: two clients that kick each other must not spin. */
const STABLE_MS = 10_000
/** How often the loop shows that it lives while there is nothing to do for it. */
const BEAT_MS = 20_000
/** On top of what a step may take before the loop counts as stuck. */
const BEAT_SLACK_MS = 20_000
/** For the end of a connection that was a trial. */
const GOODBYE_MS = 1000
const HEARD = 'heard'
/** Before another configuration is gone by: for what waits, and for the goodbye to the broker. */
const MOVE = { drainMs: 1000, ackMs: 2000 }
/** So many topics are told apart in complaints. */
const MAX_COMPLAINTS = 256
/** So many short connections in a row look like another client with our id. */
const KICKS = 3

export class Mqtt {
  /** Resolves when the first try at the broker is over: it has been told what it is told first, or could not be. */
  readonly tried: Promise<void>
  #tried = (): void => {}
  readonly #options: MqttOptions
  readonly #live: LiveView
  readonly #faults: FaultLog
  #config: LinkConfig
  #dialect: Dialect
  /** Aborted and replaced when the configuration changes: whatever goes on with the old one ends. */
  #outdated = new AbortController()
  readonly #sender: Sender
  readonly #suspicion: Suspicion
  #connection: Connection | undefined
  #session: Session | undefined
  /** Filters whose SUBACK has not come. */
  readonly #subscribing = new Set<string>()
  /** Those of this connection, answered or not. */
  readonly #subscribed = new Map<string, Subscription>()
  /** Topics whose last message was refused, and how: told once. */
  readonly #complained = new Map<string, string>()
  #droppedLive = 0
  #connects = 0
  #lastError: string | undefined

  constructor(options: MqttOptions) {
    this.tried = new Promise((resolve) => {
      this.#tried = resolve
    })
    this.#options = options
    this.#live = new LiveView(options.clock, options.kept)
    this.#suspicion = new Suspicion(options.clock)
    this.#sender = new Sender({
      live: this.#live,
      outbox: options.outbox,
      suspicion: this.#suspicion,
      clock: options.clock,
      onRefused: (message, error) => this.#refused(message, error),
      onTaken: (message) => {
        this.#complained.delete(message.topic)
        if (message.qos === 2) this.#dialect.sentAt2(true)
        this.#live.taken(message)
        options.onTaken?.(message)
      },
    })
    this.#faults = new FaultLog(options.log, 'broker connection')
    this.#config = options.config
    this.#dialect = new Dialect(options.config.protocol, options.will, options.log)
  }

  get connected(): boolean {
    return this.#connection !== undefined
  }

  /** Connections after the first. */
  get reconnects(): number {
    return Math.max(0, this.#connects - 1)
  }

  /** Why the last connection failed or ended. */
  get lastError(): string | undefined {
    return this.#lastError
  }

  /** Of the present connection; undefined while there is none. */
  get session(): Session | undefined {
    return this.#session
  }

  /** Messages of the live view that were lost, by reason. */
  get dropped(): Readonly<Record<string, number>> {
    const events = this.#live.droppedEvents
    return { ...(events === 0 ? {} : { events }), ...(this.#droppedLive === 0 ? {} : { live: this.#droppedLive }) }
  }

  /** Publishes now or, where it is retained, the newest of its topic on the next connect. */
  publish(message: Message): void {
    if (!message.retain && !this.connected) return // an event is for those who listen now
    this.#live.put(message)
    this.#sender.send()
  }

  /** Takes leave of the broker, and connects as this configuration says. */
  apply(config: LinkConfig): void {
    this.#config = config
    this.#dialect = new Dialect(config.protocol, this.#options.will, this.#options.log)
    this.#suspicion.forget()
    this.#outdated.abort()
    this.#outdated = new AbortController()
  }

  /** What is to be heard may have changed: subscribes to what is new, and no longer to what is not in it. */
  resubscribe(): void {
    const connection = this.#connection
    if (connection === undefined) return
    const wanted = new Map(this.#options.subscriptions().map((one) => [one.filter, one]))
    for (const [filter, one] of this.#subscribed) if (!wanted.has(filter)) void this.#unsubscribe(connection, one)
    for (const [filter, one] of wanted) if (!this.#subscribed.has(filter)) void this.#subscribe(connection, one)
  }

  /** The node keeps something on these topics alone: what others were told last is not told again. */
  keepOnly(topics: ReadonlySet<string>): void {
    this.#live.keepOnly(topics)
  }

  /** Sends what was put into the outbox, as far as the connection takes it. */
  drain(): void {
    this.#sender.send()
  }

  /** Resolves when nothing waits for the broker, or there is no connection. */
  idle(): Promise<void> {
    return this.#sender.idle()
  }

  /** Keeps the link up until the signal aborts. The connection stays open then, for `close`. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#keepUp(AbortSignal.any([signal, this.#outdated.signal]))
      if (!signal.aborted && this.#connection !== undefined) await this.#move(this.#connection)
    }
  }

  /** Until the signal aborts, as `run`. */
  async #keepUp(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    let failures = 0
    let short = 0
    while (!signal.aborted) {
      let error: ConnectionError
      let accepted = false
      const started = clock.monotonic()
      try {
        const connection = await this.#connect(signal)
        if (!this.#dialect.usable()) {
          await withDeadline(() => connection.end(), GOODBYE_MS, clock)
          connection.destroy()
          continue
        }
        accepted = true
        const ended = await this.#hold(connection, signal)
        if (ended === undefined) return
        error = ended
        this.#dialect.ended()
        short = clock.monotonic() - started < STABLE_MS ? short + 1 : 0
        failures = short
        if (short >= KICKS && error.kind === 'closed') error = kicked(this.#config.client_id)
      } catch (thrown) {
        if (calledOff(thrown, signal)) return
        error = thrown instanceof ConnectionError ? thrown : failure(thrown)
        failures += 1
        short = 0
      }
      this.#tried()
      this.#lastError = error.message
      this.#faults.happened(error, { broker: this.#config.url })
      if (!accepted && this.#dialect.adapt(error)) continue
      const delay = failures === 0 ? 0 : fullJitter(failures, RECONNECT, this.#options.random)
      log.debug({ ms: Math.round(delay) }, 'next try at the broker')
      this.#options.beat(delay + BEAT_SLACK_MS)
      await pause(clock, delay, signal)
    }
  }

  /**
   * Ends the connection: gives what waits `drainMs` to be sent, then publishes `last`, gives its acknowledgement
   * `ackMs`, and says goodbye.
   */
  async close(last: Message, { drainMs, ackMs }: { readonly drainMs: number; readonly ackMs: number }): Promise<void> {
    await withDeadline(() => this.idle(), drainMs, this.#options.clock)
    if (this.#connection !== undefined) await this.#leave(this.#connection, last, ackMs)
  }

  /** Leaves the broker for the next connection; to it, the node is offline from here on. */
  async #move(connection: Connection): Promise<void> {
    const { beat, clock, will, onConnected } = this.#options
    beat(MOVE.drainMs + MOVE.ackMs + BEAT_SLACK_MS)
    // Who asked for the change by a request is answered where they asked.
    await withDeadline(() => this.idle(), MOVE.drainMs, clock)
    if (this.#connection === connection) {
      this.#drop() // of the goodbye nobody is suspected
      onConnected(false)
    }
    await this.#leave(connection, will, MOVE.ackMs)
  }

  async #leave(connection: Connection, last: Message, ackMs: number): Promise<void> {
    const { clock, log } = this.#options
    const farewell = async (): Promise<void> => {
      await connection.publish(last)
      await connection.end()
    }
    const failed = await withDeadline(farewell, ackMs, clock).catch(failure)
    if (failed !== undefined) log.warn('the last message was not acknowledged in time')
    if (this.#connection === connection) this.#drop()
    connection.destroy()
  }

  async #connect(signal: AbortSignal): Promise<Connection> {
    const { beat, clock, root } = this.#options
    const config = this.#config
    const password = (): Promise<string | undefined> => this.#options.password(config)
    beat(CONNECT_TIMEOUT_MS + BEAT_SLACK_MS)
    const { protocol, will, takes } = this.#dialect
    await this.#options.kept?.keep(will.topic) // the broker may publish it from now on
    const onMessage = (message: Incoming): void => deliver(message, this.#subscribed.values())
    return connect({ config, protocol, password, will, takes, onMessage, clock, root }, signal)
  }

  /** Everything that a new connection needs, in one place; then until it ends. Undefined: the signal aborted. */
  async #hold(connection: Connection, signal: AbortSignal): Promise<ConnectionError | undefined> {
    const { birth, subscriptions, outbox, log, clock } = this.#options
    const config = this.#config
    const since = clock.monotonic()
    const { limits, closed } = connection
    this.#connection = connection
    this.#subscribed.clear()
    this.#connects += 1
    void closed.then((reason) => this.#lost(connection, reason, since))
    this.#faults.ended()
    const version = this.#dialect.protocol === 5 ? '5' : '3.1.1'
    this.#session = { version, delivered: limits.maximumQos === 0 ? 'written to the socket' : 'acknowledged' }
    log.info({ broker: config.url, protocol: version, clientId: config.client_id }, 'connected')
    this.#dialect.accepted(limits)
    // Packets go out in this order, without waiting: who sees `online` can send a command.
    const subscribed = subscriptions().map((one) => this.#subscribe(connection, one))
    this.#options.beat(ACK_TIMEOUT_MS + BEAT_SLACK_MS)
    if (this.#suspicion.careful) await Promise.race([Promise.all(subscribed), closed])
    outbox.rewind()
    this.#live.resendAll(birth())
    if (this.#connection === connection) {
      this.#options.onConnected(true)
      this.#sender.attach(connection)
    }
    this.#tried()
    return this.#untilEnd(connection, signal)
  }

  /** Never rejects: what the broker answers is told where people look. */
  async #subscribe(connection: Connection, asked: Subscription): Promise<void> {
    const { name, filter } = asked
    const { log } = this.#options
    this.#subscribed.set(filter, asked)
    const tell = (how: string): void => {
      if (this.#connection !== connection || this.#session === undefined) return
      this.#session = { ...this.#session, [name]: how }
      if (how !== HEARD) this.#options.onChange()
    }
    const refused = (reason: string): void => {
      this.#lastError = `the broker refused the subscription to ${filter}: ${reason}`
      tell(`none: ${this.#lastError}`)
      log.error({ filter, reason }, `the broker refused a subscription: no ${name} are heard; check its access rules`)
    }
    const suspect = subscription(filter)
    if (this.#suspicion.guilty(suspect)) return refused('it hung up at it')
    this.#subscribing.add(filter)
    try {
      const qos = await connection.subscribe(filter)
      this.#suspicion.cleared(suspect)
      tell(qos === 2 ? HEARD : `${HEARD} at quality of service ${qos}`)
      if (qos < 2)
        log.warn({ filter, qos }, `the broker granted less than quality of service 2: ${name} may come twice`)
    } catch (error) {
      const { refused: ours, message } = failure(error)
      if (ours && this.#connection === connection) refused(message) // else the connection ended, and says why
    } finally {
      this.#subscribing.delete(filter)
    }
  }

  /** Never rejects: whatever still comes is heard by nobody. */
  async #unsubscribe(connection: Connection, { name, filter }: Subscription): Promise<void> {
    this.#subscribed.delete(filter)
    if (this.#session !== undefined) {
      const { [name]: _, ...rest } = this.#session
      this.#session = { version: this.#session.version, delivered: this.#session.delivered, ...rest }
    }
    await connection.unsubscribe(filter).catch((error: unknown) => {
      this.#options.log.debug({ filter, reason: failure(error).message }, 'the subscription could not be ended')
    })
  }

  /** Waits, beating, until the connection has ended, which is the result, or the signal aborts. */
  async #untilEnd({ closed }: Connection, signal: AbortSignal): Promise<ConnectionError | undefined> {
    const { beat, clock } = this.#options
    const over = new AbortController()
    let ended: ConnectionError | undefined
    // One reaction for the whole connection: a race with `closed` at each beat would pile them up for months.
    void closed.then((error) => {
      ended = error
      over.abort()
    })
    const abort = (): void => over.abort()
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) over.abort()
    while (!over.signal.aborted) {
      beat(BEAT_MS + BEAT_SLACK_MS)
      await pause(clock, BEAT_MS, over.signal)
    }
    signal.removeEventListener('abort', abort)
    return signal.aborted ? undefined : ended
  }

  #lost(connection: Connection, reason: ConnectionError, since: number): void {
    if (this.#connection !== connection) return
    const underWay = [...[...this.#subscribing].map(subscription), ...this.#drop()]
    if (HANG_UPS.has(reason.kind) && underWay.some(({ qos }) => qos === 2)) this.#dialect.sentAt2(false)
    const guilty = this.#suspicion.ended(reason, underWay, since)
    if (guilty !== undefined) this.#options.log.debug({ topic: guilty.topic }, 'the broker hangs up at this')
    this.#options.onConnected(false)
  }

  /** There is no connection from now on. Gives back what was under way. */
  #drop(): Suspect[] {
    this.#connection = undefined
    this.#session = undefined
    return this.#sender.detach()
  }

  /** A message that will never arrive: counted, and told when it begins, for each topic. */
  #refused({ topic, retain, payload }: Message, { kind, message: reason }: ConnectionError): void {
    this.#lastError = `${topic} was not delivered: ${reason}`
    if (retain) this.#droppedLive += 1
    const again = this.#complained.get(topic) === kind
    // Topics of answers come from outside: not to be kept without a bound.
    if (this.#complained.size >= MAX_COMPLAINTS) this.#complained.clear()
    this.#complained.set(topic, kind)
    const fields = { topic, reason, bytes: Buffer.byteLength(payload) }
    this.#options.log[again ? 'debug' : 'warn'](fields, 'a message can’t be delivered: dropped')
  }
}

/** A subscription, as something at which a broker may hang up. */
function subscription(filter: string): Suspect {
  return { topic: `subscription to ${filter}`, bytes: 1 }
}

function kicked(clientId: string): ConnectionError {
  const reason = `the broker ends each connection soon after it began: is another client using the client id ${clientId}, or does the broker itself end?`
  return new ConnectionError('kicked', reason)
}
