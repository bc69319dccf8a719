/** SIGHUP on the real kernel: whatever else of the configuration changes, no line that did not change moves, nor is let go of. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type AgentProcess, startAgent } from '../fakes/agent-process.ts'
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
const DOOR = 27
const STILL = [LED, PUMP, HEATER]

const CONFIG = (backend: string, turn: number): string => `
node: { id: rpi001 }
mqtt: { url: 'mqtt://localhost:1883' }
sensors:
  - { type: bme280, interval: 1s }
${turn % 2 === 0 ? '' : `  - { id: trial, type: simulated, interval: ${turn}s }`}
gpio:
  backend: ${backend}
  outputs:
    - { pin: ${LED}, name: LED }
    - { pin: ${PUMP}, name: Pump, active_low: true, max_on: ${10 + turn}m }
    - { pin: ${HEATER}, name: Heater, initial: on, on_exit: ${turn % 2 === 0 ? 'off' : 'on'} }
${turn % 2 === 0 ? '' : '    - { pin: 24, initial: on }'}
  inputs:
    - { pin: ${DOOR}, name: Door }
`

let trace: WireTrace
let subscriber: Subscriber
let agent: AgentProcess
let watching: Probe
let file: string

beforeEach(async () => {
  resetLines()
  trace = new WireTrace(BASE)
  subscriber = await subscribe()
  const folder = mkdtempSync(join(tmpdir(), 'reload-'))
  chmodSync(folder, 0o755)
  file = join(folder, 'config.yaml')
})
afterEach(async () => {
  await agent.end('SIGKILL')
  await watching.end()
  await subscriber.end()
  trace.end()
  resetLines()
  clearRetained()
})

it.each(['onoff', 'chardev'])('a reload moves no line that did not change, by %s', async (backend) => {
  if (backend === 'chardev') spawnSync('gpioget', ['gpiochip0', ...STILL.map(String)])
  const up = [...STILL, DOOR].map((line) => subscriber.until(`gpio/${line}/state`))
  writeFileSync(file, CONFIG(backend, 0))
  // A service to the agent; nobody reads what it tells.
  agent = startAgent(['run', '--config', file], { user: 'pi', env: { NOTIFY_SOCKET: '/run/nobody' } })
  await Promise.all(up)
  const on = subscriber.until(`gpio/${LED}/state`, '1')
  publish(`gpio/${LED}/command`, 'on')
  await on
  const before = STILL.map((line) => trace.moves(line))
  watching = await probe(STILL)

  for (let turn = 1; turn <= 4; turn += 1) {
    const info = subscriber.until(
      'devices/rpi001/info',
      turn % 2 === 0 ? /"pin":23[^}]*}[^}]*},\{"pin":27/ : /"pin":24/,
    )
    writeFileSync(file, CONFIG(backend, turn))
    agent.child.kill('SIGHUP')
    await info
    expect(trace.moves(24).at(-1)?.level).toBe(turn % 2)
  }
  const refused = subscriber.until('devices/rpi001/health', /config_error/)
  writeFileSync(file, 'nonsense: 1\n')
  agent.child.kill('SIGHUP')
  await refused

  expect(STILL.map((line) => trace.moves(line))).toEqual(before)
  expect(await watching.end()).toEqual(['1', '1', '1'])
  expect([wire(LED), wire(PUMP), wire(HEATER)]).toEqual([1, 1, 1])
  const off = subscriber.until(`gpio/${LED}/state`, '0')
  publish(`gpio/${LED}/command`, 'off')
  await off
  expect(wire(LED)).toBe(0)
  expect(await agent.end('SIGTERM')).toBe(0)
})
