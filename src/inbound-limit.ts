/**
 * Bounds what a broker can make us hold. The client library collects a whole packet before it looks at it, and the
 * largest of MQTT has 256 MB; a broker that speaks MQTT 3.1.1 can't even be told what is too large. So the bytes pass
 * here first: of a long message only the beginning goes on, and is refused as a command of that length is; anything
 * else that is too long ends the connection. Used by `dial.ts`.
 */
import { Duplex, type DuplexOptions } from 'node:stream'
import { GatheredWrites } from './gathered-writes.ts'
import { ConnectionError } from './mqtt-errors.ts'

/** Of a message's payload this much goes on, bytes. More than any command may have, so that each is still refused. */
export const LONGEST_PAYLOAD = 4096
/** Everything before the payload, and whole packets of other kinds, bytes: a topic has at most 65,535 (MQTT 5, 1.5.4). */
const LONGEST_HEAD = 131_072

const NOTHING = Buffer.alloc(0)

/** MQTT 5 section 2.1.2. */
const PUBLISH = 3
/** A length from here on goes on in the next byte, MQTT 5 section 1.5.5. */
const MORE = 0x80

/**
 * Makes the function through which all bytes of one connection pass, in order.
 *
 * @param longest payload that goes on whole, bytes  @throws ConnectionError
 */
export function createTrimmer(version: 4 | 5, longest = LONGEST_PAYLOAD): (chunk: Buffer) => Buffer[] {
  /** The beginning of a packet that is not whole enough to be judged. */
  let held = NOTHING
  /** Bytes of the packet under way that go on, and that don't, after those. */
  let pass = 0
  let skip = 0

  return (chunk) => {
    const out: Buffer[] = []
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    held = NOTHING
    let at = 0
    /** What lies between here and `at` goes on as it came, in one piece. */
    let from = 0
    const cut = (): void => {
      if (at > from) out.push(at - from === bytes.length ? bytes : bytes.subarray(from, at))
      from = at
    }
    while (at < bytes.length) {
      if (pass > 0) {
        const taken = Math.min(pass, bytes.length - at)
        pass -= taken
        at += taken
      } else if (skip > 0) {
        cut()
        const taken = Math.min(skip, bytes.length - at)
        skip -= taken
        at += taken
        from = at
      } else {
        const length = bytes[at + 1] ?? MORE
        if (length < MORE && length <= longest) {
          pass = 2 + length
          continue
        }
        const packet = judge(bytes, at, version, longest)
        if (packet === undefined) break
        if (packet.replaced !== undefined) {
          cut()
          out.push(packet.replaced)
          at += packet.head
          from = at
        }
        pass = packet.pass
        skip = packet.skip
      }
    }
    cut()
    if (at < bytes.length) held = Buffer.from(bytes.subarray(at)) // a copy: the chunk it lies in may be large
    return out
  }
}

interface Judged {
  /** The fixed header anew, where the packet becomes shorter; it has taken the place of `head` bytes. */
  readonly replaced?: Buffer
  readonly head: number
  readonly pass: number
  readonly skip: number
}

/** What to do with the packet that begins at `at`; undefined: too little of it is there. */
function judge(bytes: Buffer, at: number, version: 4 | 5, longest: number): Judged | undefined {
  const length = variable(bytes, at + 1)
  if (length === undefined) return undefined
  const head = 1 + length.size
  const whole = { head, pass: head + length.value, skip: 0 }
  if (length.value <= longest) return whole
  const first = bytes[at] ?? 0
  if (first >> 4 !== PUBLISH) {
    if (length.value > LONGEST_HEAD) throw tooLong(length.value)
    return whole
  }
  const before = beforePayload(bytes.subarray(at + head), (first & 0b110) !== 0, version)
  if (before === undefined || before > LONGEST_HEAD) {
    if (before !== undefined || bytes.length - at > LONGEST_HEAD) throw tooLong(length.value)
    return undefined
  }
  const kept = before + longest
  if (length.value <= kept) return whole
  return {
    replaced: Buffer.from([first, ...variableBytes(kept)]),
    head,
    pass: kept,
    skip: length.value - kept,
  }
}

