/**
 * The link between agents and a broker, on loopback: it can be cut, go silent, crawl, and break in the middle of a
 * packet; and it reads along, for the ledger. What it forwards it forwards unchanged.
 */
import { connect, createServer, type Socket } from 'node:net'
import { parser as createParser, type Packet, type Parser } from 'mqtt-packet'
import type { Ledger } from './ledger.ts'

export interface Link {
  readonly port: number
  readonly url: string
  /** What the link does from now on, to all that uses it. */
  behave(manner: Manner): void
  /** Cuts all connections that stand now. */
  cut(): void
  /** Resolves at the next CONNACK that accepts an agent. */
  connected(): Promise<void>
  /** Milliseconds since the epoch of each CONNECT that came through. */
  readonly connects: readonly number[]
  /** How many connections broke as `break` says. */
  readonly broken: number
  close(): Promise<void>
}

export type Manner =
  | { readonly kind: 'pass' }
  /** Takes everything and hands on nothing, in both directions: the router lost power, and nobody said goodbye. */
  | { readonly kind: 'swallow' }
  /** Hands on so many bytes at a time, ten times a second. */
  | { readonly kind: 'crawl'; readonly bytes: number }
  /** Each connection breaks after so many bytes from the agent, wherever in a packet that is. */
  | { readonly kind: 'break'; readonly afterBytes: () => number }

const CRAWL_EVERY_MS = 100

/** Opens a link to the broker at a port of loopback. */
export async function openLink(brokerPort: number, ledger: Ledger): Promise<Link> {
  let manner: Manner = { kind: 'pass' }
  const pairs = new Set<{ destroy(): void }>()
  const connects: number[] = []
  let broken = 0
  const waiting: (() => void)[] = []

  const server = createServer((agent) => {
    const broker = connect({ port: brokerPort, host: '127.0.0.1' })
    const pair = {
      destroy() {
        agent.destroy()
        broker.destroy()
        pairs.delete(pair)
      },
    }
    pairs.add(pair)
    for (const socket of [agent, broker]) {
      socket.setNoDelay(true)
      socket.on('error', () => {}) // a cut is what these tests are about; 'close' follows
      socket.on('close', () => {
        // A link that swallows tells neither side about the other.
        if (manner.kind !== 'swallow') pair.destroy()
      })
    }
    const reader = new Reader(ledger, {
      onConnect: () => connects.push(Date.now()),
      onAccepted: () => {
        for (const resolve of waiting.splice(0)) resolve()
      },
    })
    let left = manner.kind === 'break' ? manner.afterBytes() : Number.POSITIVE_INFINITY
    relay(
      agent,
      broker,
      () => manner,
      (bytes) => {
        const passing = bytes.subarray(0, left)
        left -= passing.length
        reader.fromAgent(passing)
        return passing
      },
      () => {
        if (left > 0 || !pairs.has(pair)) return
        broken += 1
        pair.destroy()
      },
    )
    relay(
      broker,
      agent,
      () => manner,
      (bytes) => {
        reader.fromBroker(bytes)
        return bytes
      },
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the link has no port')
  return {
    port: address.port,
    url: `mqtt://127.0.0.1:${address.port}`,
    connects,
    get broken() {
      return broken
    },
    behave(next) {
      manner = next
    },
    cut() {
      for (const pair of [...pairs]) pair.destroy()
    },
    connected: () => new Promise((resolve) => waiting.push(resolve)),
    async close() {
      for (const pair of [...pairs]) pair.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Moves bytes one way, as the link behaves at that moment. `pass` sees what is handed on, and may shorten it. */
function relay(
  from: Socket,
  to: Socket,
  manner: () => Manner,
  pass: (bytes: Buffer) => Buffer,
  passed: () => void = () => {},
): void {
  let held = Buffer.alloc(0)
  const hand = (bytes: Buffer): void => {
    if (bytes.length === 0) return
    to.write(pass(bytes))
    passed()
  }
  const crawling = setInterval(() => {
    const now = manner()
    if (held.length === 0 || now.kind === 'swallow') return
    const part = now.kind === 'crawl' ? held.subarray(0, now.bytes) : held
    held = held.subarray(part.length)
    hand(part)
    if (held.length === 0) from.resume()
  }, CRAWL_EVERY_MS)
  from.on('data', (bytes: Buffer) => {
    const now = manner()
    if (now.kind === 'swallow') return
    if (now.kind !== 'crawl' && held.length === 0) return hand(bytes)
    held = Buffer.concat([held, bytes])
    from.pause()
  })
  from.on('close', () => clearInterval(crawling))
}

/** Understands what one connection says, for the ledger. */
class Reader {
  readonly #agent: Parser
  readonly #broker: Parser
  /** Records under way, by packet id. */
  readonly #underWay = new Map<number, () => void>()

  constructor(ledger: Ledger, events: { onConnect: () => void; onAccepted: () => void }) {
    // Which version is spoken is known from CONNECT on.
    let version = 4
    this.#agent = createParser({ protocolVersion: version })
    this.#broker = createParser({ protocolVersion: version })
    this.#agent.on('packet', (packet: Packet) => {
      if (packet.cmd === 'connect') {
        version = packet.protocolVersion ?? version
        Object.assign(this.#broker, { settings: { protocolVersion: version } })
        events.onConnect()
      }
      if (packet.cmd !== 'publish' || !packet.topic.endsWith('/data')) return
      const acknowledged = ledger.arrived(packet.payload.toString())
      if (packet.messageId !== undefined) this.#underWay.set(packet.messageId, acknowledged)
    })
    this.#broker.on('packet', (packet: Packet) => {
      if (packet.cmd === 'connack' && (packet.reasonCode ?? packet.returnCode ?? 0) === 0) events.onAccepted()
      if (packet.cmd !== 'puback' || packet.messageId === undefined) return
      // MQTT 5, 3.4.2.1: from 0x80 on a reason code is a failure.
      if ((packet.reasonCode ?? 0) < 0x80) this.#underWay.get(packet.messageId)?.()
      this.#underWay.delete(packet.messageId)
    })
    for (const parser of [this.#agent, this.#broker]) {
      parser.on('error', (error: unknown) => ledger.unreadable(String(error)))
    }
  }

  fromAgent(bytes: Buffer): void {
    this.#agent.parse(bytes)
  }

  fromBroker(bytes: Buffer): void {
    this.#broker.parse(bytes)
  }
}
