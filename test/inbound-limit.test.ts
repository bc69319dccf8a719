import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { bounded, createTrimmer, LONGEST_PAYLOAD } from '../src/inbound-limit.ts'
import { settled } from './fakes/fake-clock.ts'

const variable = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 0x80, ...variable(Math.floor(value / 128))]
const packet = (first: number, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from([first, ...variable(body.length)]), body])
interface Shape {
  readonly version: 4 | 5
  readonly qos: 0 | 1 | 2
  readonly payload: number
  readonly properties?: number
}
const publish = ({ version, qos, payload, properties = 0 }: Shape): Buffer => {
  const topic = Buffer.from('gpio/17/command')
  return packet(
    0x30 | (qos << 1),
    Buffer.concat([
      Buffer.from([0, topic.length]),
      topic,
      ...(qos === 0 ? [] : [Buffer.from([0x12, 0x34])]),
      ...(version === 5 ? [Buffer.from(variable(properties)), Buffer.alloc(properties, 0x26)] : []),
      Buffer.alloc(payload, 0x61),
    ]),
  )
}
/** What comes out, however the bytes are cut into chunks. */
const through = (version: 4 | 5, bytes: Buffer, chunk = bytes.length): Buffer => {
  const trim = createTrimmer(version)
  const out: Buffer[] = []
  for (let at = 0; at < bytes.length; at += chunk) out.push(...trim(bytes.subarray(at, at + chunk)))
  return Buffer.concat(out)
}

describe('what comes from the broker', () => {
  const shapes = ([4, 5] as const).flatMap((version) =>
    ([0, 1, 2] as const).flatMap((qos) =>
      [0, 1, 127, 128, 4000, LONGEST_PAYLOAD].map((payload) => ({ version, qos, payload })),
    ),
  )
  it.each(shapes)('goes on as it is where it is short: %j', (shape) => {
    const bytes = Buffer.concat([publish(shape), packet(0xd0, Buffer.alloc(0)), publish(shape)])
    for (const chunk of [1, 2, 3, 7, 1000, bytes.length])
      expect(through(shape.version, bytes, chunk).equals(bytes)).toBe(true)
  })

  it.each<Shape>([
    { version: 4, qos: 0, payload: LONGEST_PAYLOAD + 1 },
    { version: 4, qos: 1, payload: 100_000 },
    { version: 5, qos: 2, payload: 3_000_000 },
    { version: 5, qos: 1, payload: 20_000, properties: 300 },
  ])('is a shorter message where its payload is long, and what follows is whole: %j', (shape) => {
    const next = publish({ version: shape.version, qos: 1, payload: 2 })
    const bytes = Buffer.concat([publish(shape), next])
    const expected = Buffer.concat([publish({ ...shape, payload: LONGEST_PAYLOAD }), next])
    for (const chunk of [1, 5, 4096, 65_536, bytes.length]) {
      if (chunk === 1 && bytes.length > 200_000) continue
      expect(through(shape.version, bytes, chunk).equals(expected)).toBe(true)
    }
  })

  it('ends the connection where it is long and no message', () => {
    expect(() => through(4, packet(0x90, Buffer.alloc(200_000)))).toThrow(/a packet of 200000 bytes/)
  })

  it('ends the connection where the properties of a message are long', () => {
    expect(() => through(5, publish({ version: 5, qos: 0, payload: 10, properties: 200_000 }))).toThrow(/a packet of/)
  })

  it('ends the connection where it has no length', () => {
    expect(() => through(4, Buffer.alloc(10, 0xff))).toThrow(/does not speak MQTT/)
  })
})

