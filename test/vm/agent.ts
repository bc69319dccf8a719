/** The built agent as a user of the guest, with a config of its own. Ended by the test that started it. */
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AgentProcess, startAgent } from '../fakes/agent-process.ts'

/** An LED, a pump that is on while its wire is low, a door contact, and the BME280. */
export const CONFIG = `
node: { id: rpi001 }
mqtt: { url: 'mqtt://localhost:1883' }
sensors:
  - { type: bme280, interval: 1s }
gpio:
  outputs:
    - { pin: 17, name: LED }
    - { pin: 22, name: Pump, active_low: true, initial: on, on_exit: on }
  inputs:
    - { pin: 27, name: Door, debounce: 20ms }
`

/** Starts `sensor-node run` as `user`, with that user's groups and nothing else of root's. */
export function runAs(user: string, config = CONFIG): AgentProcess {
  const folder = mkdtempSync(join(tmpdir(), 'agent-'))
  const file = join(folder, 'config.yaml')
  writeFileSync(file, config)
  chmodSync(folder, 0o755)
  return startAgent(['run', '--config', file], { user })
}
