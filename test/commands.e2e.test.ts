/** Commands to the built agent through a real Mosquitto: answers, once and only once, and a flood of them. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type AgentProcess, startAgent } from './fakes/agent-process.ts'
import { type Mosquitto, startMosquitto } from './fakes/mosquitto.ts'
import { type Observer, observe, on } from './fakes/observer.ts'
import { describeWith } from './fakes/tools.ts'

const CONFIG = (url: string): string => `
node: { id: n1 }
mqtt: { url: '${url}' }
sensors: [{ type: simulated, interval: 100ms, metrics: { count: { shape: counter } } }]
gpio: { backend: mock, outputs: [{ pin: 17 }] }
`

const cleanups: (() => Promise<unknown>)[] = []
let mosquitto: Mosquitto
let observer: Observer
let client: MqttClient
let agent: AgentProcess

describeWith(['mosquitto'], 'commands to the built agent', () => {
  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sensor-node-commands-'))
    cleanups.push(() => rm(folder, { recursive: true, force: true }))
    mosquitto = await startMosquitto(['allow_anonymous true', 'max_queued_messages 0'])
    cleanups.push(() => mosquitto.stop())
    observer = await observe(mosquitto.url)
    cleanups.push(() => observer.end())
    client = await mqtt.connectAsync(mosquitto.url, { protocolVersion: 5 })
    cleanups.push(() => client.endAsync(true))
    const file = join(folder, 'config.yaml')
    await writeFile(file, CONFIG(mosquitto.url))
    agent = startAgent(['run', '--config', file])
    cleanups.push(() => agent.end('SIGKILL'))
    await observer.until(on('gpio/17/state', '0'), { past: true })
  })
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  it('are answered where the sender wants it, with what it knows them by', async () => {
    const answer = new Promise<{ topic: string; payload: string; correlation: string | undefined }>((resolve) => {
      client.on('message', (topic, payload, { properties }) =>
        resolve({ topic, payload: payload.toString(), correlation: properties?.correlationData?.toString() }),
      )
    })
    await client.subscribeAsync('me/answers')
    const properties = { responseTopic: 'me/answers', correlationData: Buffer.from('number 7') }
    await client.publishAsync('gpio/17/command', 'on', { qos: 1, properties })
    expect(await answer).toEqual({
      topic: 'me/answers',
      payload: '{"ok":true,"state":1,"node":"n1"}',
      correlation: 'number 7',
    })
  })

  it('whose answer would be a command are refused, once: there is no loop', async () => {
    const properties = { responseTopic: 'gpio/17/command' }
    const refused = observer.until(on('gpio/17/error'))
    await client.publishAsync('gpio/17/command', 'toggle', { qos: 1, properties })
    expect(JSON.parse((await refused).payload).error).toContain('its response topic has a meaning of its own')
    await client.publishAsync('gpio/17/command', '{"state":"off","id":"last"}', { qos: 1 })
    await observer.until(on('gpio/17/result'), { past: true })
    expect(observer.seen.filter(on('gpio/17/command'))).toHaveLength(2)
    expect(observer.seen.filter(on('gpio/17/error'))).toHaveLength(1)
  })

  it('to toggle at quality of service 2 happen once each', async () => {
    const toggles = 300
    const toggle = (index: number): Promise<unknown> =>
      client.publishAsync('gpio/17/command', JSON.stringify({ state: 'toggle', id: index }), { qos: 2 })
    // No more at once than Mosquitto takes (its max_inflight_messages): beyond that it loses some itself.
    for (let index = 0; index < toggles; index += 10)
      await Promise.all(Array.from({ length: 10 }, (_, more) => toggle(index + more)))
    await observer.until(
      ({ topic, payload }) => topic === 'gpio/17/result' && payload.includes(`"id":${toggles - 1},`),
      {
        past: true,
      },
    )
    const states = observer.seen.filter(on('gpio/17/result')).map(({ payload }) => JSON.parse(payload).state)
    expect(states).toEqual(Array.from({ length: toggles }, (_, index) => (index + 1) % 2))
  })

  it('in a flood of 10,000 starve no record, need no memory and end in the last of them', async () => {
    const records = (): number => observer.seen.filter(on('sensors/n1/data')).length
    const rss = (): number =>
      Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${agent.child.pid}/status`, 'utf8'))?.[1]) * 1024
    const [recordsBefore, rssBefore] = [records(), rss()]
    const began = performance.now()
    for (let count = 0; count < 10_000; count += 1) {
      client.publish('gpio/17/command', count % 2 === 0 ? 'off' : 'on')
      if (count % 500 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await client.publishAsync('gpio/17/command', '{"state":"on","id":"last"}', { qos: 1 })
    await observer.until(on('gpio/17/result', '{"id":"last","ok":true,"state":1,"node":"n1"}'), {
      past: true,
      ms: 15_000,
    })
    // The observer gets the commands as well, and may be behind: only what the agent sent until then counts.
    const expected = (performance.now() - began) / 100
    await observer.until(({ topic, payload }) => topic === 'sensors/n1/data' && JSON.parse(payload).count > expected)
    expect(records() - recordsBefore).toBeGreaterThan(expected / 2)
    expect(rss() - rssBefore).toBeLessThan(150e6)
    expect(observer.seen.findLast(on('gpio/17/state'))?.payload).toBe('1')
    const counts = observer.seen.filter(on('sensors/n1/data')).map(({ payload }) => JSON.parse(payload).seq)
    expect(counts).toEqual(counts.map((_, index) => counts[0] + index))
  })
})
