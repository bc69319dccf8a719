/**
 * Two nodes and the people behind them at one broker, with the files that deploy/ has for it. The paths are a test's;
 * test/vm/fleet-broker.vm.ts has the same at the real ones.
 */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createTelemetry } from '../src/telemetry.ts'
import { type AgentProcess, startAgent } from './fakes/agent-process.ts'
import { type Here, install, nodeConfig, PASSWORD } from './fakes/fleet-broker.ts'
import { type Mosquitto, startMosquitto } from './fakes/mosquitto.ts'
import { type Observer, observe, on } from './fakes/observer.ts'
import { describeWith } from './fakes/tools.ts'

/** MQTT 5.0, section 3.4.2.1: not authorized. */
const NOT_AUTHORIZED = 0x87

const clients: MqttClient[] = []

const telemetry = createTelemetry({
  node: 'rpi001',
  topics: { sensors: 'sensors/rpi001', devices: 'devices/rpi001', gpio: 'gpio/rpi001', alerts: 'alerts/rpi001' },
  run: 'k3f9',
})
const reading = { at: 0, due: ['temperature'] as const, values: { temperature: 21.5 }, rejected: [] }
const refused = telemetry.commandError('17', 'no', new Uint8Array())
const result = telemetry.commandResult('17', 'a', { state: 1 })

/** Everything that a node publishes on: what the code makes, and what the contract names besides. */
const frost = { sensor: 'attic', about: { rule: 'frost' }, since: 0, count: 1, unsynchronised: false }
const OWN_TOPICS = [
  telemetry.status('online'),
  telemetry.info({}),
  telemetry.health({}),
  telemetry.sensorStatus(undefined, 'online'),
  telemetry.sensorStatus('attic', 'online'),
  ...telemetry.metrics('attic', reading, () => undefined),
  telemetry.record(undefined, reading, 0),
  telemetry.pinState(17, 1),
  ...telemetry.count(5, { pulses: 2, total: 2, rate: 1 }, 10_000),
  telemetry.countRecord(5, 0, { pulses: 2, total: 2, rate: 1 }, 0),
  telemetry.discovery('homeassistant', {}),
  telemetry.alert('frost', frost),
  telemetry.alertEvent('begin', 'frost', frost, 0, 0),
  telemetry.alertEvent('begin', 'frost', { ...frost, sensor: undefined }, 0, 0),
  ...(refused === undefined ? [] : [refused]),
  ...(result === undefined ? [] : [result]),
]
  .map(({ topic }) => topic)
  .concat(['devices/rpi001/response', 'devices/rpi001/response/operator'])

