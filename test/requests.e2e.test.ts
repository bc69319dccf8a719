/** Requests to the built agent through a real Mosquitto, by both versions of MQTT. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { afterEach, expect, it } from 'vitest'
import { type AgentProcess, startAgent } from './fakes/agent-process.ts'
import { brokerBench } from './fakes/broker-bench.ts'
import { type Mosquitto, startMosquitto } from './fakes/mosquitto.ts'
import { type Observer, observe, on, type Seen } from './fakes/observer.ts'
import { describeWith } from './fakes/tools.ts'

const CONFIG = (url: string, more: string): string => `
node: { id: n1 }
mqtt: { url: '${url}'${more.includes('protocol') ? ', protocol: 4' : ''}, username: n1, password_file: password }
sensors:
  - { type: simulated, interval: 200ms, metrics: { count: { shape: counter } } }
  - { id: attic, type: simulated, interval: 1h, metrics: { temperature: { shape: constant, value: 21 } } }
gpio: { backend: mock, outputs: [{ pin: 17 }] }
${more.includes('remote') ? 'remote: true' : ''}
`

const cleanups: (() => Promise<unknown>)[] = []
const RESPONSE = 'devices/n1/response'

interface Bench {
  readonly file: string
  readonly agent: AgentProcess
  readonly observer: Observer
  readonly mosquitto: Mosquitto
  ask(request: string | object): Promise<Record<string, unknown>>
}

/** `more`: what is in the configuration, of `remote` and `protocol`. */
async function start(more: string): Promise<Bench> {
  const { folder, mosquitto, observer } = await brokerBench(cleanups, 'requests')
  const file = join(folder, 'config.yaml')
  await writeFile(file, CONFIG(mosquitto.url, more))
  await writeFile(join(folder, 'password'), 'hunter2')
  const agent = startAgent(['run', '--config', file])
  cleanups.push(() => agent.end('SIGKILL'))
  await observer.until(on('sensors/n1/attic/status', 'online'), { past: true })
  return {
    file,
    agent,
    observer,
    mosquitto,
    async ask(request) {
      const answer = observer.until(on(RESPONSE))
      await observer.publish('devices/n1/request', typeof request === 'string' ? request : JSON.stringify(request))
      return JSON.parse((await answer).payload)
    },
  }
}

