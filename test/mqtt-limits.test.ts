/** A broker that takes less than we would like to send: nothing may loop, and whatever is lost is told and counted. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { cleanUp, cleanups, link, metric, reason, record } from './fakes/link.ts'
import { type Mosquitto, startMosquitto } from './fakes/mosquitto.ts'
import { observe, on } from './fakes/observer.ts'
import { disconnect, type Script, type ScriptedBroker, scriptBroker, suback, text } from './fakes/scripted-broker.ts'
import { describeWith } from './fakes/tools.ts'

afterEach(cleanUp)

const broker = async (script: Script): Promise<ScriptedBroker> => {
  const made = await scriptBroker(script)
  cleanups.push(() => made.close())
  return made
}
/** Properties of a CONNACK: MQTT 5, section 3.2.2.3. */
const receiveMaximum = (value: number): Buffer => Buffer.from([0x21, value >> 8, value & 0xff])
const maximumPacketSize = (value: number): Buffer => {
  const bytes = Buffer.alloc(5, 0x27)
  bytes.writeUInt32BE(value, 1)
  return bytes
}
const big = (seq: number, bytes: number) => ({
  ...record(seq),
  payload: JSON.stringify({ seq, pad: 'x'.repeat(bytes) }),
})
const seqs = ({ published }: { published: readonly { topic: string; payload: string }[] }): number[] =>
  published.filter(({ topic }) => topic.endsWith('/data')).map(({ payload }) => JSON.parse(payload).seq)

