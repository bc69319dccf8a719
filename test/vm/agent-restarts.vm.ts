/** Outputs through the life of the whole agent: start, crash, the start after it, and a clean stop. No wire twitches. */
import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
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

const CONFIG = (initial: string): string => `
node: { id: rpi001 }
mqtt: { url: 'mqtt://localhost:1883' }
gpio:
  outputs:
    - { pin: ${LED}, name: LED, initial: ${initial}, on_exit: keep }
    - { pin: ${PUMP}, name: Pump, active_low: true }
    - { pin: ${HEATER}, name: Heater, initial: on, on_exit: off }
  inputs:
    - { pin: 27, name: Door }
`

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

async function start(initial = 'off'): Promise<void> {
  const up = subscriber.until('gpio/27/state')
  agent = runAs('pi', CONFIG(initial))
  await up
}
async function watch(): Promise<Probe> {
  watching = await probe(LINES)
  return watching
}

describe('the outputs of the agent', () => {
  it('from a cold start each wire moves once, to its level', async () => {
    const watched = await watch()
    await start()
    expect(trace.moves(LED)).toEqual([{ direction: 'out', level: 0 }])
    expect(trace.moves(PUMP)).toEqual([{ direction: 'out', level: 1 }])
    expect(trace.moves(HEATER)).toEqual([{ direction: 'out', level: 1 }])
    expect(await watched.end()).toEqual(['0', '01', '01'])
  })

  it('a crash and the start after it move no wire: outputs keep their level, and are adopted', async () => {
    await start('keep')
    const on = subscriber.until(`gpio/${LED}/state`, '1')
    publish(`gpio/${LED}/command`, 'on')
    await on
    const before = LINES.map((line) => trace.moves(line))
    const watched = await watch()
    await agent.end('SIGKILL')
    expect([wire(LED), wire(PUMP), wire(HEATER)]).toEqual([1, 1, 1])
    subscriber.clear()
    await start('keep')
    expect((await subscriber.until(`gpio/${LED}/state`, /^/, 'past')).payload).toBe('1')
    expect(LINES.map((line) => trace.moves(line))).toEqual(before)
    expect(await watched.end()).toEqual(['1', '1', '1'])
  })

  it('a clean stop brings outputs to their exit level in one move, keeps them there, and frees the inputs', async () => {
    await start('on')
    const before = trace.moves(HEATER).length
    const watched = await watch()
    expect(await agent.end('SIGTERM')).toBe(0)
    expect(trace.moves(HEATER).slice(before)).toEqual([{ direction: 'out', level: 0 }])
    expect(await watched.end()).toEqual(['1', '1', '10'])
    // Free for the next one who wants it; the outputs are not.
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