describeWith(['mosquitto', 'mosquitto_passwd', 'openssl'], 'the broker of a fleet', () => {
  let folder: string
  let mosquitto: Mosquitto
  let url: string
  let ca: string
  let operator: Observer
  let agent: AgentProcess

  const here: Here = (text) =>
    text
      .replaceAll('-o mosquitto -g mosquitto', '') // needs root
      .replaceAll('/etc/mosquitto/conf.d/sensor-node.conf', `${folder}/mosquitto.conf`)
      .replaceAll(/\/etc\/(mosquitto|sensor-node)\//g, `${folder}/`)
      .replaceAll('broker.local', 'localhost')

  const client = async (username: string, options: IClientOptions = {}): Promise<MqttClient> => {
    const credentials = { username, password: PASSWORD, ca, protocolVersion: 5, reconnectPeriod: 0 } as const
    const made = mqtt.connect(url, { ...credentials, ...options })
    clients.push(made)
    await new Promise<void>((resolve, reject) => {
      made.once('connect', () => resolve())
      made.once('error', reject)
    })
    return made
  }
  /** The reason code of the acknowledgement, 0 for a good one. */
  const publish = (by: MqttClient, topic: string, payload = 'x', retain = false): Promise<number> =>
    by.publishAsync(topic, payload, { qos: 1, retain }).then(
      () => 0,
      (error: unknown) => {
        if (error instanceof Error && 'code' in error && typeof error.code === 'number') return error.code
        throw error
      },
    )
  /** On which topics something arrives while the test acts. */
  const heard = async (by: MqttClient, filter: string, act: () => Promise<unknown>): Promise<string[]> => {
    const topics: string[] = []
    by.on('message', (topic) => topics.push(topic))
    await by.subscribeAsync(filter)
    await act()
    // The broker answers in order: what there was for this client has come before the answer.
    await by.unsubscribeAsync(filter)
    return topics
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sensor-node-fleet-'))
    mkdirSync(join(folder, 'certs'))
    // The accounts of the comments, and two more.
    const more = ['rpi002', '+'].map(
      (name) => `mosquitto_passwd -b ${folder}/sensor-node.passwd '${name}' '${PASSWORD}'`,
    )
    await install(folder, (line) => [here(line), ...(line.includes('passwd rpi001') ? more : [])].join('\n'))
    const shipped = here(readFileSync(join(folder, 'mosquitto.conf'), 'utf8')).split('\n')
    // startMosquitto brings the listener; a broker that root starts would become somebody who may not enter the folder.
    mosquitto = await startMosquitto([
      ...shipped.filter((line) => !line.startsWith('listener')),
      `user ${userInfo().username}`,
    ])
    url = `mqtts://localhost:${mosquitto.port}`
    ca = readFileSync(join(folder, 'ca.crt'), 'utf8')
    operator = await observe(url, { username: 'operator', password: PASSWORD, ca })

    writeFileSync(join(folder, 'mqtt-password'), `${PASSWORD}\n`, { mode: 0o600 })
    const config = nodeConfig(here).replace(':8883', `:${mosquitto.port}`)
    const rest = `
sensors: [{ type: simulated, interval: 100ms, metrics: { temperature: {} } }]
gpio: { backend: mock, outputs: [{ pin: 17 }] }
`
    writeFileSync(join(folder, 'config.yaml'), `${config}${rest}`)
    agent = startAgent(['run', '--config', join(folder, 'config.yaml')])
    await operator.until(on('gpio/rpi001/17/state', '0'), { past: true })
  }, 60_000)
  afterEach(async () => {
    for (const one of clients.splice(0)) await one.endAsync(true)
  })
  afterAll(async () => {
    await agent?.end('SIGTERM')
    await operator?.end()
    await mosquitto?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('serves the agent by TLS: the operator sees all that it says, and commands it', async () => {
    await operator.until(on('devices/rpi001/status', 'online'), { past: true })
    await operator.until(on('devices/rpi001/info'), { past: true })
    await operator.until(on('devices/rpi001/health'), { past: true })
    await operator.until(on('sensors/rpi001/data'))
    await operator.until(on('sensors/rpi001/temperature'), { past: true })
    const state = operator.until(on('gpio/rpi001/17/state', '1'))
    await operator.publish('gpio/rpi001/17/command', 'on')
    await state
    const error = operator.until(on('gpio/rpi001/17/error'))
    await operator.publish('gpio/rpi001/17/command', 'of')
    await error
    expect(agent.output()).not.toMatch(/the broker refused/)
  })

  it.each(OWN_TOPICS)('lets a node publish on %s, and no other node', async (topic) => {
    expect(await publish(await client('rpi002'), topic)).toBe(NOT_AUTHORIZED)
    expect(await publish(await client('rpi002'), topic.replace('rpi001', 'rpi002'))).toBe(0)
  })

  it('a node that imitates another is heard by nobody', async () => {
    operator.clear()
    const imitator = await client('rpi002')
    expect(await publish(imitator, 'sensors/rpi001/temperature', '99', true)).toBe(NOT_AUTHORIZED)
    expect(await publish(imitator, 'devices/rpi001/status', 'offline', true)).toBe(NOT_AUTHORIZED)
    await imitator.publishAsync('gpio/rpi001/17/state', '0', { qos: 0 }) // no answer to this one
    expect(await publish(imitator, 'sensors/rpi002/temperature', '20')).toBe(0)
    await operator.until(on('sensors/rpi002/temperature'), { past: true })
    const imitated = operator.seen.filter(({ payload }) => ['99', 'offline', '0'].includes(payload))
    expect(imitated).toEqual([])
  })

  it.each(['gpio/rpi001/+/command', 'gpio/+/+/command', 'devices/+/request', '#', 'sensors/#', '$SYS/#'])(
    'a node that subscribes to %s hears nothing that is not for it',
    async (filter) => {
      const topics = await heard(await client('rpi002'), filter, async () => {
        await operator.publish('gpio/rpi001/17/command', 'on')
        await operator.publish('devices/rpi001/request', '{}')
        await operator.until(on('sensors/rpi001/data'))
      })
      expect(topics).toEqual([])
    },
  )

  it('a node hears its own commands and requests, Home Assistant, and of what nodes say only what the broker keeps of itself', async () => {
    const node = await client('rpi002')
    const homeAssistant = await client('homeassistant')
    const own = ['status', 'info', 'health'].map((last) => `devices/rpi002/${last}`)
    const kept = [
      ...own,
      'sensors/rpi002/attic/temperature',
      'alerts/rpi002/frost',
      'homeassistant/device/rpi002/config',
    ]
    const pins = ['state', 'total', 'rate'].map((last) => `gpio/rpi002/5/${last}`)
    const topics = await heard(node, '#', async () => {
      await operator.publish('gpio/rpi002/17/command', 'on')
      await operator.publish('devices/rpi002/request', '{}')
      await publish(homeAssistant, 'homeassistant/status', 'online')
      for (const topic of [...kept, ...pins, 'gpio/rpi002/5/error', 'devices/rpi002/response/operator'])
        expect(await publish(node, topic)).toBe(0)
      await operator.until(on('sensors/rpi001/data')) // another node's
    })
    expect(topics).toEqual([
      'gpio/rpi002/17/command',
      'devices/rpi002/request',
      'homeassistant/status',
      ...kept,
      ...pins,
    ])
  })

  it.each(['gpio/rpi001/17/command', 'gpio/rpi002/17/command', 'devices/rpi001/request', 'homeassistant/status'])(
    'a node may not publish on %s',
    async (topic) => expect(await publish(await client('rpi002'), topic, 'on')).toBe(NOT_AUTHORIZED),
  )

  it('a response topic outside of the own ones is of no use to command another node', async () => {
    const node = await client('rpi002')
    expect(await publish(node, 'devices/rpi002/response/operator', '{}')).toBe(0)
    expect(await publish(node, 'devices/rpi001/response/operator', '{}')).toBe(NOT_AUTHORIZED)
    expect(await publish(node, 'gpio/rpi001/17/command', '{"state":"on"}')).toBe(NOT_AUTHORIZED)
  })

  it('the will of a node can not be in the name of another', async () => {
    operator.clear()
    const topics = ['devices/rpi001/status', 'devices/rpi002/status']
    for (const topic of topics) {
      const node = await client('rpi002', {
        will: { topic, payload: Buffer.from('dead'), qos: 1, retain: false },
      }).catch((error: unknown) => expect(error).toMatchObject({ code: NOT_AUTHORIZED }))
      if (node instanceof mqtt.MqttClient) node.stream.destroy()
    }
    await operator.until(on('devices/rpi002/status', 'dead'))
    expect(operator.seen.filter(on('devices/rpi001/status'))).toEqual([])
  })

  it('a node that takes the client id of another does not throw it out', async () => {
    const before = agent.output()
    const node = await client('rpi002', { clientId: 'sensor-node-rpi001' })
    await operator.until(on('sensors/rpi001/data'))
    expect(node.connected).toBe(true)
    expect(agent.output().slice(before.length)).not.toContain('broker connection')
  })

  const COMMANDS = ['gpio/rpi001/17/command', 'devices/rpi001/request']
  it.each([
    { name: 'observer', may: [], mayNot: COMMANDS },
    { name: 'homeassistant', may: [...COMMANDS, 'homeassistant/status'], mayNot: [] },
  ])('$name hears everything and speaks for no node', async ({ name, may, mayNot }) => {
    const person = await client(name)
    for (const topic of may) expect(await publish(person, topic, 'on')).toBe(0)
    for (const topic of [...OWN_TOPICS, ...mayNot]) expect(await publish(person, topic)).toBe(NOT_AUTHORIZED)
    const topics = await heard(person, '#', () => operator.until(on('sensors/rpi001/data')))
    expect(topics).toEqual(expect.arrayContaining(['devices/rpi001/status', 'gpio/rpi001/17/state']))
  })

  it('the operator does not speak for a node either', async () => {
    for (const topic of OWN_TOPICS) {
      await expect(operator.publish(topic, 'x')).rejects.toMatchObject({ code: NOT_AUTHORIZED })
    }
  })

  it('an account whose name is a wildcard gets nothing', async () => {
    const everybody = await client('+')
    for (const topic of OWN_TOPICS) expect(await publish(everybody, topic)).toBe(NOT_AUTHORIZED)
    expect(await heard(everybody, '#', () => operator.publish('gpio/rpi001/17/command', 'on'))).toEqual([])
  })

  it.each([
    { who: 'a stranger', options: { username: 'rpi003' } },
    { who: 'a wrong password', options: { password: 'wrong' } },
    { who: 'nobody in particular', options: { username: undefined, password: undefined } },
  ])('$who is not let in', async ({ options }) => {
    await expect(client('rpi001', options)).rejects.toMatchObject({ code: NOT_AUTHORIZED })
  })

  it('without TLS nobody gets a word in', async () => {
    const plain = mqtt.connect(`mqtt://localhost:${mosquitto.port}`, {
      username: 'rpi001',
      password: PASSWORD,
      reconnectPeriod: 0,
    })
    clients.push(plain)
    await new Promise<void>((resolve) => plain.once('close', () => resolve()))
    expect(plain.connected).toBe(false)
  })

  it('a broker with another certificate gets no password', async () => {
    await expect(client('rpi001', { ca: undefined })).rejects.toThrow(/certificate/)
  })
})
