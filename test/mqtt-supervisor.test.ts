/** Every wait of a connection has an end of its own, whatever the client library or the other side is up to. */
import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { ACK_TIMEOUT_MS } from '../src/connection.ts'
import { CONNECT_TIMEOUT_MS } from '../src/reached.ts'
import { FakeClock } from './fakes/fake-clock.ts'
import { cleanUp, cleanups, type Link, link, metric, reason, record } from './fakes/link.ts'
import { type Script, type ScriptedBroker, scriptBroker } from './fakes/scripted-broker.ts'

afterEach(cleanUp)

const broker = async (script: Script): Promise<ScriptedBroker> => {
  const made = await scriptBroker(script)
  cleanups.push(() => made.close())
  return made
}
/** A link on a clock that the test turns, and that turns by itself at the end. */
const linkBy = (clock: FakeClock, url: string, options: Parameters<typeof link>[1] = {}): Link => {
  let timer: NodeJS.Timeout | undefined
  cleanups.push(async () => clearInterval(timer))
  const agent = link(url, { ...options, clock })
  cleanups.push(async () => {
    timer = setInterval(() => void clock.advance(1000), 5)
  })
  return agent
}
/** Turns a clock until it has come true; real sockets need real time in between. */
const turn = async (clock: FakeClock, until: () => boolean): Promise<void> => {
  while (!until()) {
    await clock.advance(500)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
/** The same until the agent has logged it. */
const turnUntil = async (clock: FakeClock, agent: Link, text: RegExp): Promise<Record<string, unknown>> => {
  let found: Record<string, unknown> | undefined
  void agent.logged(reason(text)).then((line) => {
    found = line
  })
  await turn(clock, () => found !== undefined)
  return found ?? {}
}
const seqs = ({ peers }: ScriptedBroker): number[] =>
  peers
    .flatMap(({ published }) => published)
    .filter(({ topic }) => topic.endsWith('/data'))
    .map(({ payload }) => JSON.parse(payload).seq)

describe('a connection', () => {
  it('whose CONNECT is never answered is given up and tried again', async () => {
    const clock = new FakeClock()
    let first = true
    const { url } = await broker({
      connack() {
        const silent = first
        first = false
        return silent ? 'silence' : Buffer.alloc(0)
      },
    })
    const agent = linkBy(clock, url)
    const line = await turnUntil(clock, agent, /no broker answered within 10 s/)
    expect(clock.monotonic()).toBeGreaterThanOrEqual(CONNECT_TIMEOUT_MS)
    expect(line).toMatchObject({ kind: 'timeout-broker' })
    await turn(clock, () => agent.mqtt.connected)
  })

  it('whose TLS handshake is never finished is given up', async () => {
    const clock = new FakeClock()
    const sockets: Socket[] = []
    const server = createServer((socket) => sockets.push(socket.on('error', () => {})))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanups.push(async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    })
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const agent = linkBy(clock, `mqtts://127.0.0.1:${address.port}`)
    expect(await turnUntil(clock, agent, /spoke no TLS within 10 s/)).toMatchObject({ kind: 'timeout-host' })
  })

  it('whose password can’t be read is given up, and tried again', async () => {
    const clock = new FakeClock()
    const { url } = await broker({})
    let asked = 0
    const password = (): Promise<string> => {
      asked += 1
      return asked === 1 ? new Promise(() => {}) : Promise.resolve('x')
    }
    const agent = linkBy(clock, url, { username: 'u', password })
    expect(await turnUntil(clock, agent, /could not be read within 10 s/)).toMatchObject({ kind: 'timeout-nothing' })
    await turn(clock, () => agent.mqtt.connected)
  })

  it('on which records are not acknowledged is replaced, though every ping is answered, and loses none', async () => {
    const clock = new FakeClock()
    let deaf = true
    const made = await broker({
      publish(peer, { id, topic }) {
        if (deaf && topic.endsWith('/data')) return
        if (id !== 0) peer.puback(id)
      },
    })
    const agent = linkBy(clock, made.url)
    await agent.connected()
    for (let seq = 0; seq < 30; seq += 1) agent.outbox.put(record(seq))
    agent.mqtt.drain()
    const since = clock.monotonic()
    expect(await turnUntil(clock, agent, /nothing was acknowledged for 30 s/)).toMatchObject({ kind: 'stuck' })
    expect(clock.monotonic() - since).toBeLessThan(ACK_TIMEOUT_MS + 10_000)
    deaf = false
    await turn(clock, () => agent.outbox.depth === 0)
    expect(agent.outbox.dropped).toEqual({})
    expect(seqs(made).slice(-30)).toEqual(Array.from({ length: 30 }, (_, seq) => seq))
    expect(made.peers.length).toBeGreaterThanOrEqual(2)
  })

  it('on which the subscription is never answered is replaced', async () => {
    const clock = new FakeClock()
    const { url } = await broker({ subscribe: () => {} })
    const agent = linkBy(clock, url)
    await turnUntil(clock, agent, /nothing was acknowledged for 30 s/)
  })

  it('on which acknowledgements are slow, and come, is kept', async () => {
    const clock = new FakeClock()
    const waiting: (() => void)[] = []
    const made = await broker({
      connack: () => Buffer.from([0x21, 0, 1]),
      publish(peer, { id }) {
        if (id !== 0) waiting.push(() => peer.puback(id))
      },
    })
    const agent = linkBy(clock, made.url)
    await agent.connected()
    for (let seq = 0; seq < 5; seq += 1) agent.outbox.put(record(seq))
    agent.mqtt.drain()
    while (agent.outbox.depth > 0) {
      await clock.advance(20_000)
      waiting.shift()?.()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(made.peers).toHaveLength(1)
  })

  it('that goes half-open with records under way is noticed by its keep-alive, and loses none', async () => {
    let open = false
    const made = await broker({
      publish(peer, { id, topic }) {
        if (!open && topic.endsWith('/data')) return
        if (id !== 0) peer.puback(id)
      },
      ping(peer) {
        if (open) peer.send(0xd0, 0)
      },
    })
    const agent = link(made.url, { keepalive: 1000 })
    await agent.connected()
    for (let seq = 0; seq < 30; seq += 1) agent.outbox.put(record(seq))
    agent.mqtt.drain()
    const since = performance.now()
    await agent.connected(false)
    expect(performance.now() - since).toBeLessThan(2000)
    open = true
    await agent.connected()
    await agent.mqtt.idle()
    expect(agent.outbox.dropped).toEqual({})
    expect(seqs(made).slice(-30)).toEqual(Array.from({ length: 30 }, (_, seq) => seq))
  })

  it('that stops reading is replaced, also where everything goes at quality of service 0', async () => {
    const clock = new FakeClock()
    const made = await broker({ connack: () => Buffer.from([0x24, 0]) })
    const agent = linkBy(clock, made.url)
    await agent.connected()
    await agent.mqtt.idle()
    made.peers[0]?.socket.pause()
    // More than the buffers of two sockets hold, and no more than memory may.
    for (let seq = 0; seq < 250; seq += 1) agent.outbox.put({ ...record(seq), payload: 'x'.repeat(60_000) })
    agent.mqtt.drain()
    await turnUntil(clock, agent, /nothing was acknowledged for 30 s/)
    await turn(clock, () => made.peers[1]?.published.some(({ topic }) => topic.endsWith('/data')) === true)
    expect(agent.outbox.dropped).toEqual({})
  })

  it('that the broker ends in the middle of everything loses and reorders nothing', async () => {
    let seen = 0
    const made = await broker({
      publish(peer, { id }) {
        seen += 1
        if (seen % 53 === 0) peer.socket.destroy()
        else if (id !== 0) peer.puback(id)
      },
    })
    const agent = link(made.url)
    for (let seq = 0; seq < 200; seq += 1) {
      agent.outbox.put(record(seq))
      if (seq % 50 === 0) agent.mqtt.publish(metric(seq))
    }
    await agent.connected()
    while (agent.outbox.depth > 0) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(agent.outbox.dropped).toEqual({})
    const arrivals = [...new Set(seqs(made))]
    expect(arrivals).toEqual(Array.from({ length: 200 }, (_, seq) => seq))
  })
})
