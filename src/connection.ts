/**
 * One connection to the broker, from CONNECT to its end, over MQTT.js. Never reused: after its end `mqtt.ts` makes
 * a new one, so no state of the client library outlives a failure, and a changed password or certificate is seen.
 * Every wait has a deadline of ours, whatever the library says of itself: it is known to lose callbacks and to stop
 * for good where a broker vanishes (mqttjs/MQTT.js#1974, Koenkk/zigbee2mqtt#33150). Longer than most files: all that may
 * end a connection is in one place.
 */
import type { Duplex } from 'node:stream'
import { type IConnackPacket, type IDisconnectPacket, MqttClient } from 'mqtt'
import { type Limits, limitsOf, lowered, packetSize, type Takes } from './broker-limits.ts'
import { type Clock, pause } from './clock.ts'
import type { MqttConfig } from './config/schema.ts'
import { LATE, withDeadline } from './deadline.ts'
import { dialer } from './dial.ts'
import { messageOf } from './errors.ts'
import { bounded, createTrimmer } from './inbound-limit.ts'
import { ConnectionError, failure, refusal } from './mqtt-errors.ts'
import { clientOptions, incoming, isError, propertiesOf, refusalOf, tooLarge } from './mqtt-packets.ts'
import { CONNECT_TIMEOUT_MS, early, type Reached, SILENT } from './reached.ts'
import type { Incoming, Message } from './telemetry.ts'

export interface ConnectOptions {
  readonly config: MqttConfig & { readonly client_id: string }
  readonly protocol: 4 | 5
  readonly password: () => Promise<string | undefined>
  /** Undefined: the broker says nothing when the connection breaks. */
  readonly will: Message | undefined
  /** What the broker is known not to take more than, whatever it says. */
  readonly takes: Takes
  /** A message is acknowledged when this returns or, where it gives a promise, when that resolves. */
  readonly onMessage: (message: Incoming) => void | Promise<void>
  /** The broker keeps subscriptions and messages for so long after the connection, ms. Undefined: it forgets. */
  readonly sessionMs?: number | undefined
  /** Payloads beyond this come cut, bytes. Default: what commands need. */
  readonly longestPayload?: number | undefined
  readonly clock: Clock
  /** The folder that stands for `/`. */
  readonly root: string
}

export interface Connection {
  /** What the broker can do, as far as it says. */
  readonly limits: Limits
  /** The broker still had the session of an earlier connection. */
  readonly resumed: boolean
  /** Resolves when the broker has acknowledged it (QoS 0: when it is written). @throws ConnectionError, `refused` where it is the message's fault */
  publish(message: Message): Promise<void>
  /** The same for many messages: `over` is called when `publish` would resolve, or with why it would reject; maybe at once. */
  send(message: Message, over: (error?: ConnectionError) => void): void
  /**
   * Subscribes at QoS 2, or the one given; gives the QoS that was granted. `published` (the default): whatever is or was
   * to be kept shows its flag (Retain As Published). `kept`: only what the broker had kept does, as by MQTT 3.1.1 always.
   * `news`: what it had kept is not even sent.
   *
   * @throws ConnectionError, `refused` where the broker refuses it
   */
  subscribe(filter: string, qos?: 0 | 1 | 2, want?: 'published' | 'kept' | 'news'): Promise<number>
  /** Resolves when the broker has acknowledged it. @throws ConnectionError as `subscribe` */
  unsubscribe(filter: string): Promise<void>
  /** Resolves with the reason when the connection has ended, also after `end`. Never rejects. */
  readonly closed: Promise<ConnectionError>
  /** Says goodbye, so that the broker does not publish the will. */
  end(): Promise<void>
  /** Cuts the connection at once. */
  destroy(): void
}

/** So long may messages and subscriptions be under way without any acknowledgement, ms. */
export const ACK_TIMEOUT_MS = 30_000
const STUCK = `nothing was acknowledged for ${ACK_TIMEOUT_MS / 1000} s: does the broker still work?`

/**
 * Opens a connection.
 *
 * @throws ConnectionError; on abort the signal's reason
 */
export async function connect(options: ConnectOptions, signal: AbortSignal): Promise<Connection> {
  let reached: Reached = 'nothing'
  const attempt = (until: AbortSignal): Promise<Connection> =>
    open(options, until, (step) => {
      reached = step
    })
  const connection = await withDeadline(attempt, CONNECT_TIMEOUT_MS, options.clock, signal).catch((error: unknown) => {
    throw error instanceof ConnectionError ? early(error, reached) : error
  })
  if (connection === LATE) throw new ConnectionError(`timeout-${reached}`, SILENT[reached])
  return connection
}

