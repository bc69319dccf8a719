/** A `for` under systemd, whose agent is killed: the line goes off all the same, within RestartSec plus the start. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BUILT } from '../fakes/agent-process.ts'
import { resetLines, wire } from './hardware.ts'
import { until } from './service.ts'
import { clearRetained, publish, type Subscriber, subscribe } from './subscriber.ts'

const LED = 17
const UNIT = 'pulse-test'

/** As in deploy/sensor-node.service. */
const PROPERTIES = [
  'User=pi',
  'Restart=on-failure',
  'RestartSec=2',
  'RuntimeDirectory=pulse-test',
  'RuntimeDirectoryPreserve=restart',
]

const CONFIG = `
node: { id: rpi001 }
mqtt: { url: 'mqtt://localhost:1883' }
gpio:
  backend: onoff
  outputs:
    - { pin: ${LED}, name: LED, initial: keep }
`

let subscriber: Subscriber
let folder: string
beforeAll(async () => {
  resetLines()
  subscriber = await subscribe()
  folder = mkdtempSync(join(tmpdir(), 'pulse-'))
  chmodSync(folder, 0o755)
  writeFileSync(join(folder, 'config.yaml'), CONFIG)
  const up = subscriber.until(`gpio/${LED}/state`, '0')
  const properties = PROPERTIES.flatMap((property) => ['-p', property])
  const command = [process.execPath, BUILT, 'run', '--config', join(folder, 'config.yaml')]
  execFileSync('systemd-run', ['--unit', UNIT, '--quiet', ...properties, ...command])
  await up
})
afterAll(async () => {
  spawnSync('systemctl', ['stop', UNIT]) // it is gone where the tests went well
  await subscriber.end()
  rmSync(folder, { recursive: true })
  resetLines()
  clearRetained()
})

const show = (property: string): string =>
  execFileSync('systemctl', ['show', UNIT, '-p', property, '--value'], { encoding: 'utf8' }).trim()

it('a for that is long goes on after the kill: the line stays as it is, and its end where it was', async () => {
  const on = subscriber.until(`gpio/${LED}/state`, '1')
  publish(`gpio/${LED}/command`, '{"state":"on","for":"20m"}')
  await on
  const owed = (): unknown => JSON.parse(readFileSync(`/run/${UNIT}/outputs.json`, 'utf8')).pins
  subscriber.clear()
  execFileSync('kill', ['-KILL', show('MainPID')])
  await subscriber.until(`gpio/${LED}/state`, '1', 'past')
  expect(wire(LED)).toBe(1)
  expect(owed()).toMatchObject({ [LED]: { pulse: { level: 0 } } })
  const off = subscriber.until(`gpio/${LED}/state`, '0')
  publish(`gpio/${LED}/command`, 'off')
  await off
  await until('nothing is owed', () => JSON.stringify(owed()) === `{"${LED}":{}}`)
})

it('a for goes off though its agent was killed, and a stop of the service leaves nothing behind', async () => {
  const on = subscriber.until(`gpio/${LED}/state`, '1')
  publish(`gpio/${LED}/command`, '{"state":"on","for":"10s"}')
  await on
  expect(wire(LED)).toBe(1)
  expect(JSON.parse(readFileSync(`/run/${UNIT}/outputs.json`, 'utf8')).boot).toBe(
    readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  )
  execFileSync('kill', ['-KILL', show('MainPID')])
  expect(wire(LED)).toBe(1)
  await until('the line is off', () => wire(LED) === 0)
  expect(show('NRestarts')).toBe('2')
  execFileSync('systemctl', ['stop', UNIT])
  expect([wire(LED), existsSync(`/run/${UNIT}`)]).toEqual([0, false])
})
