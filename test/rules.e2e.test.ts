/** Alerts of the built agent at a real Mosquitto: over an outage of the broker, and over restarts of the agent. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type AgentProcess, startAgent } from './fakes/agent-process.ts'
import { type Mosquitto, startMosquitto } from './fakes/mosquitto.ts'
import { type Observer, observe, on, type Seen } from './fakes/observer.ts'
import { describeWith } from './fakes/tools.ts'

const RULES = `
  - { id: light, when: { pin: 17, becomes: on }, then: [{ alert: light_on }, { set: { pin: 22, state: on } }], otherwise: { set: { pin: 22, state: off } } }
  - { id: warm, when: { metric: temperature, sensor: trial, above: 15 }, then: { publish: { topic: 'house/{node}', payload: '{value}', qos: 2 } } }
`
const CONFIG = (url: string, rules: string): string => `
node: { id: rpi001 }
mqtt: { url: '${url}' }
sensors:
  - { id: trial, type: simulated, interval: 200ms, metrics: { temperature: { shape: step, min: 10, max: 20, period: 2s } } }
gpio:
  outputs: [{ pin: 17 }, { pin: 22 }]
rules:${rules}`

const ALERT = 'alerts/rpi001/light_on'
const EVENT = 'sensors/rpi001/alert'
const event = (kind: string) => (message: Seen) => message.topic === EVENT && JSON.parse(message.payload).event === kind

const cleanups: (() => Promise<unknown>)[] = []
let folder: string
let mosquitto: Mosquitto
let observer: Observer

describeWith(['mosquitto'], 'the rules of the built agent', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sensor-node-rules-e2e-'))
    cleanups.push(() => rm(folder, { recursive: true, force: true }))
    // What is retained is on disk at once, so that it outlives a kill.
    const kept = [
      'persistence true',
      `persistence_location ${folder}/`,
      'autosave_on_changes true',
      'autosave_interval 1',
    ]
    mosquitto = await startMosquitto(['allow_anonymous true', 'user root', ...kept])
    cleanups.push(() => mosquitto.stop())
    observer = await newObserver()
  })
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  async function newObserver(): Promise<Observer> {
    const made = await observe(mosquitto.url)
    cleanups.push(() => made.end())
    return made
  }
  async function start(rules = RULES): Promise<AgentProcess> {
    const file = join(folder, 'config.yaml')
    await writeFile(file, CONFIG(mosquitto.url, rules))
    const agent = startAgent(['run', '--simulate', '--config', file], { env: { STATE_DIRECTORY: folder } })
    cleanups.push(() => agent.end('SIGKILL'))
    await observer.until(on('devices/rpi001/status', 'online'), { past: true })
    await observer.until(on('gpio/17/state'), { past: true })
    return agent
  }
  /** What somebody finds who comes late. */
  async function found(topic: string): Promise<string | undefined> {
    const late = await newObserver()
    await late.publish('end', 'end', { qos: 2 }) // like an alert: at less it would overtake
    await late.until(on('end', 'end'), { past: true })
    return late.seen.find(on(topic))?.payload
  }

  it('an alert is retained while it is active, told by events, and gone afterwards', async () => {
    await start()
    const begun = observer.until(event('begin'))
    await observer.publish('gpio/17/command', 'on')
    const { node, run, seq, rule, alert } = JSON.parse((await begun).payload)
    expect([node, seq, rule, alert, typeof run]).toEqual(['rpi001', 0, 'light', 'light_on', 'string'])
    const { qos, payload } = await observer.until((seen) => seen.topic === ALERT && seen.payload !== '', { past: true })
    expect(qos).toBe(2)
    expect(JSON.parse(payload)).toMatchObject({
      node: 'rpi001',
      alert: 'light_on',
      rule: 'light',
      pin: 17,
      value: 1,
      count: 1,
    })
    expect(await found(ALERT)).toBe(payload)
    await observer.until(on('gpio/22/state', '1'), { past: true })
    observer.clear() // it was cleared at the start, too
    const ended = observer.until(event('end'))
    await observer.publish('gpio/17/command', 'off')
    await ended
    await observer.until(on(ALERT, ''), { past: true })
    expect(await found(ALERT)).toBeUndefined()
    await observer.until(on('gpio/22/state', '0'), { past: true })
  })

  it('a rule publishes what it says, with the value', async () => {
    await start()
    expect(await observer.until(on('house/rpi001'), { past: true })).toMatchObject({
      payload: '20',
      qos: 2,
      retain: false,
    })
  })

  it('an alert that ends while the broker is away is cleared when it is back, and its event follows', async () => {
    const agent = await start()
    const begun = observer.until(event('begin'))
    await observer.publish('gpio/17/command', '{"state":"on","for":"3s"}')
    await begun
    await observer.until((seen) => seen.topic === ALERT && seen.payload !== '', { past: true })
    expect(await found(ALERT)).not.toBeUndefined()
    await observer.end()
    await mosquitto.kill()
    await agent.wrote(/"msg":"rule no longer active"/)
    await mosquitto.start()
    const other = await newObserver()
    await other.until(event('end'), { past: true })
    await other.until(on(ALERT, ''), { past: true })
    expect(await found(ALERT)).toBeUndefined()
  })

  it('an alert of an agent that was killed is cleared by the next one, which knows that it is over', async () => {
    const killed = await start()
    const begun = observer.until(event('begin'))
    await observer.publish('gpio/17/command', 'on')
    await begun
    await observer.until((seen) => seen.topic === ALERT && seen.payload !== '', { past: true })
    await expect.poll(() => readFile(join(folder, 'alerts.json'), 'utf8').catch(String)).toContain(ALERT)
    await killed.end('SIGKILL')
    await observer.until(on('devices/rpi001/status', 'offline'), { past: true })
    expect(await found(ALERT)).not.toBeUndefined()
    observer.clear()
    await start()
    await observer.until(event('end'), { past: true })
    await observer.until(on(ALERT, ''), { past: true })
    expect(await found(ALERT)).toBeUndefined()
  })

  it('an alert whose rule is gone after a restart is cleared at the start', async () => {
    const stopped = await start(RULES.replace('pin: 17, becomes: on', 'pin: 17, becomes: off'))
    await observer.until((seen) => seen.topic === ALERT && seen.payload !== '', { past: true })
    expect(await stopped.end('SIGTERM')).toBe(0)
    expect(await found(ALERT)).not.toBeUndefined()
    observer.clear()
    await start(' []')
    await observer.until(on(ALERT, ''), { past: true })
    expect(await found(ALERT)).toBeUndefined()
  })
})
