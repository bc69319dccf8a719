/** Between our words and those of the client library: what is asked of it, what it hands over, what an error means. Pure. */
import type { IClientOptions, IPublishPacket } from 'mqtt'
import type { MqttConfig } from './config/schema.ts'
import { ConnectionError, refusal } from './mqtt-errors.ts'
import type { Incoming, Message } from './telemetry.ts'

/**
 * The largest packet that the broker may send us, bytes (MQTT 5.0, section 3.1.2.11.4). What is larger the broker keeps
 * to itself; without the limit, a message of 256 MB would be taken in whole. Far above any command, so that one that is
 * merely too long is still answered with the reason. For MQTT 3.1.1, which has no such word, see `inbound-limit.ts`.
 */
const LARGEST_PACKET = 2 * 1024 * 1024

export interface ClientConfig {
  readonly config: MqttConfig & { readonly client_id: string }
  readonly protocol: 4 | 5
  readonly will: Message | undefined
  readonly password: string | undefined
  readonly sessionMs?: number | undefined
}

export function isError(error: unknown): error is Error {
  return error !== undefined && error !== null
}

/** What the broker answered to one request, where that is a refusal. The library puts its code on the error, or only on the packet. */
export function refusalOf(error: unknown, answer: unknown): ConnectionError | undefined {
  if (!isError(error)) return undefined
  const packet = typeof answer === 'object' && answer !== null ? answer : {}
  const granted = 'granted' in packet && Array.isArray(packet.granted) ? packet.granted[0] : undefined
  const code: unknown = 'code' in error ? error.code : granted
  if (typeof code !== 'number') return undefined
  const properties = 'properties' in packet ? packet.properties : undefined
  const words =
    typeof properties === 'object' && properties !== null && 'reasonString' in properties
      ? properties.reasonString
      : undefined
  return refusal(code, typeof words === 'string' ? words : undefined, 'refused')
}

export function tooLarge(size: number, most: number): ConnectionError {
  const reason = `it has ${size} bytes, and the broker takes at most ${most} (its Maximum Packet Size)`
  return new ConnectionError('too-large', reason, { refused: true })
}

/** Undefined: there are none, as of most messages. */
export function propertiesOf({ expiresMs, correlation, replyTo }: Message): IPublishPacket['properties'] {
  if (expiresMs === undefined && correlation === undefined && replyTo === undefined) return undefined
  return {
    ...(expiresMs === undefined ? {} : { messageExpiryInterval: Math.max(1, Math.ceil(expiresMs / 1000)) }),
    ...(correlation === undefined ? {} : { correlationData: Buffer.from(correlation) }),
    ...(replyTo === undefined ? {} : { responseTopic: replyTo }),
  }
}

export function incoming(topic: string, payload: Buffer, { retain, properties }: IPublishPacket): Incoming {
  if (properties === undefined) return { topic, payload, retained: retain } // of nearly every message
  const { responseTopic, correlationData, messageExpiryInterval } = properties
  return {
    topic,
    payload,
    retained: retain,
    ...(responseTopic === undefined ? {} : { replyTo: responseTopic }),
    ...(correlationData === undefined ? {} : { correlation: correlationData }),
    ...(messageExpiryInterval === undefined ? {} : { expiresMs: messageExpiryInterval * 1000 }),
  }
}

/** `connectMs` is for the library's own deadline, which comes after ours. */
export function clientOptions(
  { config, protocol, will, password, sessionMs }: ClientConfig,
  connectMs: number,
): IClientOptions {
  return {
    protocolVersion: protocol,
    protocolId: 'MQTT',
    clientId: config.client_id,
    clean: sessionMs === undefined, // commands are never replayed
    keepalive: config.keepalive / 1000,
    connectTimeout: connectMs,
    manualConnect: true,
    reconnectPeriod: 0, // a new client for each connection; see the head of this file
    resubscribe: false,
    queueQoSZero: false,
    timerVariant: 'native',
    writeCache: false, // a table of all numbers that a packet can have, 12 MB
    // No Receive Maximum: Mosquitto 2.0.11 goes beyond it at QoS 2, and the client library then ends the connection.
    ...(protocol === 5
      ? {
          properties: {
            maximumPacketSize: LARGEST_PACKET,
            ...(sessionMs === undefined ? {} : { sessionExpiryInterval: Math.ceil(sessionMs / 1000) }),
          },
        }
      : {}),
    ...(config.username === undefined ? {} : { username: config.username }),
    ...(password === undefined ? {} : { password }),
    ...(will === undefined
      ? {}
      : { will: { topic: will.topic, payload: Buffer.from(will.payload), qos: will.qos, retain: will.retain } }),
  }
}
