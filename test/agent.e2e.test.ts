/** The built command against a real Mosquitto. The very lines of the documents are run by `docs/shell.e2e.test.ts`. */
import { execFile } from 'node:child_process'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type AgentProcess, startAgent } from './fakes/agent-process.ts'
import { brokerBench } from './fakes/broker-bench.ts'
import type { Mosquitto } from './fakes/mosquitto.ts'
import { type Observer, observe, on } from './fakes/observer.ts'
import { describeWith, findTool } from './fakes/tools.ts'

const run = promisify(execFile)

const CONFIG = (url: string, mqtt = ''): string => `
node: { id: rpi001 }
mqtt: { url: '${url}'${mqtt} }
sensors:
  - { type: bme280, interval: 1s }
  - { id: trial, type: simulated, interval: 100ms, metrics: { temperature: { shape: sine, min: 20, max: 30, period: 2s, digits: 2 }, humidity: { shape: counter } } }
gpio:
  outputs:
    - { pin: 17, name: LED }
    - { pin: 22, name: Pump, active_low: true }
  inputs:
    - { pin: 27, name: Door }
`

const cleanups: (() => Promise<unknown>)[] = []
let mosquitto: Mosquitto
let observer: Observer
let folder: string

describeWith(['mosquitto', 'mosquitto_pub', 'mosquitto_sub'], 'the built agent and a real Mosquitto', () => {
  beforeEach(async () => {
    ;({ folder, mosquitto, observer } = await brokerBench(cleanups, 'e2e'))
  })
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  const start = async (config = CONFIG(mosquitto.url), env: Record<string, string> = {}): Promise<AgentProcess> => {
    const file = join(folder, 'config.yaml')
    await writeFile(file, config)
    const agent = startAgent(['run', '--simulate', '--config', file], { env })
    cleanups.push(() => agent.end('SIGKILL'))
    return agent
  }
  /** Up, with the states that follow the birth. */
  const online = async (): Promise<void> => {
    await observer.until(on('devices/rpi001/status', 'online'), { past: true })
    await observer.until(on('gpio/17/state'), { past: true })
  }

  it('goes on where its log can’t be written, and ends as ever', async () => {
    const path = join(folder, 'config.yaml')
    await writeFile(path, CONFIG(mosquitto.url))
    const nowhere = ['sh', '-c', 'exec "$@" >/dev/full', 'sh']
    const args = ['run', '--simulate', '--config', path, '--log-level', 'trace']
    const agent = startAgent(args, { by: nowhere })
    cleanups.push(() => agent.end('SIGKILL'))
    await observer.until(on('devices/rpi001/status', 'online'))
    const readings = (): number => observer.seen.filter(on('sensors/rpi001/trial/data')).length
    const before = readings()
    await observer.until(() => readings() > before + 5)
    expect(await agent.end('SIGTERM')).toBe(0)
    await observer.until(on('devices/rpi001/status', 'offline'), { past: true })
  })

  it('publishes each read in both forms, which agree', async () => {
    await start()
    const record = JSON.parse((await observer.until(on('sensors/rpi001/data'), { past: true })).payload)
    expect(Object.keys(record)).toEqual(['timestamp', 'node', 'run', 'seq', 'temperature', 'humidity', 'pressure'])
    expect(record).toMatchObject({ node: 'rpi001', seq: 0 })
    expect(Math.abs(Date.parse(record.timestamp) - Date.now())).toBeLessThan(10_000)
    await observer.until(on('sensors/rpi001/pressure'), { past: true })
    for (const metric of ['temperature', 'humidity', 'pressure']) {
      expect(observer.seen.find(on(`sensors/rpi001/${metric}`))?.payload).toBe(String(record[metric]))
    }
  })

  it('counts the records of a sensor without a gap', async () => {
    await start()
    await observer.until(({ topic, payload }) => topic === 'sensors/rpi001/trial/data' && JSON.parse(payload).seq === 9)
    const records = observer.seen.filter(on('sensors/rpi001/trial/data')).map(({ payload }) => JSON.parse(payload))
    expect(records.slice(0, 10).map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(records.slice(0, 10).map(({ humidity }) => humidity)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(records.every(({ sensor }) => sensor === 'trial')).toBe(true)
  })

  it('makes pulses up with --simulate, and keeps their total nowhere', async () => {
    const meter = '{ pin: 5, mode: counter, interval: 1s, per_pulse: 0.5 }'
    await writeFile(join(folder, 'counters.json'), '{"5":1234}')
    const agent = await start(`${CONFIG(mosquitto.url)}    - ${meter}\n`, { STATE_DIRECTORY: folder })
    const { payload } = await observer.until(
      ({ topic, payload }) => topic === 'gpio/5/data' && JSON.parse(payload).pulses > 0,
      { past: true },
    )
    const { pulses, total } = JSON.parse(payload)
    expect(total).toBe(pulses / 2)
    await observer.until(on('gpio/5/total', String(total)), { past: true })
    expect(await agent.end('SIGTERM')).toBe(0)
    expect(await readFile(join(folder, 'counters.json'), 'utf8')).toBe('{"5":1234}')
  })

  it('serves the consumers that people already have, unchanged', async () => {
    await start()
    await observer.until(on('sensors/rpi001/data'), { past: true })
    await online()
    // A logger of `sensors/+/data` that takes the device from the topic's second level.
    const data = observer.seen.filter(({ topic }) => /^sensors\/[^/]+\/data$/.test(topic))
    for (const { topic, payload } of data) {
      const { timestamp, temperature, humidity, pressure } = JSON.parse(payload)
      expect(topic.split('/')[1]).toBe('rpi001')
      expect([temperature, humidity, pressure].every((value) => typeof value === 'number')).toBe(true)
      expect(new Date(timestamp).toISOString()).toBe(timestamp)
    }
    expect(data.length).toBeGreaterThan(0)
    // One of `sensors/+/temperature` that parses the payload as a float.
    expect(Number.parseFloat(observer.seen.find(on('sensors/rpi001/temperature'))?.payload ?? '')).toBeGreaterThan(-40)
    // One of `devices/+/status`.
    expect(observer.seen.find(({ topic }) => /^devices\/[^/]+\/status$/.test(topic))?.payload).toBe('online')
    // One of `sensors/#` that takes the last level as the metric where it knows that name.
    const known = observer.seen.filter(({ topic }) => /^sensors\/.*\/(temperature|humidity|pressure)$/.test(topic))
    expect(known.every(({ payload }) => payload !== '' && Number.isFinite(Number(payload)))).toBe(true)
  })

  it('drives a pin by words in any case, by toggle, by JSON and for a while', async () => {
    await start()
    await online()
    const cases: [command: string, state: string][] = [
      ['on', '1'],
      ['OFF', '0'],
      [' Toggle\n', '1'],
      ['0', '0'],
      ['1', '1'],
      ['{"state":"off"}', '0'],
      ['{"state":"on","for":"100ms"}', '1'],
    ]
    for (const [command, state] of cases) {
      const answer = observer.until(on('gpio/17/state'))
      await observer.publish('gpio/17/command', command)
      expect({ command, state: (await answer).payload }).toEqual({ command, state })
    }
    expect((await observer.until(on('gpio/17/state'))).payload).toBe('0')
  })

  it('answers what it refuses with the reason, and moves no pin', async () => {
    await start()
    await online()
    await observer.until(on('gpio/27/state', '0'), { past: true }) // the last of the states
    observer.clear()
    const refused: [topic: string, payload: string | Uint8Array, reason: RegExp][] = [
      ['gpio/17/command', '', /empty/],
      ['gpio/17/command', 'offf', /must be one of/],
      ['gpio/17/command', new Uint8Array([0xff, 0xfe, 0x00]), /not text/],
      ['gpio/17/command', 'x'.repeat(1_000_000), /at most/],
      ['gpio/17/command', '{"state":"on","color":"red"}', /color/],
      ['gpio/5/command', 'on', /not in the configuration/],
      ['gpio/27/command', 'on', /input/],
    ]
    for (const [topic, payload, reason] of refused) {
      const answer = observer.until(on(topic.replace('command', 'error')))
      await observer.publish(topic, payload)
      const { error, command, node } = JSON.parse((await answer).payload)
      expect(error).toMatch(reason)
      expect([...command].length).toBeLessThanOrEqual(64)
      expect(node).toBe('rpi001')
    }
    const answer = observer.until(on('gpio/17/error'))
    await observer.publish('gpio/17/command', 'on', { retain: true })
    expect(JSON.parse((await answer).payload).error).toContain("mosquitto_pub -r -n -t 'gpio/17/command'")
    expect(observer.seen.filter(({ topic }) => topic.endsWith('/state'))).toEqual([])
  })

  it('is pressed at a simulated input: debounced and told as ever, and let go of after `for`', async () => {
    await start()
    await online()
    await observer.until(on('gpio/27/state', '0'), { past: true })
    observer.clear()
    const answer = observer.until(on('gpio/27/result'))
    await observer.publish('gpio/27/press', '{"state":"on","for":"200ms","id":"a"}')
    expect(JSON.parse((await answer).payload)).toEqual({ id: 'a', ok: true, state: 1, node: 'rpi001' })
    await observer.until(on('gpio/27/state', '0'), { past: true })
    expect(observer.seen.filter(on('gpio/27/state')).map(({ payload }) => payload)).toEqual(['1', '0'])
  })

  it('refuses a press that is none, or at a pin that has no button, with the reason', async () => {
    await start()
    await online()
    const refused = [
      ['gpio/27/press', 'hard', /must be one of/],
      ['gpio/17/press', 'on', /pin 17 is not an input/],
      ['gpio/5/press', 'on', /pin 5 is not an input/],
    ] as const
    for (const [topic, payload, reason] of refused) {
      const answer = observer.until(on(topic.replace('press', 'error')))
      await observer.publish(topic, payload)
      expect(JSON.parse((await answer).payload).error).toMatch(reason)
    }
    expect(observer.seen.filter(on('gpio/17/state')).every(({ payload }) => payload === '0')).toBe(true)
  })

  it('listens to no presses where its pins are not simulated', async () => {
    const file = join(folder, 'config.yaml')
    await writeFile(file, CONFIG(mosquitto.url).replace('gpio:', 'gpio:\n  backend: mock').replace('bme280', 'system'))
    const agent = startAgent(['run', '--config', file])
    cleanups.push(() => agent.end('SIGKILL'))
    await online()
    expect(mosquitto.subscriptions).toContain('sensor-node-rpi001, gpio/+/command')
    expect(mosquitto.subscriptions.filter((line) => line.endsWith('/press'))).toEqual([])
  })

  it('leaves a retained offline through its will when it is killed', async () => {
    const agent = await start()
    await online()
    await agent.end('SIGKILL')
    await observer.until(on('devices/rpi001/status', 'offline'), { past: true })
    const late = await observe(mosquitto.url)
    cleanups.push(() => late.end())
    expect(await late.until(on('devices/rpi001/status'), { past: true })).toMatchObject({
      payload: 'offline',
      retain: true,
    })
  })

  it('leaves a retained offline by its own word at SIGTERM, with the outputs off, and exits 0', async () => {
    const agent = await start()
    await online()
    await observer.publish('gpio/17/command', 'on')
    await observer.until(on('gpio/17/state', '1'), { past: true })
    observer.clear()
    expect(await agent.end('SIGTERM')).toBe(0)
    await observer.until(on('devices/rpi001/status', 'offline'), { past: true })
    const last = observer.seen.filter(({ topic }) => topic === 'gpio/17/state' || topic.endsWith('rpi001/status'))
    expect(last.map(({ payload }) => payload)).toEqual(['0', 'offline'])
  })

  it('is back online with its states and subscriptions after the broker was killed and started', async () => {
    await start()
    await online()
    await observer.publish('gpio/17/command', 'on')
    await observer.until(on('gpio/17/state', '1'), { past: true })
    await observer.end()
    await mosquitto.kill()
    await mosquitto.start()
    const other = await observe(mosquitto.url)
    cleanups.push(() => other.end())
    await other.until(on('devices/rpi001/status', 'online'), { past: true })
    await other.until(on('gpio/17/state', '1'), { past: true })
    await other.until(on('gpio/22/state', '0'), { past: true })
    const answer = other.until(on('gpio/17/state', '0'))
    await other.publish('gpio/17/command', 'toggle')
    await answer
  })

  it('recovers from a wrong password without a restart, and never tells a password', async () => {
    await observer.end()
    await mosquitto.kill()
    const users = join(folder, 'users')
    const tool = findTool('mosquitto_passwd') ?? 'mosquitto_passwd'
    await run(tool, ['-b', '-c', users, 'rpi001', 'the-right-secret'])
    await chmod(folder, 0o755)
    await chmod(users, 0o644)
    await mosquitto.start(['allow_anonymous false', `password_file ${users}`])
    const secret = join(folder, 'secret')
    await writeFile(secret, 'the-wrong-secret\n', { mode: 0o600 })
    const agent = await start(CONFIG(mosquitto.url, `, username: rpi001, password_file: '${secret}'`))
    await agent.wrote(/does not let this user in|refused the credentials/)
    await writeFile(secret, 'the-right-secret\n')
    const other = await observe(mosquitto.url, { username: 'rpi001', password: 'the-right-secret' })
    cleanups.push(() => other.end())
    await other.until(on('devices/rpi001/status', 'online'), { past: true })
    expect(await agent.end('SIGTERM')).toBe(0)
    const everything = agent.output() + JSON.stringify(other.seen)
    expect(everything).not.toContain('the-wrong-secret')
    expect(everything).not.toContain('the-right-secret')
  })

  it('exits at once at a second signal, while it waits for the broker to hear its last words', async () => {
    const agent = await start()
    await online()
    await observer.end()
    mosquitto.freeze()
    agent.child.kill('SIGTERM')
    await agent.wrote(/"stopping"/)
    expect(await agent.end('SIGINT')).toBe(1)
    expect(agent.output()).not.toContain('"stopped"')
  })
})