/** Bytes of topic, packet identifier and properties of a PUBLISH; undefined: not all of what tells it is there. */
function beforePayload(bytes: Buffer, numbered: boolean, version: 4 | 5): number | undefined {
  if (bytes.length < 2) return undefined
  const end = 2 + bytes.readUInt16BE(0) + (numbered ? 2 : 0)
  if (version === 4) return end
  const properties = variable(bytes, end)
  return properties && end + properties.size + properties.value
}

/** A variable byte integer, MQTT 5 section 1.5.5. @throws ConnectionError where it is none */
function variable(bytes: Buffer, from: number): { readonly value: number; readonly size: number } | undefined {
  let value = 0
  for (let size = 1; size <= 4; size += 1) {
    const byte = bytes[from + size - 1]
    if (byte === undefined) return undefined
    value += (byte & 0x7f) * 128 ** (size - 1)
    if (byte < 0x80) return { value, size }
  }
  throw new ConnectionError('malformed', 'what listens there does not speak MQTT')
}

function variableBytes(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 0x80, ...variableBytes(Math.floor(value / 128))]
}

function tooLong(length: number): ConnectionError {
  return new ConnectionError(
    'too-long',
    `the broker sent a packet of ${length} bytes, which is no message for this node`,
  )
}

/** So much is handed on at a time, bytes: at most a hundred of the shortest commands, or 512 releases of QoS 2. */
const SLICE = 2048

type Written = (error: Error | null | undefined) => void

/** Parts of packets, which nobody waits for, take the short way: a stream's own costs more than to gather them. */
class Bounded extends Duplex {
  readonly #writes: GatheredWrites

  constructor(writes: GatheredWrites, options: DuplexOptions) {
    super(options)
    this.#writes = writes
    // The client library would have each packet wait, corked, for a tick of its own.
    Object.defineProperty(this, 'cork', { value: undefined })
  }

  override write(part: string | Uint8Array, encoding?: BufferEncoding | Written, written?: Written): boolean {
    const utf8 = encoding === undefined || encoding === 'utf8'
    if (utf8 && written === undefined && this.writable && this.writableLength === 0) return this.#writes.write(part)
    return typeof encoding === 'function' ? super.write(part, encoding) : super.write(part, encoding ?? 'utf8', written)
  }
}

/**
 * The same connection, with what comes in passing through `trim`; what that throws destroys it. What goes out is gathered
 * (`gathered-writes.ts`), unless somebody waits for it: that counts as done when the socket has it.
 */
export function bounded(socket: Duplex, trim: (chunk: Buffer) => Buffer[]): Duplex {
  const writes = new GatheredWrites(socket)
  const outer = new Bounded(writes, {
    read() {
      if (!busy) socket.resume()
    },
    write(chunk: Buffer, _, done) {
      writes.write(chunk)
      writes.flush()
      // Whoever writes faster than the broker reads waits.
      if (socket.writableNeedDrain) socket.once('drain', done)
      else done()
    },
    final(done) {
      writes.flush()
      socket.end(done)
    },
    destroy(error, done) {
      socket.destroy()
      done(error)
    },
  })
  socket.on('drain', () => outer.emit('drain'))
  /** What came last is being handed on in slices. */
  let busy = false
  const handOn = async (bytes: Buffer): Promise<void> => {
    busy = true
    socket.pause()
    for (let at = 0; at < bytes.length && !outer.destroyed; at += SLICE) {
      outer.push(bytes.subarray(at, at + SLICE))
      // The client library deals with all that it gets in one go, and nothing else has its turn meanwhile.
      await new Promise((resolve) => setImmediate(resolve))
    }
    busy = false
    if (outer.readableLength < outer.readableHighWaterMark) socket.resume() // else `read` will
  }
  socket.on('data', (chunk: Buffer) => {
    try {
      const parts = trim(chunk)
      const [bytes] = parts.length > 1 ? [Buffer.concat(parts)] : parts
      if (bytes === undefined) return
      if (bytes.length > SLICE) void handOn(bytes)
      else if (!outer.push(bytes)) socket.pause()
    } catch (error) {
      outer.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  })
  socket.on('end', () => outer.push(null))
  socket.on('error', (error) => outer.destroy(error))
  socket.on('close', () => outer.destroy())
  return outer
}