describe('a connection that is bounded', () => {
  const pair = (): { socket: Duplex; written: string[]; outer: Duplex } => {
    const written: string[] = []
    const socket = new Duplex({
      read() {},
      write(chunk: Buffer, _, done) {
        written.push(chunk.toString())
        done()
      },
    })
    const trim = (chunk: Buffer): Buffer[] => {
      if (chunk.toString() === 'bad') throw new Error('too long')
      return [chunk]
    }
    return { socket, written, outer: bounded(socket, trim) }
  }
  const closed = (stream: Duplex): Promise<void> => new Promise((resolve) => stream.once('close', () => resolve()))

  it('passes on what is written, in order, also what was written at once', async () => {
    const { outer, written } = pair()
    for (const part of ['a', 'b', 'c']) outer.write(part)
    await new Promise<void>((resolve) => outer.write('d', () => resolve()))
    outer.write('e')
    await settled()
    expect(written).toEqual(['abcd', 'e'])
  })

  it('lets what is written in one turn leave as one piece, however often it waits for a promise meanwhile', async () => {
    const { outer, written } = pair()
    outer.write('acknowledgement, ')
    await Promise.resolve()
    outer.write(Buffer.from('state'))
    await settled()
    outer.write('later')
    await settled()
    expect(written).toEqual(['acknowledgement, state', 'later'])
  })

  it('has who writes faster than the socket takes it wait, and go on when it does', async () => {
    let taken = (): void => {}
    const socket = new Duplex({
      read() {},
      writableHighWaterMark: 10,
      write: (_chunk, _, done) => {
        taken = done
      },
    })
    const outer = bounded(socket, (chunk) => [chunk])
    let written = false
    outer.write('more than ten bytes', () => {
      written = true
    })
    await settled()
    expect(written).toBe(false)
    taken()
    await settled()
    expect(written).toBe(true)
  })

  it('tells who does not wait that the socket has too much, and when it goes on', async () => {
    const taken: (() => void)[] = []
    const socket = new Duplex({ read() {}, writableHighWaterMark: 10, write: (_chunk, _, done) => taken.push(done) })
    const outer = bounded(socket, (chunk) => [chunk])
    let drained = 0
    outer.on('drain', () => {
      drained += 1
    })
    expect(outer.write('more than ten bytes')).toBe(true)
    await settled()
    expect(outer.write('once more')).toBe(false)
    expect(drained).toBe(0)
    for (const done of taken) done()
    await settled()
    expect(drained).toBe(1)
    expect(outer.write('again')).toBe(true)
  })

  it('keeps the bytes that the socket has not handed on yet, whatever is written meanwhile', async () => {
    const chunks: Buffer[] = []
    const slow: (() => void)[] = []
    const socket = new Duplex({
      read() {},
      write(chunk: Buffer, _, done) {
        chunks.push(chunk)
        slow.push(done)
      },
    })
    const outer = bounded(socket, (chunk) => [chunk])
    for (const part of ['first', 'second', 'third']) {
      outer.write(part)
      await settled()
    }
    for (let at = 0; at < 3; at += 1) slow[at]?.()
    expect(chunks.map(String)).toEqual(['first', 'second', 'third'])
  })

  it('of a socket that takes a moment for each, as of TLS, uses two buffers in turn, and never one that is read from', async () => {
    const written: { readonly chunk: Buffer; readonly done: () => void }[] = []
    const socket = new Duplex({
      read() {},
      write: (chunk: Buffer, _, done) => written.push({ chunk, done }),
    })
    const outer = bounded(socket, (chunk) => [chunk])
    const seen: string[] = []
    /** The socket is done with all that it has. */
    const take = async (): Promise<void> => {
      for (let next = written.shift(); next !== undefined; next = written.shift()) {
        buffers.add(next.chunk.buffer)
        seen.push(String(next.chunk))
        next.done()
        await settled()
      }
    }
    let buffers = new Set<ArrayBufferLike>()
    const sent: string[] = []
    const send = async (): Promise<void> => {
      sent.push(`part ${sent.length}`)
      outer.write(sent.at(-1) ?? '')
      await settled()
    }
    for (let turn = 0; turn < 10; turn += 1) {
      await send()
      await take()
    }
    expect(buffers.size).toBe(2)
    for (const atOnce of [3, 1, 2, 5, 1, 1]) {
      buffers = new Set()
      for (let part = 0; part < atOnce; part += 1) await send()
      await take()
      expect(buffers.size).toBe(atOnce)
    }
    expect(seen).toEqual(sent)
  })

  it('keeps all of what is more than its buffer, in order, and of the largest message', async () => {
    const { outer, written } = pair()
    const parts = ['ä'.repeat(5000), 'b'.repeat(9000), Buffer.alloc(70_000, 'c'), '€'.repeat(30_000), 'end']
    for (const part of parts) outer.write(part)
    await settled()
    expect(written.join('')).toBe(parts.map(String).join(''))
  })

  it('lets all that was written leave before its end', async () => {
    const { outer, socket, written } = pair()
    const ended = new Promise<void>((resolve) => socket.once('finish', () => resolve()))
    outer.write('goodbye')
    outer.end()
    await ended
    expect(written).toEqual(['goodbye'])
  })

  it('writes nothing any more, and throws nothing, where it was cut', async () => {
    const { outer, written } = pair()
    outer.on('error', () => {})
    outer.write('lost')
    outer.destroy()
    outer.write('too late')
    await settled()
    expect(written).toEqual([])
  })

  it('throws nothing where the socket is gone before anybody has heard of it, however much is written', async () => {
    const { outer, socket, written } = pair()
    outer.write('lost')
    socket.destroy()
    for (let part = 0; part < 1000; part += 1) outer.write(Buffer.alloc(100))
    await settled()
    expect(written).toEqual([])
  })

  it('hands on no more than a slice at a time, in order, and lets others have their turn in between', async () => {
    const { socket, outer } = pair()
    const got: Buffer[] = []
    let turns = 0
    const turn = (): void => {
      turns += 1
      if (Buffer.concat(got).length < 5000) setImmediate(turn)
    }
    outer.on('data', (chunk: Buffer) => got.push(chunk))
    const sent = Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 251))
    setImmediate(turn)
    socket.push(sent)
    while (Buffer.concat(got).length < 5000) await settled()
    expect(got.map(({ length }) => length)).toEqual([2048, 2048, 904])
    expect(Buffer.concat(got).equals(sent)).toBe(true)
    expect(turns).toBeGreaterThanOrEqual(2)
    socket.push(Buffer.from('more'))
    socket.push(null)
    await new Promise<void>((resolve) => outer.once('end', () => resolve()))
    expect(got.at(-1)?.toString()).toBe('more')
  })

  it('ends with its socket, and its socket with it', async () => {
    const one = pair()
    one.socket.destroy()
    await closed(one.outer)
    const two = pair()
    two.outer.destroy()
    await closed(two.socket)
    expect([one.outer.destroyed, two.socket.destroyed]).toEqual([true, true])
  })

  it('ends with the error that the limit or the socket has', async () => {
    for (const fail of [
      (socket: Duplex) => socket.push('bad'),
      (socket: Duplex) => socket.destroy(new Error('too long')),
    ]) {
      const { socket, outer } = pair()
      socket.on('error', () => {})
      const error = new Promise<Error>((resolve) => outer.once('error', resolve))
      outer.resume()
      fail(socket)
      expect((await error).message).toBe('too long')
    }
  })
})