/** A broker in a process of its own, which sends one long command. */
async function longSender(megabytes: number): Promise<{ readonly url: string; send(): void }> {
  const program = fileURLToPath(new URL('fakes/long-sender.mjs', import.meta.url))
  const child = spawn(process.execPath, [program, String(megabytes)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  cleanups.push(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const [port] = (await once(child.stdout, 'data')) as [Buffer] // one line
  return { url: `mqtt://127.0.0.1:${port.toString().trim()}`, send: () => void child.stdin.write('go') }
}

describe('a broker that says what it takes', () => {
  it('never has more under way to it than its Receive Maximum', async () => {
    let most = 0
    let underWay = 0
    const { url } = await broker({
      connack: () => receiveMaximum(3),
      publish(peer, { id, qos }) {
        if (qos === 0) return
        underWay += 1
        most = Math.max(most, underWay)
        setTimeout(() => {
          underWay -= 1
          peer.puback(id)
        }, 2)
      },
    })
    const agent = link(url)
    for (let seq = 0; seq < 50; seq += 1) agent.outbox.put(record(seq))
    await agent.connected()
    await agent.mqtt.idle()
    expect(most).toBe(3)
    expect(agent.outbox.depth).toBe(0)
  })

  it('is not sent a record beyond its Maximum Packet Size: that is counted, told once, and what follows goes on', async () => {
    const { url, peers } = await broker({ connack: () => maximumPacketSize(200) })
    const agent = link(url)
    for (const message of [record(0), big(1, 300), big(2, 300), record(3)]) agent.outbox.put(message)
    await agent.connected()
    await agent.mqtt.idle()
    expect(peers).toHaveLength(1)
    expect(peers.flatMap(seqs)).toEqual([0, 3])
    expect(agent.outbox.dropped).toEqual({ 'too-large': 2 })
    const told = agent.lines.filter(({ level, topic }) => level === 40 && topic === 'sensors/n1/data')
    expect(told).toMatchObject([{ reason: expect.stringContaining('takes at most 200') }])
    expect(agent.mqtt.lastError).toContain('sensors/n1/data was not delivered')
  })

  it('takes a packet of exactly its maximum, and none of one byte more', async () => {
    // A header of two bytes, two for the topic's length, the topic, two for the number, one for no properties.
    const size = 2 + 2 + 'sensors/n1/data'.length + 2 + 1 + 90
    const { url, peers } = await broker({ connack: () => maximumPacketSize(size) })
    const agent = link(url)
    agent.outbox.put({ ...record(0), payload: 'x'.repeat(90) })
    agent.outbox.put({ ...record(1), payload: 'y'.repeat(91) })
    await agent.connected()
    await agent.mqtt.idle()
    const sizes = peers[0]?.published.filter(({ topic }) => topic.endsWith('/data')).map((message) => message.size)
    expect(sizes).toEqual([size])
    expect(agent.outbox.dropped).toEqual({ 'too-large': 1 })
  })

  it('is not sent a state beyond its Maximum Packet Size, which is told once and counted', async () => {
    const { url, peers } = await broker({ connack: () => maximumPacketSize(100) })
    const agent = link(url)
    await agent.connected()
    for (let times = 0; times < 5; times += 1) {
      agent.mqtt.publish({ ...metric(1), topic: 'sensors/n1/long', payload: 'x'.repeat(200 + times) })
      agent.mqtt.publish(metric(times))
      await agent.mqtt.idle()
    }
    expect(peers).toHaveLength(1)
    expect(agent.lines.filter(({ level, topic }) => level === 40 && topic === 'sensors/n1/long')).toHaveLength(1)
    expect(agent.mqtt.dropped).toEqual({ live: 5 })
    expect(peers[0]?.published.at(-1)?.payload).toBe('4')
  })

  it('has its own words in the log, wherever it sends some', async () => {
    let first = true
    const { url } = await broker({
      connack() {
        if (!first) return Buffer.alloc(0)
        first = false
        return { code: 137, properties: text(0x1f, 'come back at noon') }
      },
      subscribe: (peer, id) => suback(peer, id, 135, 'not for guests'),
      publish(peer, { id, topic }) {
        if (topic === 'sensors/n1/data') peer.puback(id, 151, 'you talk too much')
        else if (id !== 0) peer.puback(id)
        if (topic === 'end') disconnect(peer, 152, 'off you go')
      },
    })
    const agent = link(url)
    agent.outbox.put(record(0))
    await agent.logged(reason(/busy \(it says: come back at noon\)/))
    await agent.logged(reason(/do not allow this user that topic \(it says: not for guests\)/))
    await agent.logged(reason(/quota is used up \(it says: you talk too much\)/))
    expect(agent.outbox.dropped).toEqual({ 'refused-151': 1 })
    agent.mqtt.publish({ topic: 'end', payload: '', qos: 1, retain: false })
    await agent.logged(reason(/administrator ended the connection \(it says: off you go\)/))
  })

  it.each([4, 5] as const)(
    'that refuses the commands stays connected, and health can say why (version %i)',
    async (protocol) => {
      const { url, peers } = await broker({ subscribe: (peer, id) => suback(peer, id, 128) })
      const agent = link(url, { protocol })
      const line = await agent.logged(({ msg }) => /refused a subscription/.test(String(msg)))
      expect(line).toMatchObject({ level: 50, filter: 'gpio/+/command' })
      expect(agent.mqtt.session?.commands).toMatch(/^none: the broker refused the subscription to gpio\/\+\/command/)
      agent.outbox.put(record(0))
      agent.mqtt.drain()
      await agent.mqtt.idle()
      expect(peers).toHaveLength(1)
      expect(agent.mqtt.connected).toBe(true)
    },
  )

  it('that grants commands a lower quality of service is said to', async () => {
    const { url } = await broker({ subscribe: (peer, id) => suback(peer, id, 1) })
    const agent = link(url)
    await agent.logged(({ msg }) => /less than quality of service 2/.test(String(msg)))
    expect(agent.mqtt.session).toMatchObject({ commands: 'heard at quality of service 1' })
  })
})

describe('a broker that hangs up instead of saying so', () => {
  it.each([
    ['a record that it does not take', 4],
    ['a record that it does not take', 5],
  ] as const)('%s is found, dropped and counted, and the others arrive in order (version %i)', async (_, protocol) => {
    const { url, peers } = await broker({
      publish(peer, { payload, id }) {
        if (payload.length > 300) peer.socket.destroy()
        else if (id !== 0) peer.puback(id)
      },
    })
    const agent = link(url, { protocol })
    for (const message of [record(0), record(1), big(2, 400), record(3), big(4, 500), record(5)])
      agent.outbox.put(message)
    await agent.logged(({ topic, level }) => topic === 'sensors/n1/data' && level === 40)
    await agent.mqtt.idle()
    expect(agent.outbox.dropped).toEqual({ 'hangs-up': 2 })
    const arrived = [...new Set(peers.flatMap(seqs))]
    expect(arrived).toEqual([0, 1, 2, 3, 4, 5].filter((seq) => arrived.includes(seq)))
    expect(arrived).toEqual(expect.arrayContaining([0, 1, 3, 5]))
    const after = peers.length
    agent.outbox.put(big(6, 400)) // no new proof is needed
    agent.outbox.put(record(7))
    agent.mqtt.drain()
    await agent.mqtt.idle()
    expect(peers.flatMap(seqs).at(-1)).toBe(7)
    expect(peers).toHaveLength(after)
  })

  it('at the birth still gets the states and records', async () => {
    const { url, peers } = await broker({
      publish(peer, { topic, id }) {
        if (topic === 'devices/n1/info') peer.socket.destroy()
        else if (id !== 0) peer.puback(id)
      },
    })
    const agent = link(url)
    agent.outbox.put(record(0))
    await agent.logged(({ topic, level }) => topic === 'devices/n1/info' && level === 40)
    await agent.mqtt.idle()
    expect(peers.flatMap(seqs)).toContain(0)
    expect(agent.outbox.depth).toBe(0)
    expect(agent.mqtt.connected).toBe(true)
  })

  it('at the subscription still gets the records, and health says that no command is heard', async () => {
    const { url, peers } = await broker({ subscribe: (peer) => peer.socket.destroy() })
    const agent = link(url)
    agent.outbox.put(record(0))
    await agent.logged(({ msg }) => /refused a subscription/.test(String(msg)))
    await agent.connected()
    while (agent.outbox.depth > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(peers.flatMap(seqs)).toContain(0)
    expect(agent.mqtt.session?.commands).toMatch(/^none/)
  })
})

describe('what a broker sends', () => {
  it.each([4, 5] as const)('costs no memory, however long a command is (version %i)', async (protocol) => {
    const megabytes = protocol === 5 ? 1 : 250 // what is larger, MQTT 5 has told the broker to keep
    const sender = await longSender(megabytes)
    const agent = link(sender.url, { protocol })
    await agent.connected()
    await agent.mqtt.idle()
    const before = process.memoryUsage.rss()
    sender.send()
    await agent.logged(() => agent.received.length >= 2)
    expect(agent.received.map(({ payload }) => payload.length)).toEqual([4096, 2])
    expect(agent.received[1]?.payload).toBe('on')
    // What has gone by is not given back at once; far less than there was.
    expect(process.memoryUsage.rss() - before).toBeLessThan(125e6)
    expect(agent.mqtt.connected).toBe(true)
  })
})

describeWith(['mosquitto'], 'a real Mosquitto', () => {
  const start = async (...lines: string[]): Promise<Mosquitto> => {
    const mosquitto = await startMosquitto(['allow_anonymous true', ...lines])
    cleanups.push(() => mosquitto.stop())
    return mosquitto
  }

  it.each([4, 5] as const)(
    'with max_packet_size gets all records but the large one, without a loop (version %i)',
    async (protocol) => {
      const mosquitto = await start('max_packet_size 400')
      const agent = link(mosquitto.url, { protocol })
      for (const message of [record(0), big(1, 500), record(2)]) agent.outbox.put(message)
      await agent.logged(({ topic, level }) => topic === 'sensors/n1/data' && level === 40)
      const other = await observe(mosquitto.url)
      cleanups.push(() => other.end())
      agent.outbox.put(record(3))
      agent.mqtt.drain()
      await other.until(on('sensors/n1/data', '{"seq":3}'), { past: true })
      await agent.mqtt.idle()
      expect(agent.outbox.dropped).toEqual({ [protocol === 5 ? 'too-large' : 'hangs-up']: 1 })
      expect(agent.outbox.depth).toBe(0)
    },
  )

  it('without retained messages gets a will and states that are not retained, and a warning', async () => {
    const mosquitto = await start('retain_available false')
    const agent = link(mosquitto.url)
    await agent.connected()
    await agent.mqtt.idle()
    expect(agent.lines.filter(({ level }) => level === 40).map(({ msg }) => msg)).toEqual([
      'broker connection failed',
      'the broker can’t retain messages: the will is not retained',
      'the broker can’t retain messages: states reach only who is subscribed already',
    ])
    expect(agent.mqtt.session).toMatchObject({ delivered: 'acknowledged' })
  })

  it('without quality of service 1 says that delivered is written', async () => {
    const mosquitto = await start('max_qos 0')
    const other = await observe(mosquitto.url)
    cleanups.push(() => other.end())
    const agent = link(mosquitto.url)
    agent.outbox.put(record(0))
    await other.until(on('sensors/n1/data'), { past: true })
    expect(agent.mqtt.session).toMatchObject({
      delivered: 'written to the socket',
      commands: 'heard at quality of service 0',
    })
    await agent.logged(({ msg }) => /counts as delivered when it is written/.test(String(msg)))
  })

  it.each([
    { protocol: 5, cuts: 0, told: [] },
    { protocol: 4, cuts: 2, told: ['the broker hangs up at quality of service 2: alerts go at 1, and may come twice'] },
  ] as const)(
    'without quality of service 2 gets alerts at 1, by protocol $protocol',
    async ({ protocol, cuts, told }) => {
      const mosquitto = await start('max_qos 1')
      const other = await observe(mosquitto.url)
      cleanups.push(() => other.end())
      const agent = link(mosquitto.url, { protocol, listens: () => false })
      agent.mqtt.publish({ topic: 'alerts/n1/hot', payload: '{}', qos: 2, retain: true })
      agent.outbox.put(record(0))
      agent.mqtt.drain()
      expect(await other.until(on('alerts/n1/hot'), { past: true })).toMatchObject({ payload: '{}', qos: 1 })
      await other.until(on('sensors/n1/data'), { past: true })
      expect(agent.mqtt.reconnects).toBe(cuts)
      expect(agent.lines.flatMap(({ msg }) => (String(msg).includes('quality of service') ? [msg] : []))).toEqual(told)
      expect(agent.mqtt.dropped).toEqual({})
    },
  )

  // MQTT 3.1.1 can't say what a broker does not take: it hangs up at the will, and at each such message.
  it.each([
    { lines: ['max_qos 0'], delivered: 'written to the socket', told: ['no quality of service 1'] },
    { lines: ['retain_available false'], delivered: 'acknowledged', told: ['can’t retain messages'] },
    {
      lines: ['max_qos 0', 'retain_available false'],
      delivered: 'written to the socket',
      told: ['no quality of service 1', 'can’t retain messages'],
    },
  ])('of MQTT 3.1.1 with $lines gets everything as it takes it, and a warning', async ({ lines, delivered, told }) => {
    const mosquitto = await start(...lines)
    const other = await observe(mosquitto.url, { protocolVersion: 4 })
    cleanups.push(() => other.end())
    const agent = link(mosquitto.url, { protocol: 4 })
    for (let seq = 0; seq < 50; seq += 1) agent.outbox.put(record(seq))
    agent.mqtt.publish(metric(20))
    await other.until(on('sensors/n1/data', '{"seq":49}'), { past: true })
    await other.until(on('sensors/n1/temperature', '20'), { past: true })
    expect(other.seen.filter(on('sensors/n1/data'))).toHaveLength(50)
    expect(agent.mqtt.session).toMatchObject({ version: '3.1.1', delivered })
    const warnings = agent.lines.filter(({ level }) => level === 40).map(({ msg }) => String(msg))
    for (const words of told) expect(warnings.filter((msg) => msg.includes(`${words}: the will`))).toHaveLength(1)
    expect(agent.lines.filter(({ msg }) => msg === 'connected')).toHaveLength(1)
    expect(agent.outbox.dropped).toEqual({})

    // And again after a restart.
    await mosquitto.kill()
    await agent.connected(false)
    await mosquitto.start()
    const anew = await observe(mosquitto.url, { protocolVersion: 4 })
    cleanups.push(() => anew.end())
    await agent.connected()
    agent.outbox.put(record(50))
    agent.mqtt.drain()
    await anew.until(on('sensors/n1/data', '{"seq":50}'), { past: true })
    expect(
      agent.lines
        .filter(({ level }) => level === 40)
        .map(({ msg }) => String(msg))
        .filter((msg) => msg.includes('the will')),
    ).toHaveLength(told.length)
  })

  it('with max_inflight_messages 1 gets everything in order', async () => {
    const mosquitto = await start('max_inflight_messages 1')
    const other = await observe(mosquitto.url)
    cleanups.push(() => other.end())
    const agent = link(mosquitto.url)
    for (let seq = 0; seq < 30; seq += 1) agent.outbox.put(record(seq))
    await other.until(on('sensors/n1/data', '{"seq":29}'), { past: true })
    const order = other.seen.filter(on('sensors/n1/data')).map(({ payload }) => Number(JSON.parse(payload).seq))
    expect(order).toEqual(Array.from({ length: 30 }, (_, seq) => seq))
  })
})
