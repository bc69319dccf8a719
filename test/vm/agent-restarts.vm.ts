/** Outputs through the life of the whole agent: start, crash, the start after it, and a clean stop. No wire twitches. */
import { spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Level } from '../../src/gpio/gpio.ts'
import type { AgentProcess } from '../fakes/agent-process.ts'
import { runAs } from './agent.ts'
import { resetLines, wire } from './hardware.ts'
import { type Probe, probe } from './probe.ts'
import { clearRetained, publish, type Subscriber, subscribe } from './subscriber.ts'
import { WireTrace } from './wire-trace.ts'

/** The kernel's number of line 0. */
const BASE = 512
const LED = 17
/** Its wire is high while it is off. */
const PUMP = 22
const HEATER = 23

const CONFIG = (initial: string, backend = 'onoff'): string => `
node: { id: rpi001 }
mqtt: { url: 'mqtt://localhost:1883' }
gpio:
  backend: ${backend}
  outputs:
    - { pin: ${LED}, name: LED, initial: ${initial}, on_exit: keep }
    - { pin: ${PUMP}, name: Pump, active_low: true }
    - { pin: ${HEATER}, name: Heater, initial: on, on_exit: off }
  inputs:
    - { pin: 27, name: Door }
`

const once = (level: Level) => [{ direction: 'out', level }]

let trace: WireTrace
let subscriber: Subscriber
let agent: AgentProcess
const LINES = [LED, PUMP, HEATER]
let watching: Probe | undefined

beforeEach(async () => {
  resetLines()
  trace = new WireTrace(BASE)
  subscriber = await subscribe()
})
afterEach(async () => {
  await agent.end('SIGKILL')
  await watching?.end()
  await subscriber.end()
  trace.end()
  resetLines()
  clearRetained()
})

async function start(initial = 'off', backend = 'onoff'): Promise<void> {
  const up = [...LINES, 27].map((line) => subscriber.until(`gpio/${line}/state`))
  agent = runAs('pi', CONFIG(initial, backend))
  await Promise.all(up)
}
async function watch(): Promise<Probe> {
  watching = await probe(LINES)
  return watching
}

describe('the outputs of the agent', () => {
  it('a start moves each wire once, to its level; a crash and the start after it, none; a clean stop once more, to the exit level', async () => {
    const watched = await watch()
    await start('off')
    const started = LINES.map((line) => trace.moves(line))
    expect(started).toEqual([once(0), once(1), once(1)])
    const on = subscriber.until(`gpio/${LED}/state`, '1')
    publish(`gpio/${LED}/command`, 'on')
    await on

    // Outputs keep their level, and are adopted.
    const before = LINES.map((line) => trace.moves(line))
    await agent.end('SIGKILL')
    expect([wire(LED), wire(PUMP), wire(HEATER)]).toEqual([1, 1, 1])
    subscriber.clear()
    await start('keep')
    expect((await subscriber.until(`gpio/${LED}/state`, /^/, 'past')).payload).toBe('1')
    expect(LINES.map((line) => trace.moves(line))).toEqual(before)

    expect(await agent.end('SIGTERM')).toBe(0)
    expect(LINES.map((line) => trace.moves(line))).toEqual([
      [...once(0), ...once(1)],
      once(1),
      [...once(1), ...once(0)],
    ])
    expect(await watched.end()).toEqual(['01', '01', '010'])
    // The input is free for the next one who wants it; the outputs are not.
    expect(spawnSync('gpioget', ['gpiochip0', '27']).status).toBe(0)
    expect(spawnSync('gpioget', ['gpiochip0', String(PUMP)]).status).not.toBe(0)
  })

  it('a pin that somebody else holds is told with the holder’s name, and taken when it is free', async () => {
    const held = spawnSync('gpioset', ['--mode=signal', '--background', 'gpiochip0', `${HEATER}=0`])
    expect(held.status).toBe(0)
    const up = subscriber.until('gpio/27/state')
    // Who holds a line is for root alone to see.
    agent = runAs('root', CONFIG('off'))
    await up
    const line =
      agent
        .output()
        .split('\n')
        .find((one) => one.includes('"name":"Heater"')) ?? 'not a word'
    expect(line).toContain('"kind":"busy"')
    expect(line).toContain('\\"gpioset\\"')
    const state = subscriber.until(`gpio/${HEATER}/state`)
    spawnSync('pkill', ['-x', 'gpioset'])
    expect((await state).payload).toBe('1')
    expect(wire(HEATER)).toBe(1)
  })
})

describe('the outputs of the agent on the character device', () => {
  /** To the kernel a line that was an output is one, also when nobody has it. */
  beforeEach(() => expect(spawnSync('gpioget', ['gpiochip0', ...LINES.map(String)]).status).toBe(0))

  it('each start moves each wire once, to its level, also after a crash; at each end the kernel takes it back', async () => {
    const watched = await watch()
    const released = { direction: 'in', level: 0 }
    const lives = [
      { end: 'SIGKILL', exit: 'SIGKILL', heater: [] },
      // on_exit: off. The others are to be kept, and are, as long as somebody holds them.
      { end: 'SIGTERM', exit: 0, heater: once(0) },
    ] as const
    for (const life of lives) {
      const before = LINES.map((line) => trace.moves(line).length)
      const moves = () => LINES.map((line, index) => trace.moves(line).slice(before[index]))
      await start('on', 'chardev')
      expect(moves(), life.end).toEqual([once(1), once(1), once(1)])
      expect(await agent.end(life.end)).toBe(life.exit)
      expect(moves(), life.end).toEqual([
        [...once(1), released],
        [...once(1), released],
        [...once(1), ...life.heater, released],
      ])
      const { stdout } = spawnSync('gpioget', ['gpiochip0', ...LINES.map(String), '27'], { encoding: 'utf8' })
      expect(stdout).toBe('0 0 0 0\n')
    }
    expect(await watched.end()).toEqual(['01010', '01010', '01010'])
  })

  it('is what auto takes where the user may not export lines; the log and info say so, and why', async () => {
    chmodSync('/sys/class/gpio/export', 0o700)
    try {
      const info = subscriber.until('devices/rpi001/info', /"gpio"/)
      await start('off', 'auto')
      expect(JSON.parse((await info).payload)).toMatchObject({
        gpio: 'chardev',
        gpio_reason: expect.stringMatching(/export can't be written: EACCES/),
      })
      expect(agent.output()).toMatch(/"backend":"chardev".*EACCES/)
      const state = subscriber.until(`gpio/${LED}/state`, '1')
      publish(`gpio/${LED}/command`, 'on')
      await state
      expect(wire(LED)).toBe(1)
    } finally {
      chmodSync('/sys/class/gpio/export', 0o770)
    }
  })
})
