/** A button that switches an LED by a rule, on the kernel's own lines, with the broker stopped and running. */
import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { AgentProcess } from '../fakes/agent-process.ts'
import { runAs } from './agent.ts'
import { drive, resetLines, wire } from './hardware.ts'
import { PATIENCE_MS } from './patience.ts'
import { until } from './real-time.ts'
import { clearRetained, subscribe } from './subscriber.ts'

const CONFIG = `
node: { id: rpi001 }
mqtt: { url: 'mqtt://localhost:1883' }
gpio:
  outputs: [{ pin: 17, name: LED }]
  inputs: [{ pin: 27, name: Button, debounce: 20ms }]
rules:
  - { id: light, when: { pin: 27, becomes: on }, then: [{ set: { pin: 17, state: toggle } }, { alert: pressed }] }
`

const mosquitto = (action: 'start' | 'stop'): void => void execFileSync('systemctl', [action, 'mosquitto'])

let agent: AgentProcess
beforeAll(async () => {
  resetLines()
  mosquitto('stop')
  agent = runAs('pi', CONFIG)
  await agent.wrote(/"msg":"ready"/, PATIENCE_MS)
})
afterAll(async () => {
  await agent.end('SIGKILL')
  mosquitto('start')
  resetLines()
  clearRetained()
})

let presses = 0
/** Presses, waits for the LED, and releases. */
async function press(led: 0 | 1): Promise<void> {
  drive(27, 1)
  await until(() => wire(17) === led)
  drive(27, 0)
  presses += 1
  const released = (): number => agent.output().split('"msg":"rule no longer active"').length - 1
  await until(() => released() === presses)
}

it('switches the LED while the broker is away, and while it is there, and away again', async () => {
  await press(1)
  mosquitto('start')
  await agent.wrote(/"msg":"connected"/, PATIENCE_MS)
  const subscriber = await subscribe()
  const raised = subscriber.until('alerts/rpi001/pressed', /"rule":"light"/)
  await press(0)
  await raised
  await subscriber.end()
  mosquitto('stop')
  await press(1)
  expect(agent.child.exitCode).toBeNull()
})
