/** The whole agent on a kernel with pins and a bus, with a real broker, as users that are not root. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { AgentProcess } from '../fakes/agent-process.ts'
import { runAs } from './agent.ts'
import { defaultWeather, drive, resetLines, weather, wire } from './hardware.ts'
import { PATIENCE_MS } from './patience.ts'
import { clearRetained, publish, type Subscriber, subscribe } from './subscriber.ts'

/** In the groups gpio and i2c, and not root. */
const PI = 'pi'
const STRANGER = 'nobody'
let subscriber: Subscriber

describe('the agent of a user in the groups gpio and i2c', () => {
  let agent: AgentProcess
  beforeAll(async () => {
    resetLines()
    subscriber = await subscribe()
    const up = [17, 22, 27].map((pin) => subscriber.until(`gpio/${pin}/state`))
    agent = runAs(PI)
    await Promise.all(up)
  })
  beforeEach(() => subscriber.clear())
  afterAll(async () => {
    await agent.end('SIGKILL')
    await subscriber.end()
    resetLines()
    clearRetained()
  })

  it.each([
    { pin: 17, command: 'on', wire: 1, state: '1' },
    { pin: 17, command: 'toggle', wire: 0, state: '0' },
    { pin: 22, command: 'off', wire: 1, state: '0' },
    { pin: 22, command: 'on', wire: 0, state: '1' },
  ])('mosquitto_pub $command at pin $pin brings the wire to $wire and the state to $state', async (given) => {
    const state = subscriber.until(`gpio/${given.pin}/state`)
    publish(`gpio/${given.pin}/command`, given.command)
    expect((await state).payload).toBe(given.state)
    expect(wire(given.pin)).toBe(given.wire)
  })

  it('a button that is pressed and released reaches mosquitto_sub', async () => {
    const pressed = subscriber.until('gpio/27/state')
    drive(27, 1)
    expect((await pressed).payload).toBe('1')
    const released = subscriber.until('gpio/27/state')
    drive(27, 0)
    expect((await released).payload).toBe('0')
  })

  it('a reading of the BME280 reaches mosquitto_sub, and follows the weather', async () => {
    weather(-5.5, 80, 950)
    const { payload } = await subscriber.until('sensors/rpi001/data', /-5\.5/)
    defaultWeather()
    expect(JSON.parse(payload)).toMatchObject({ node: 'rpi001', temperature: -5.5, humidity: 80, pressure: 950 })
  })

  it('a command for a pin that is not in the config moves nothing', async () => {
    const state = subscriber.until('gpio/17/state')
    publish('gpio/23/command', 'on')
    publish('gpio/17/command', 'on')
    await state
    expect(wire(23)).toBe(0)
  })
})

describe('the agent of a user outside the groups', () => {
  let agent: AgentProcess
  afterEach(async () => {
    await agent.end('SIGKILL')
    clearRetained()
  })

  it('says for pins and bus which group is missing, and the command that gives it, and goes on', async () => {
    agent = runAs(STRANGER)
    await agent.wrote(/"msg":"sensor failed"/, PATIENCE_MS)
    await agent.wrote(/"msg":"connected"/, PATIENCE_MS)
    const lines = agent.output().split('\n')
    for (const name of ['LED', 'Pump', 'Door']) {
      const line = lines.find((one) => one.includes(`"name":"${name}"`)) ?? 'not a word'
      expect(line).toContain('"kind":"permission"')
      expect(line).toContain('group gpio')
      expect(line).toContain('sudo usermod -aG gpio nobody')
    }
    const line = lines.find((one) => one.includes('"sensor":"bme280"')) ?? 'not a word'
    expect(line).toContain('"kind":"permission"')
    expect(line).toContain('group i2c')
    expect(line).toContain('sudo usermod -aG i2c')
    expect(wire(22)).toBe(0)
  })
})