describeWith(['mosquitto'], 'requests to the built agent', () => {
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  it('a reload that connects anew, or to another broker, is answered before, where it was asked for', async () => {
    const { file, mosquitto, observer, ask } = await start('remote')
    const other = await startMosquitto()
    cleanups.push(() => other.stop())
    const elsewhere = await observe(other.url)
    cleanups.push(() => elsewhere.end())
    await writeFile(file, CONFIG(mosquitto.url, 'remote').replace('username: n1', 'keepalive: 31s, username: n1'))
    const back = observer.until(on('devices/n1/status', 'online'))
    expect(await ask({ id: 'anew', action: 'reload' })).toMatchObject({ id: 'anew', status: 'ok' })
    await back
    await writeFile(file, CONFIG(other.url, 'remote'))
    expect(await ask({ id: 'other', action: 'reload' })).toMatchObject({ id: 'other', status: 'ok' })
    await elsewhere.until(on('devices/n1/status', 'online'), { past: true })
    expect(elsewhere.seen.filter(on(RESPONSE))).toEqual([])
  })

  it.each([
    { more: 'remote', version: 'MQTT 5' },
    { more: 'remote protocol', version: 'MQTT 3.1.1' },
  ])('are answered, one for each action, by $version', async ({ more }) => {
    const { agent, observer, mosquitto, ask } = await start(more)
    // It is told anew when the sensors are there.
    const told = await observer.until(
      ({ topic, payload }) => topic === 'devices/n1/info' && payload.includes('"quantities"'),
      { past: true },
    )
    const info = JSON.parse(told.payload)
    const head = (action: string) => ({ id: action, action, status: 'ok', node: 'n1' })

    expect(await ask({ id: 'ping', action: 'ping' })).toEqual({
      ...head('ping'),
      run: info.run,
      uptime: expect.any(Number),
    })
    expect(await ask({ id: 'info', action: 'info' })).toEqual({ ...info, ...head('info') })
    expect(await ask({ id: 'read', action: 'read', sensor: 'attic' })).toEqual({
      ...head('read'),
      sensors: [
        { id: 'attic', type: 'simulated', ok: true, timestamp: expect.any(String), values: { temperature: 21 } },
      ],
    })
    expect(observer.seen.filter(on('sensors/n1/attic/data'))).toHaveLength(1)
    expect(await ask({ id: 'log_level', action: 'log_level', level: 'debug' })).toEqual({
      ...head('log_level'),
      old: 'info',
      new: 'debug',
    })
    await agent.wrote(/"level":"debug".*"msg":"reading"/)
    expect(await ask({ id: 'all', action: 'read' })).toMatchObject({ sensors: [{ ok: true }, { ok: true }] })
    const records = observer.seen.filter(on('sensors/n1/data')).map(({ payload }) => JSON.parse(payload))
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => index))
    expect(await ask('{"id":"r","action":"reload"')).toMatchObject({ status: 'error', node: 'n1' })
    const answers = observer.seen.filter(on(RESPONSE))
    expect(answers.every(({ qos, retain }) => qos === 1 && !retain)).toBe(true)
    expect(answers.some(({ payload }) => payload.includes('hunter2'))).toBe(false)
    expect(mosquitto.subscriptions).toContain('sensor-node-n1, devices/n1/request')
  })

  it.each([
    { more: 'remote', version: 'MQTT 5' },
    { more: 'remote protocol', version: 'MQTT 3.1.1' },
  ])('that are wrong are answered with the reason, and the agent goes on, by $version', async ({ more }) => {
    const { agent, observer, ask } = await start(more)
    const wrong = ['ping', '{', '[]', '{}', '{"action":"pnig","id":"a"}', '{"action":"ping","x":1}', '\0', '{"id":[]}']
    for (const request of [...wrong, `{"action":"ping"}${' '.repeat(3000)}`, '{"action":"log_level","level":5}'])
      expect(await ask(request)).toMatchObject({ status: 'error', error: expect.stringMatching(/\w/), node: 'n1' })
    // Longer than anything that is even taken in (by MQTT 5 the broker keeps it to itself).
    await observer.publish('devices/n1/request', 'x'.repeat(3_000_000))
    expect(await ask({ id: 'after', action: 'ping' })).toBeTruthy()
    await observer.until(({ topic, payload }) => topic === RESPONSE && payload.includes('"after"'), { past: true })
    expect(agent.output().match(/"msg":"connected"/g)).toHaveLength(1)
    expect(agent.output()).not.toMatch(/"level":"(error|fatal)"/)
  })

  it('that are retained are refused at each connect, until they are cleared', async () => {
    const { observer, mosquitto, agent } = await start('remote')
    const refused = observer.until(on(RESPONSE))
    const request = '{"id":"r","action":"log_level","level":"silent"}'
    await observer.publish('devices/n1/request', request, { retain: true })
    const { error } = JSON.parse((await refused).payload)
    expect(error).toContain("mosquitto_pub -r -n -t 'devices/n1/request'")
    await observer.publish('devices/n1/request', '', { retain: true })
    await mosquitto.kill()
    await mosquitto.start()
    await agent.wrote(/"msg":"connected"[\s\S]*"msg":"connected"/)
    expect(observer.seen.filter(on(RESPONSE))).toHaveLength(1)
  })

  it('are answered on the response topic of MQTT 5, with the correlation data', async () => {
    const { mosquitto, observer } = await start('remote')
    const client = await mqtt.connectAsync(mosquitto.url, { protocolVersion: 5 })
    cleanups.push(() => client.endAsync(true))
    const answer = new Promise<{ topic: string; payload: object; correlation: string | undefined }>((resolve) => {
      client.on('message', (topic, payload, { properties }) =>
        resolve({
          topic,
          payload: JSON.parse(payload.toString()),
          correlation: properties?.correlationData?.toString(),
        }),
      )
    })
    await client.subscribeAsync('devices/n1/response/me')
    const properties = { responseTopic: 'devices/n1/response/me', correlationData: Buffer.from('number 7') }
    await client.publishAsync('devices/n1/request', '{"action":"ping"}', { qos: 1, properties })
    expect(await answer).toMatchObject({
      topic: 'devices/n1/response/me',
      payload: { action: 'ping', status: 'ok' },
      correlation: 'number 7',
    })
    expect(observer.seen.filter(on(RESPONSE))).toEqual([])
  })

  it('in a flood of 2,000 are all answered, and no record is missed', async () => {
    const { observer } = await start('remote')
    const isAnswer = ({ topic, payload }: Seen): boolean => topic === RESPONSE && payload.includes('"last"')
    for (let turn = 0; turn < 2000; turn += 20)
      await Promise.all(
        Array.from({ length: 20 }, (_, more) => {
          const action = more % 2 === 0 ? 'ping' : 'read'
          return observer.publish('devices/n1/request', JSON.stringify({ id: turn + more, action }))
        }),
      )
    await observer.publish('devices/n1/request', '{"id":"last","action":"ping"}')
    await observer.until(isAnswer, { past: true })
    const before = observer.seen.findLast(on('sensors/n1/data'))?.payload
    await observer.until(on('sensors/n1/data'))
    const answers = observer.seen.filter(on(RESPONSE)).map(({ payload }) => JSON.parse(payload).id)
    expect(new Set(answers).size).toBe(2001)
    const sequence = observer.seen.filter(on('sensors/n1/data')).map(({ payload }) => JSON.parse(payload).seq)
    expect(sequence).toEqual(sequence.map((_, index) => index))
    expect(before).toBeDefined()
  })

  it('are not heard at all without remote', async () => {
    const { observer, mosquitto } = await start('')
    await observer.publish('devices/n1/request', '{"id":"a1","action":"ping"}')
    await observer.publish('devices/n1/request', 'x')
    const done = observer.until(on('gpio/17/result'))
    await observer.publish('gpio/17/command', '{"state":"on","id":"after"}')
    await done
    expect(observer.seen.filter(({ topic }) => topic.startsWith(RESPONSE))).toEqual([])
    const own = mosquitto.subscriptions.filter((line) => line.startsWith('sensor-node-n1,'))
    expect(own).toEqual(['sensor-node-n1, gpio/+/command'])
  })
})
