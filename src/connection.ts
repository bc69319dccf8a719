/**
 * One connection to the broker, from CONNECT to its end, over MQTT.js. Never reused: after its end `mqtt.ts` makes
 * a new one, so no state of the client library outlives a failure, and a changed password is seen.
 */
import { readFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { type IClientOptions, type IDisconnectPacket, MqttClient } from 'mqtt'
import type { MqttConfig } from './config/schema.ts'
import { ConnectionError, failure, refusal } from './mqtt-errors.ts'
import type { Message } from './telemetry.ts'

export interface ConnectOptions {
  readonly config: MqttConfig & { readonly client_id: string }
  readonly protocol: 4 | 5
  readonly password: string | undefined
  readonly will: Message
  readonly onMessage: (topic: string, payload: Uint8Array, retained: boolean) => void
}

export interface Connection {
  /** What the broker can do, as far as it says. */
  readonly limits: Limits
  /** Resolves when the broker has acknowledged it (QoS 0: when it is written). @throws ConnectionError */
  publish(message: Message): Promise<void>
  /** Subscribes at QoS 2, with Retain As Published. @throws ConnectionError when the broker refuses */
  subscribe(filter: string): Promise<void>
  /** Resolves with the reason when the connection has ended, also after `end`. Never rejects. */
  readonly closed: Promise<ConnectionError>
  /** Says goodbye, so that the broker does not publish the will. */
  end(): Promise<void>
  /** Cuts the connection at once. */
  destroy(): void
}

export interface Limits {
  /** QoS 1 messages that may be under way. */
  readonly receiveMaximum: number
  readonly maximumQos: 0 | 1
  readonly retainAvailable: boolean
}

/** From the first byte to CONNACK, ms. */
export const CONNECT_TIMEOUT_MS = 10_000
/** Where the broker names no Receive Maximum: what Mosquitto allows by default (mosquitto.conf, max_inflight_messages). */
const DEFAULT_WINDOW = 20

/**
 * The largest packet that the broker may send us, bytes (MQTT 5.0, section 3.1.2.11.4). What is larger the broker keeps
 * to itself; without the limit, a message of 256 MB would be taken in whole. Far above any command, so that one that is
 * merely too long is still answered with the reason. MQTT 3.1.1 has no such word.
 */
const LARGEST_PACKET = 2 * 1024 * 1024

/**
 * Opens a connection.
 *
 * @throws ConnectionError; on abort the signal's reason
 */
export async function connect(options: ConnectOptions, signal: AbortSignal): Promise<Connection> {
  const dial = await dialer(options.config)
  signal.throwIfAborted()
  const client = new MqttClient(dial, clientOptions(options))
  let reason: ConnectionError | undefined

  const closed = new Promise<ConnectionError>((resolve) => {
    client.once('close', () => {
      resolve(reason ?? new ConnectionError('closed', 'the broker ended the connection'))
      client.end(true)
    })
  })
  client.on('error', (error) => {
    reason ??=
      error instanceof Error && 'code' in error && typeof error.code === 'number' ? refusal(error.code) : failure(error)
    // Not every error of the client library closes its stream: a keep-alive or protocol failure must not linger.
    client.stream.destroy()
  })
  client.on('disconnect', (packet: IDisconnectPacket) => {
    reason = refusal(packet.reasonCode ?? 0, packet.properties?.reasonString)
  })
  client.on('message', (topic, payload, packet) => options.onMessage(topic, payload, packet.retain))

  const limits = await established(client, closed, signal)
  const pending = new Set<(error: ConnectionError) => void>()
  void closed.then((error) => {
    for (const reject of pending) reject(error)
  })

  /** A callback of the client library as a promise that the end of the connection rejects, too. */
  const request = (start: (done: (error?: Error | null) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      pending.add(reject)
      start((error) => {
        pending.delete(reject)
        if (error === undefined || error === null) resolve()
        else reject('code' in error && typeof error.code === 'number' ? refusal(error.code) : failure(error))
      })
    })

  return {
    limits,
    closed,
    publish: ({ topic, payload, qos, retain, expiresMs }) =>
      request((done) => {
        const properties =
          options.protocol === 5 && expiresMs !== undefined
            ? { properties: { messageExpiryInterval: Math.max(1, Math.ceil(expiresMs / 1000)) } }
            : {}
        const lowered = {
          qos: qos === 1 ? limits.maximumQos : qos,
          retain: retain && limits.retainAvailable,
        }
        client.publish(topic, payload, { ...lowered, ...properties }, done)
      }),
    subscribe: (filter) => request((done) => client.subscribe(filter, { qos: 2, rap: true, rh: 0 }, done)),
    end: () =>
      new Promise((resolve) => {
        client.end(false, () => resolve())
      }),
    destroy: () => {
      client.stream.destroy()
    },
  }
}

async function established(client: MqttClient, closed: Promise<ConnectionError>, signal: AbortSignal): Promise<Limits> {
  const abort = (): void => {
    client.stream.destroy()
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    const connack = await Promise.race([
      new Promise<{ properties?: Record<string, unknown> }>((resolve) =>
        client.once('connect', (packet) => resolve({ ...packet })),
      ),
      closed,
    ])
    signal.throwIfAborted()
    if (connack instanceof ConnectionError) throw connack
    const { receiveMaximum, maximumQoS, retainAvailable } = connack.properties ?? {}
    return {
      receiveMaximum: typeof receiveMaximum === 'number' ? receiveMaximum : DEFAULT_WINDOW,
      maximumQos: maximumQoS === 0 ? 0 : 1,
      retainAvailable: retainAvailable !== false,
    }
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function clientOptions({ config, protocol, password, will }: ConnectOptions): IClientOptions {
  return {
    protocolVersion: protocol,
    protocolId: 'MQTT',
    clientId: config.client_id,
    clean: true, // commands are never replayed
    keepalive: config.keepalive / 1000,
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectPeriod: 0, // a new client for each connection; see the head of this file
    resubscribe: false,
    queueQoSZero: false,
    timerVariant: 'native',
    ...(protocol === 5 ? { properties: { maximumPacketSize: LARGEST_PACKET } } : {}),
    ...(config.username === undefined ? {} : { username: config.username }),
    ...(password === undefined ? {} : { password }),
    will: { topic: will.topic, payload: Buffer.from(will.payload), qos: will.qos, retain: will.retain },
  }
}

/** Makes what opens the socket. Without Nagle's delay: an answer must not wait for the acknowledgement of its command. */
async function dialer({ url, tls }: MqttConfig): Promise<() => Duplex> {
  const { protocol, hostname, port } = new URL(url)
  const host = hostname.replace(/^\[(.*)\]$/, '$1') // an IPv6 address stands in brackets in a URL
  if (protocol === 'mqtt:') {
    return () => connectTcp({ host, port: Number(port || 1883), noDelay: true })
  }
  const [ca, cert, key] = await Promise.all([tls?.ca, tls?.cert, tls?.key].map(readIfGiven))
  return () =>
    connectTls({
      host,
      port: Number(port || 8883),
      servername: tls?.servername ?? host,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    }).setNoDelay(true)
}

async function readIfGiven(file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined
  try {
    return await readFile(file)
  } catch (error) {
    throw failure(error)
  }
}
