/**
 * What is written to the broker in one turn of the event loop leaves as one piece: an answer with the acknowledgement of
 * its command, readings that are due at the same moment together. The client library writes a packet in six to ten parts of a
 * few bytes; each would pass two streams, and the kernel would be handed a list of hundreds. Here they are put into one
 * buffer. Used by `inbound-limit.ts`.
 */
import type { Duplex } from 'node:stream'
import { onceATurn } from './once-a-turn.ts'

/** What is more in one turn leaves in several pieces, bytes. Some hundred readings. */
const CAPACITY = 16 * 1024
/** A character of a string has at most so many bytes in UTF-8, as length counts characters (UTF-16). */
const LONGEST_CHARACTER = 3

export class GatheredWrites {
  readonly #socket: Duplex
  #buffer = Buffer.allocUnsafeSlow(CAPACITY)
  #used = 0
  /** The one before, which the socket may still read from, unless it has nothing to hand on. */
  #before: Buffer<ArrayBuffer> | undefined
  readonly #flushSoon = onceATurn(() => this.flush())

  constructor(socket: Duplex) {
    this.#socket = socket
  }

  /** False: the socket has more than it can hand on now, and will tell with its `drain`. */
  write(part: string | Uint8Array): boolean {
    const most = typeof part === 'string' ? LONGEST_CHARACTER * part.length : part.length
    if (most > CAPACITY - this.#used) this.flush()
    if (most > CAPACITY) return this.#socket.write(part)
    if (typeof part === 'string') this.#used += this.#buffer.write(part, this.#used)
    else {
      this.#buffer.set(part, this.#used)
      this.#used += part.length
    }
    this.#flushSoon()
    return !this.#socket.writableNeedDrain
  }

  /** What was written so far goes to the socket now. */
  flush(): void {
    const socket = this.#socket
    const written = this.#buffer.subarray(0, this.#used)
    this.#used = 0
    if (written.length === 0 || socket.destroyed) return
    const free = socket.writableLength === 0 ? this.#before : undefined
    socket.write(written)
    // Of TCP the kernel nearly always has all of it by now. Else, and always of TLS, the socket still reads from the buffer.
    if (socket.writableLength === 0) return
    this.#before = this.#buffer
    this.#buffer = free ?? Buffer.allocUnsafeSlow(CAPACITY)
  }
}
