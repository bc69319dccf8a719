import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import { afterEach, describe, expect, it } from 'vitest'
import { cleanUp, cleanups, link, metric, reason, record } from './fakes/link.ts'
import { freePort, type Mosquitto, startMosquitto } from './fakes/mosquitto.ts'
import { type Observer, observe, on } from './fakes/observer.ts'
import { describeWith } from './fakes/tools.ts'

afterEach(cleanUp)

describeWith(['mosquitto'], 'the link to a real Mosquitto', () => {
  const broker = async (
    lines?: readonly string[],
  ): Promise<{ mosquitto: Mosquitto; observer: () => Promise<Observer> }> => {
    const mosquitto = await startMosquitto(lines)
    cleanups.push(() => mosquitto.stop())
    const observer = async (): Promise<Observer> => {
      const made = await observe(mosquitto.url)
      cleanups.push(() => made.end())
      return made
    }
    return { mosquitto, observer }
  }

  it('publishes its birth, retained, and takes commands as soon as it says online', async () => {
    const { mosquitto, observer } = await broker()
    const other = await observer()
    const { received } = link(mosquitto.url)
    await other.until(on('devices/n1/status', 'online'), { past: true })
    await other.publish('gpio/17/command', 'on')
    await other.publish('gpio/17/command', 'off', { qos: 2 })
    await other.publish('end', '')
    await other.until(on('end'), { past: true })
    expect(received.map(({ payload }) => payload)).toEqual(['on', 'off'])
    const late = await observer()
    expect(await late.until(on('devices/n1/info'), { past: true })).toMatchObject({
      retain: true,
      payload: '{"hello":true}',
    })
  })

  it('says offline by its own word at a clean stop, retained', async () => {
    const { mosquitto, observer } = await broker()
    const agent = link(mosquitto.url)
    await agent.connected()
    await agent.stop()
    const other = await observer()
    expect(await other.until(on('devices/n1/status'), { past: true })).toMatchObject({
      payload: 'offline',
      retain: true,
    })
  })

  it('with another configuration takes leave with "offline", and goes on at the other broker with all that waits', async () => {
    const [here, there] = [await broker(), await broker()]
    const agent = link(here.mosquitto.url)
    await agent.connected()
    agent.mqtt.publish(metric(21.5))
    agent.outbox.put(record(0))
    agent.mqtt.drain()
    await agent.mqtt.idle()
    const [old, now] = [await here.observer(), await there.observer()]
    agent.mqtt.apply({ ...agent.config, url: there.mosquitto.url })
    await agent.connected(false)
    agent.outbox.put(record(1))
    agent.mqtt.drain()
    await now.until(on('devices/n1/status', 'online'), { past: true })
    await now.until(on('sensors/n1/temperature', '21.5'), { past: true })
    expect(JSON.parse((await now.until(on('sensors/n1/data'), { past: true })).payload).seq).toBe(1)
    expect((await old.until(on('devices/n1/status', 'offline'), { past: true })).payload).toBe('offline')
    await now.publish('gpio/17/command', 'on')
    await now.publish('end', '')
    await now.until(on('end'), { past: true })
    expect([agent.received.map(({ payload }) => payload), agent.mqtt.lastError]).toEqual([['on'], undefined])
  })

  it('with another configuration stops trying the old one at once, also between two tries', async () => {
    const { mosquitto, observer } = await broker()
    const other = await observer()
    const agent = link(`mqtt://127.0.0.1:${await freePort()}`)
    await agent.logged(reason(/nothing listens/))
    agent.mqtt.apply({ ...agent.config, url: mosquitto.url })
    await other.until(on('devices/n1/status', 'online'), { past: true })
  })

  it('listens for as long as something is to be heard, on one connection', async () => {
    const { mosquitto, observer } = await broker()
    const other = await observer()
    let listening = false
    const agent = link(mosquitto.url, { listens: () => listening })
    await other.until(on('devices/n1/status', 'online'), { past: true })
    const say = async (payload: string): Promise<void> => {
      await other.publish('gpio/17/command', payload)
      await other.publish('end', payload)
      await other.until(on('end', payload), { past: true })
    }
    const told = async (claim: () => boolean): Promise<void> => {
      while (!claim()) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await say('before')
    listening = true
    agent.mqtt.resubscribe()
    agent.mqtt.resubscribe()
    await told(() => agent.mqtt.session?.commands === 'heard')
    await say('while')
    await told(() => agent.received.length === 1)
    listening = false
    agent.mqtt.resubscribe()
    expect(agent.mqtt.session).toEqual({ version: '5', delivered: 'acknowledged' })
    await say('after')
    expect(agent.received.map(({ payload }) => payload)).toEqual(['while'])
    expect(other.seen.filter(on('devices/n1/status')).map(({ payload }) => payload)).toEqual(['online'])
  })

  it('gives a metric an expiry, and a record none', async () => {
    const { mosquitto, observer } = await broker()
    const other = await observer()
    const agent = link(mosquitto.url)
    agent.mqtt.publish(metric(21.5))
    agent.outbox.put(record(0))
    agent.mqtt.drain()
    expect((await other.until(on('sensors/n1/temperature'), { past: true })).expires).toBeGreaterThan(25)
    expect((await other.until(on('sensors/n1/data'), { past: true })).expires).toBeUndefined()
  })

  it('waits for a broker that is not there at start, then sends what was kept, in order, and of a metric the newest only', async () => {
    const { mosquitto } = await broker()
    await mosquitto.kill()
    const agent = link(mosquitto.url)
    for (let seq = 0; seq < 100; seq += 1) agent.outbox.put(record(seq))
    for (const value of [1, 2, 3]) agent.mqtt.publish(metric(value))
    await agent.logged(reason(/nothing listens/))
    await mosquitto.start()
    const other = await observe(mosquitto.url)
    cleanups.push(() => other.end())
    await agent.connected()
    await agent.mqtt.idle()
    await other.until(on('sensors/n1/temperature'), { past: true })
    expect(agent.outbox.depth).toBe(0)
    expect(other.seen.filter(on('sensors/n1/temperature')).map(({ payload }) => payload)).toEqual(['3'])
  })

  it('delivers every record in order over a broker that is killed and started again, and counts the reconnect', async () => {
    const { mosquitto } = await broker()
    const agent = link(mosquitto.url)
    await agent.connected()
    agent.outbox.put(record(0))
    agent.mqtt.drain()
    await agent.mqtt.idle()
    await mosquitto.kill()
    await agent.connected(false)
    for (let seq = 1; seq <= 50; seq += 1) agent.outbox.put(record(seq))
    agent.mqtt.drain()
    await mosquitto.start()
    const other = await observe(mosquitto.url)
    cleanups.push(() => other.end())
    agent.outbox.put(record(51))
    await agent.connected()
    agent.mqtt.drain()
    await other.until(on('sensors/n1/data', '{"seq":51}'), { past: true })
    const order = other.seen.filter(on('sensors/n1/data')).map(({ payload }) => Number(JSON.parse(payload).seq))
    expect(order).toEqual(order.toSorted((a, b) => a - b))
    const [first = 0] = order // the observer may come after the agent
    expect([...new Set(order)]).toEqual(Array.from({ length: 52 - first }, (_, index) => first + index))
    expect(agent.mqtt.reconnects).toBeGreaterThanOrEqual(1)
    await other.publish('gpio/17/command', 'toggle')
    await agent.mqtt.idle()
    expect(await other.until(on('devices/n1/status'), { past: true })).toMatchObject({ payload: 'online' })
  })

  it('hears commands again after the broker came back', async () => {
    const { mosquitto } = await broker()
    const agent = link(mosquitto.url)
    await agent.connected()
    await mosquitto.kill()
    await agent.connected(false)
    await mosquitto.start()
    await agent.connected()
    const other = await observe(mosquitto.url)
    cleanups.push(() => other.end())
    await other.until(on('devices/n1/status', 'online'), { past: true })
    await other.publish('gpio/17/command', 'toggle')
    await agent.logged(() => agent.received.length > 0)
    expect(agent.received).toEqual([{ topic: 'gpio/17/command', payload: 'toggle', retained: false }])
  })

  it('sees the retain flag of a command, stored or live', async () => {
    const { mosquitto, observer } = await broker()
    const other = await observer()
    await other.publish('gpio/5/command', 'on', { retain: true })
    const agent = link(mosquitto.url)
    await agent.connected()
    await other.until(on('devices/n1/status', 'online'), { past: true })
    await other.publish('gpio/6/command', 'on', { retain: true })
    await agent.logged(() => agent.received.length >= 2)
    expect(agent.received).toEqual([
      { topic: 'gpio/5/command', payload: 'on', retained: true },
      { topic: 'gpio/6/command', payload: 'on', retained: true },
    ])
  })

  it('tells refused credentials in plain words, never the password, and recovers when the password is corrected', async () => {
    const { execFileSync } = await import('node:child_process')
    const { mkdtemp, rm } = await import('node:fs/promises')
    const folder = await mkdtemp(join(tmpdir(), 'sensor-node-passwd-'))
    cleanups.push(() => rm(folder, { recursive: true }))
    execFileSync('mosquitto_passwd', ['-b', '-c', `${folder}/passwd`, 'u1', 'right-one'])
    execFileSync('chmod', ['-R', 'a+rX', folder])
    const { mosquitto } = await broker(['allow_anonymous false', `password_file ${folder}/passwd`])
    let password = 'wrong-secret'
    const agent = link(mosquitto.url, { username: 'u1', password: async () => password })
    await agent.logged(reason(/user|credentials/))
    password = 'right-one'
    await agent.connected()
    expect(JSON.stringify(agent.lines)).not.toContain('wrong-secret')
    expect(JSON.stringify(agent.lines)).not.toContain('right-one')
  })

  it('lowers its will where the broker has no quality of service 1', async () => {
    const { mosquitto } = await broker(['allow_anonymous true', 'max_qos 0'])
    const agent = link(mosquitto.url)
    await agent.connected()
    expect(agent.lines.some(({ msg }) => /will goes at 0/.test(String(msg)))).toBe(true)
    agent.outbox.put(record(1))
    agent.mqtt.drain()
    await agent.mqtt.idle()
    expect(agent.outbox.depth).toBe(0)
  })

  it('says that another client uses our id when it is thrown out', async () => {
    const { mosquitto } = await broker()
    const agent = link(mosquitto.url)
    await agent.connected()
    const { clientId } = await agent.logged(({ msg }) => msg === 'connected')
    const twin = (await import('mqtt')).default.connect(mosquitto.url, {
      clientId: String(clientId),
      protocolVersion: 5,
      reconnectPeriod: 20,
    })
    cleanups.push(() => twin.endAsync(true))
    const line = await agent.logged(reason(/another client/))
    expect(line.level).toBe(40)
  })

  it('stops at once, without a word, where there is no broker', async () => {
    const agent = link(`mqtt://127.0.0.1:${await freePort()}`)
    await agent.logged(reason(/nothing listens/))
    const started = performance.now()
    await agent.stop()
    expect(performance.now() - started).toBeLessThan(500)
  })
})

describe('the link to other things that listen', () => {
  const serve = async (onSocket: (socket: Socket) => void): Promise<string> => {
    const sockets = new Set<Socket>()
    const server: Server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {}) // the other side is cut on purpose
      onSocket(socket)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanups.push(async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    })
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return `mqtt://127.0.0.1:${address.port}`
  }

  it('falls back to MQTT 3.1.1 at a broker that does not speak MQTT 5, and says so', async () => {
    const aedes = await Aedes.createBroker()
    cleanups.push(() => new Promise<void>((resolve) => aedes.close(() => resolve())))
    const agent = link(await serve((socket) => void aedes.handle(socket)))
    await agent.connected()
    expect(agent.lines.some(({ protocol, level }) => protocol === '3.1.1' && level === 40)).toBe(true)
  })

  it('falls back at a broker that just hangs up on MQTT 5', async () => {
    const aedes = await Aedes.createBroker()
    cleanups.push(() => new Promise<void>((resolve) => aedes.close(() => resolve())))
    const url = await serve((socket) => {
      socket.once('data', (bytes: Buffer) => {
        // The protocol level stands after the fixed header, the length and the six bytes of the name.
        const level = bytes[bytes.indexOf('MQTT') + 4]
        if (level === 5) {
          socket.destroy()
          return
        }
        socket.unshift(bytes)
        aedes.handle(socket)
      })
    })
    const agent = link(url)
    await agent.connected()
    expect((await agent.logged(({ msg }) => msg === 'connected')).protocol).toBe('3.1.1')
  })

  it('notices a broker that swallows everything within two keep-alives', async () => {
    const connack = Buffer.from([0x20, 0x02, 0x00, 0x00])
    const url = await serve((socket) => socket.once('data', () => socket.write(connack)).on('data', () => {}))
    const agent = link(url, { protocol: 4, keepalive: 1000 })
    await agent.connected()
    const since = performance.now()
    await agent.connected(false)
    expect(performance.now() - since).toBeLessThan(2500)
  })

  it('survives a listener that talks nonsense', async () => {
    const agent = link(await serve((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')))
    await agent.logged(({ msg }) => msg === 'broker connection failed')
    expect(agent.mqtt.connected).toBe(false)
  })

  it('says in plain words that a host name is not known', async () => {
    const agent = link('mqtt://no-such-host.invalid:1883')
    const line = await agent.logged(({ msg }) => msg === 'broker connection failed')
    expect(line.reason).toMatch(/host name/)
  })
})
