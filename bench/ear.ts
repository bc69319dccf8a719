/**
 * The one who listens and commands, in the bench's own process: MQTT 3.1.1 on a bare socket, no more of it than is needed.
 * A client library would be what is measured at tens of thousands of messages a second; this one looks at each byte once.
 */
import { connect, type Socket } from 'node:net'

export interface Heard {
  readonly topic: string
  /** Valid until the handler returns. */
  readonly payload: Buffer
  /** It was kept by the broker before we asked. */
  readonly retained: boolean
}

const PUBLISH = 3
const PATIENCE_MS = 10_000
/** A packet that says more of its length than four bytes is none (MQTT 3.1.1, 2.2.3). */
const LENGTH_BYTES = 4

export class Ear {
  readonly #socket: Socket
  #left: Buffer = Buffer.alloc(0)
  #packetId = 0
  /** Called for each message. */
  onMessage: (message: Heard) => void = () => {}
  #onAnswer: (() => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes) => this.#take(bytes))
    socket.on('error', () => {}) // a broker that ends
  }

  /** Connects, and hears what comes below these filters. @throws Error */
  static async open(port: number, filters: readonly string[]): Promise<Ear> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    const ear = new Ear(socket)
    // Clean session; no keepalive: whoever measures may say nothing for long.
    await ear.#ask(
      packet(0x10, [text('MQTT'), Buffer.from([4, 2, 0, 0]), text(`bench-ear-${process.pid}-${performance.now()}`)]),
    )
    for (const filter of filters) await ear.hear(filter)
    return ear
  }

  /** Subscribes at QoS 0. @throws Error where the broker does not answer */
  hear(filter: string): Promise<void> {
    return this.#ask(packet(0x82, [this.#nextId(), text(filter), Buffer.from([0])]))
  }

  /** Publishes at QoS 1, without waiting. */
  publish(topic: string, payload: string): void {
    this.#socket.write(packet(0x32, [text(topic), this.#nextId(), Buffer.from(payload)]))
  }

  close(): void {
    this.#socket.destroy()
  }

  #ask(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the broker does not answer')), PATIENCE_MS)
      this.#onAnswer = () => {
        clearTimeout(late)
        resolve()
      }
      this.#socket.write(bytes)
    })
  }

  #nextId(): Buffer {
    this.#packetId = (this.#packetId % 0xffff) + 1
    return Buffer.from([this.#packetId >> 8, this.#packetId & 0xff])
  }

  #take(bytes: Buffer): void {
    const all = this.#left.length === 0 ? bytes : Buffer.concat([this.#left, bytes])
    let at = 0
    for (;;) {
      const size = sizeAt(all, at)
      if (size === undefined || at + size.head + size.body > all.length) break
      const start = at + size.head
      this.#packet(all[at] ?? 0, all, start, start + size.body)
      at = start + size.body
    }
    this.#left = all.subarray(at)
  }

  #packet(first: number, all: Buffer, start: number, end: number): void {
    const type = first >> 4
    if (type === PUBLISH) {
      const name = start + 2 + all.readUInt16BE(start)
      const topic = all.toString('latin1', start + 2, name) // all topics here are ASCII
      this.onMessage({ topic, payload: all.subarray(name, end), retained: (first & 1) === 1 })
    } else if (type === 2 || type === 9) {
      this.#onAnswer?.()
    }
  }
}

/** Lengths of a packet's head and body; undefined while its head is not all there. */
function sizeAt(bytes: Buffer, at: number): { head: number; body: number } | undefined {
  let body = 0
  for (let n = 0; n < LENGTH_BYTES; n += 1) {
    const byte = bytes[at + 1 + n]
    if (byte === undefined) return undefined
    body += (byte & 0x7f) << (7 * n)
    if (byte < 0x80) return { head: 2 + n, body }
  }
  throw new Error('what the broker sent is not MQTT')
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
}

function packet(first: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const head = [first]
  let left = body.length
  do {
    head.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0))
    left >>= 7
  } while (left > 0)
  return Buffer.concat([Buffer.from(head), body])
}