async function open(
  options: ConnectOptions,
  signal: AbortSignal,
  reached: (step: Reached) => void,
): Promise<Connection> {
  const { protocol, clock, onMessage } = options
  const password = await options.password()
  const dial = await dialer(options.config, options.root)
  signal.throwIfAborted()
  reached('files')

  let socket: Duplex | undefined
  const client = new MqttClient(
    () => {
      const opening = dial.open().once('connect', () => reached(dial.secure ? 'host' : 'broker'))
      opening.once('secureConnect', () => reached('broker'))
      opening.on('error', (error) => finish(failure(error)))
      socket = bounded(opening, createTrimmer(protocol, options.longestPayload))
      socket.on('error', (error) => finish(failure(error)))
      return socket
    },
    clientOptions({ ...options, password }, 2 * CONNECT_TIMEOUT_MS),
  )

  const ended = new AbortController()
  /** Each waits for an answer of the broker, and is told of the end. */
  const pending = new Set<(error: ConnectionError) => void>()
  let resolveClosed = (_: ConnectionError): void => {}
  const closed = new Promise<ConnectionError>((resolve) => {
    resolveClosed = resolve
  })
  /** The end, for the first reason that is given. Waits for nothing that the library would have to say. */
  const finish = (reason: ConnectionError): void => {
    if (ended.signal.aborted) return
    ended.abort()
    socket?.destroy()
    client.end(true)
    resolveClosed(reason)
    const waiting = [...pending]
    pending.clear()
    for (const over of waiting) over(reason)
  }

  let resumed = false
  const established = new Promise<Limits>((resolve) => {
    client.on('packetreceive', (packet) => {
      if (packet.cmd !== 'connack') return
      const { reasonCode, returnCode, properties }: IConnackPacket = packet
      const code = reasonCode ?? returnCode ?? 0
      if (code !== 0) finish(refusal(code, properties?.reasonString))
    })
    client.once('connect', ({ properties, sessionPresent }: IConnackPacket) => {
      resumed = sessionPresent
      resolve(limitsOf({ ...properties }, options.takes))
    })
  })
  /** What `onMessage` made of the last message. */
  let handled: void | Promise<void>
  client.once('close', () => finish(new ConnectionError('closed', 'the broker ended the connection')))
  // What the broker sent as a code has been understood before, from its packet: these codes are the library's own.
  client.on('error', (error) => finish(failure(error)))
  client.on('disconnect', ({ reasonCode, properties }: IDisconnectPacket) => {
    finish(refusal(reasonCode ?? 0, properties?.reasonString))
  })
  client.on('message', (topic, payload, packet) => {
    if (!ended.signal.aborted) handled = onMessage(incoming(topic, payload, packet))
  })
  // The library calls this after its event, acknowledges when it is called back, and goes on to the next message. Called
  // back with an error it goes on, too, and acknowledges nothing: so many messages can wait for their handlers at once.
  client.handleMessage = (_, done) => {
    const working = handled
    handled = undefined
    if (working === undefined) return done()
    done(new Error('acknowledged later'))
    working.then(
      () => {
        if (!ended.signal.aborted) done()
      },
      (error: unknown) => finish(new ConnectionError('unhandled', `a message was not taken: ${messageOf(error)}`)),
    )
  }
  const abort = (): void => finish(new ConnectionError('aborted', 'the connection was called off'))
  signal.addEventListener('abort', abort, { once: true })
  client.connect()

  const connack = await Promise.race([established, closed])
  signal.removeEventListener('abort', abort)
  signal.throwIfAborted()
  if (connack instanceof ConnectionError) throw connack
  const limits = connack

  /** When something was last acknowledged, or was sent after nothing had been under way; monotonic, ms. */
  let progressed = 0
  let watched = false
  /** Ends the connection where nothing is acknowledged for too long; until nothing is under way. */
  const watch = async (): Promise<void> => {
    watched = true
    while (pending.size > 0) {
      const leftMs = progressed + ACK_TIMEOUT_MS - clock.monotonic()
      if (leftMs > 0) await pause(clock, leftMs, ended.signal)
      else finish(new ConnectionError('stuck', STUCK))
    }
    watched = false
  }

  /**
   * Has the client library do something, and calls `over` with its answer, or with why there is none: the broker's refusal
   * or the end of the connection.
   */
  const request = <T>(
    start: (done: (error: unknown, answer?: T, packet?: unknown) => void) => void,
    over: (error: ConnectionError | undefined, answer?: T) => void,
  ): void => {
    if (ended.signal.aborted) {
      void closed.then(over)
      return
    }
    if (pending.size === 0) progressed = clock.monotonic()
    pending.add(over)
    start((error, answer, packet) => {
      const refused = refusalOf(error, packet ?? answer)
      if (isError(error) && refused === undefined) {
        // The library gives up on what is under way before it tells why: its next event has the reason.
        setImmediate(() => finish(failure(error)))
        return
      }
      progressed = clock.monotonic()
      if (pending.delete(over)) over(refused, answer)
    })
    if (!watched && pending.has(over)) void watch()
  }

  const send = (message: Message, over: (error?: ConnectionError) => void): void => {
    const fitting = lowered(message, limits)
    const size = packetSize(fitting, protocol)
    if (size > limits.maximumPacketSize) {
      over(tooLarge(size, limits.maximumPacketSize))
      return
    }
    const { topic, payload, qos, retain } = fitting
    const properties = protocol === 5 ? propertiesOf(fitting) : undefined
    const options = properties === undefined ? { qos, retain } : { qos, retain, properties }
    request((done) => client.publish(topic, payload, options, done), over)
  }

  /** The same as a promise. */
  const asked = <T>(start: (over: (error: ConnectionError | undefined, answer?: T) => void) => void) =>
    new Promise<T | undefined>((resolve, reject) =>
      start((error, answer) => (error === undefined ? resolve(answer) : reject(error))),
    )

  return {
    limits,
    resumed,
    closed,
    send,
    publish: (message) => asked<void>((over) => send(message, over)),
    async subscribe(filter, qos = 2, want = 'published') {
      const options = { qos, rap: want === 'published', rh: want === 'news' ? 2 : 0 }
      const granted = await asked<{ readonly qos: number }[]>((over) =>
        request((done) => client.subscribe(filter, options, done), over),
      )
      return granted?.[0]?.qos ?? qos
    },
    unsubscribe: (filter) =>
      asked<void>((over) => request((done) => client.unsubscribe(filter, (error) => done(error)), over)),
    end: () =>
      new Promise((resolve) => {
        client.end(false, () => resolve())
      }),
    destroy: () => finish(new ConnectionError('destroyed', 'the connection was cut')),
  }
}
