/** Something that speaks as much MQTT as a test says, and misbehaves as it says. Knows packets, not rules. */
import { createServer, type Socket } from 'node:net'

export interface Packet {
  readonly type: number
  readonly flags: number
  /** After the fixed header. */
  readonly body: Buffer
  /** The whole, bytes. */
  readonly size: number
}

export interface Published {
  readonly topic: string
  readonly payload: string
  readonly qos: number
  readonly retain: boolean
  readonly id: number
  readonly size: number
}

export interface Peer {
  readonly socket: Socket
  readonly version: 4 | 5
  readonly published: Published[]
  send(...bytes: (number | Buffer)[]): void
  puback(id: number, code?: number, reason?: string): void
}

export interface Script {
  /** Properties of the CONNACK, encoded, or another answer. Default: none. */
  readonly connack?: (peer: Peer, connect: Packet) => Buffer | 'silence' | { code: number; properties?: Buffer }
  /** Default: granted at 2. */
  readonly subscribe?: (peer: Peer, id: number) => void
  /** Default: acknowledged. */
  readonly publish?: (peer: Peer, message: Published) => void
  /** Default: answered. */
  readonly ping?: (peer: Peer) => void
}

export interface ScriptedBroker {
  readonly url: string
  readonly peers: readonly Peer[]
  close(): Promise<void>
}

const NOTHING = Buffer.alloc(0)

export async function scriptBroker(script: Script = {}): Promise<ScriptedBroker> {
  const sockets = new Set<Socket>()
  const peers: Peer[] = []
  const server = createServer((socket) => {
    sockets.add(socket.setNoDelay(true))
    socket.on('error', () => {}) // the other side is cut on purpose
    let bytes: Buffer = NOTHING
    let peer: Peer | undefined
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      for (let packet = take(bytes); packet !== undefined; packet = take(bytes)) {
        bytes = bytes.subarray(packet.size)
        if (packet.type === 1) {
          peer = createPeer(socket, packet.body[6] === 5 ? 5 : 4)
          peers.push(peer)
          connect(peer, packet)
        } else if (peer !== undefined) handle(peer, packet)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')

  const connect = (peer: Peer, packet: Packet): void => {
    const said = script.connack?.(peer, packet) ?? NOTHING
    if (said === 'silence') return
    const { code, properties = NOTHING } = Buffer.isBuffer(said) ? { code: 0, properties: said } : said
    peer.send(
      0x20,
      ...(peer.version === 5
        ? framed(Buffer.concat([Buffer.from([0, code]), sized(properties)]))
        : framed(Buffer.from([0, code]))),
    )
  }
  const handle = (peer: Peer, { type, flags, body, size }: Packet): void => {
    if (type === 3) {
      const message = publishOf(peer.version, flags, body, size)
      peer.published.push(message)
      if (script.publish !== undefined) script.publish(peer, message)
      else if (message.qos > 0) peer.puback(message.id)
    } else if (type === 8) {
      const id = body.readUInt16BE(0)
      if (script.subscribe !== undefined) script.subscribe(peer, id)
      else suback(peer, id, 2)
    } else if (type === 12) {
      if (script.ping !== undefined) script.ping(peer)
      else peer.send(0xd0, 0)
    }
  }
  return {
    url: `mqtt://127.0.0.1:${address.port}`,
    peers,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export function suback(peer: Peer, id: number, code: number, reason?: string): void {
  const properties = peer.version === 5 ? sized(reason === undefined ? NOTHING : text(0x1f, reason)) : NOTHING
  peer.send(0x90, ...framed(Buffer.concat([number16(id), properties, Buffer.from([code])])))
}

/** A DISCONNECT of MQTT 5. */
export function disconnect(peer: Peer, code: number, reason: string): void {
  peer.send(0xe0, ...framed(Buffer.concat([Buffer.from([code]), sized(text(0x1f, reason))])))
  peer.socket.end()
}

/** A PUBLISH at QoS 0 or 1. */
export function publishTo(peer: Peer, topic: string, payload: Buffer, id?: number): void {
  const name = Buffer.from(topic)
  const parts = [number16(name.length), name]
  if (id !== undefined) parts.push(number16(id))
  if (peer.version === 5) parts.push(Buffer.from([0]))
  peer.send(id === undefined ? 0x30 : 0x32, ...framed(Buffer.concat([...parts, payload])))
}

/** A property with a text: 0x1f is the reason string (MQTT 5, section 2.2.2.2). */
export function text(id: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([id]), number16(Buffer.byteLength(value)), Buffer.from(value)])
}

function createPeer(socket: Socket, version: 4 | 5): Peer {
  const send = (...bytes: (number | Buffer)[]): void => {
    socket.write(Buffer.concat(bytes.map((part) => (typeof part === 'number' ? Buffer.from([part]) : part))))
  }
  return {
    socket,
    version,
    published: [],
    send,
    puback(id, code = 0, reason) {
      if (version === 4 || (code === 0 && reason === undefined)) send(0x40, ...framed(number16(id)))
      else
        send(
          0x40,
          ...framed(
            Buffer.concat([
              number16(id),
              Buffer.from([code]),
              sized(reason === undefined ? NOTHING : text(0x1f, reason)),
            ]),
          ),
        )
    },
  }
}

function publishOf(version: 4 | 5, flags: number, body: Buffer, size: number): Published {
  const qos = (flags >> 1) & 3
  let at = 2 + body.readUInt16BE(0)
  const topic = body.toString('utf8', 2, at)
  const id = qos === 0 ? 0 : body.readUInt16BE(at)
  if (qos > 0) at += 2
  if (version === 5) {
    const properties = variable(body, at)
    at += (properties?.size ?? 0) + (properties?.value ?? 0)
  }
  return { topic, payload: body.toString('utf8', at), qos, retain: (flags & 1) === 1, id, size }
}

function take(bytes: Buffer): Packet | undefined {
  const length = bytes.length < 2 ? undefined : variable(bytes, 1)
  if (length === undefined) return undefined
  const head = 1 + length.size
  const size = head + length.value
  const first = bytes[0] ?? 0
  return bytes.length < size
    ? undefined
    : { type: first >> 4, flags: first & 15, body: bytes.subarray(head, size), size }
}

function variable(bytes: Buffer, at: number): { value: number; size: number } | undefined {
  let value = 0
  for (let size = 1; size <= 4; size += 1) {
    const byte = bytes[at + size - 1]
    if (byte === undefined) return undefined
    value += (byte & 0x7f) * 128 ** (size - 1)
    if (byte < 0x80) return { value, size }
  }
  throw new Error('not a length')
}

function number16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff])
}

function length(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest < 128 ? rest : (rest % 128) | 0x80)
    if (rest < 128) return Buffer.from(bytes)
  }
}

function framed(body: Buffer): Buffer[] {
  return [length(body.length), body]
}

function sized(body: Buffer): Buffer {
  return Buffer.concat([length(body.length), body])
}
