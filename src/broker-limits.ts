/** What a broker takes, as its CONNACK says (MQTT 5 section 3.2.2.3), and how large a message of ours is to it. Pure. */
import type { Message } from './telemetry.ts'

export interface Takes {
  readonly maximumQos: 0 | 1 | 2
  readonly retainAvailable: boolean
}

export interface Limits extends Takes {
  /** Messages that may be under way. */
  readonly receiveMaximum: number
  /** Bytes of a whole packet. */
  readonly maximumPacketSize: number
}

/** Where the broker names no Receive Maximum: what Mosquitto allows by default (mosquitto.conf, max_inflight_messages). */
const DEFAULT_WINDOW = 20
/** However many the broker would take: what is under way is sent twice when the connection breaks. */
const LARGEST_WINDOW = 100
/** The largest packet that MQTT knows: a length of four bytes, MQTT 5 section 2.1.4. */
const LARGEST_PACKET = 268_435_460

/** From the properties of a CONNACK; MQTT 3.1.1 has none. `most`: what is known otherwise. */
export function limitsOf(properties: Readonly<Record<string, unknown>>, most: Takes): Limits {
  const { receiveMaximum, maximumQoS, retainAvailable, maximumPacketSize } = properties
  return {
    receiveMaximum: Math.min(positive(receiveMaximum) ?? DEFAULT_WINDOW, LARGEST_WINDOW),
    maximumQos: lower(maximumQoS === 0 ? 0 : maximumQoS === 1 ? 1 : 2, most.maximumQos),
    retainAvailable: retainAvailable !== false && most.retainAvailable,
    maximumPacketSize: positive(maximumPacketSize) ?? LARGEST_PACKET,
  }
}

function lower<T extends number>(one: T, other: T): T {
  return one < other ? one : other
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? value : undefined
}

/** The message as this broker takes it. */
export function lowered(message: Message, { maximumQos, retainAvailable }: Takes): Message {
  const qos = message.qos > maximumQos ? maximumQos : message.qos
  const retain = message.retain && retainAvailable
  return qos === message.qos && retain === message.retain ? message : { ...message, qos, retain }
}

/** Bytes of the PUBLISH packet of a message, MQTT 5 section 3.3. */
export function packetSize({ topic, payload, qos, expiresMs, correlation }: Message, version: 4 | 5): number {
  let rest = 2 + Buffer.byteLength(topic) + (qos === 0 ? 0 : 2) + Buffer.byteLength(payload)
  if (version === 5) {
    // An identifier and four bytes; an identifier, two bytes of length and the data.
    const properties = (expiresMs === undefined ? 0 : 5) + (correlation === undefined ? 0 : 3 + correlation.byteLength)
    rest += variableSize(properties) + properties
  }
  return 1 + variableSize(rest) + rest
}

/** Bytes of a variable byte integer, MQTT 5 section 1.5.5. */
function variableSize(value: number): number {
  return value < 128 ? 1 : 1 + variableSize(Math.floor(value / 128))
}
