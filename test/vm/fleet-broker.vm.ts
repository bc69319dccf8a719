/**
 * The broker of a fleet, with the files of deploy/ at the paths that their comments say, as the system's own Mosquitto:
 * a node with real pins at work, and a second one that imitates it. Every single topic is in test/fleet-broker.e2e.test.ts.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AgentProcess } from '../fakes/agent-process.ts'
import { type Here, install, nodeConfig, PASSWORD } from '../fakes/fleet-broker.ts'
import { runAs } from './agent.ts'
import { resetLines, wire } from './hardware.ts'
import { systemctl } from './service.ts'
import { clearRetained, publish, type Subscriber, subscribe } from './subscriber.ts'

const USER = 'pi'
const NODE_FOLDER = '/etc/sensor-node'
/** Where /etc/hosts has it. */
const here: Here = (text) => text.replaceAll('broker.local', 'raspberrypi')

let folder: string
let observer: Subscriber
let agent: AgentProcess

/** Options of mosquitto_pub and mosquitto_sub for an account. */
function as(user: string): string[] {
  const who = ['-u', user, '-P', PASSWORD]
  return ['-h', 'raspberrypi', '-p', '8883', '--cafile', `${NODE_FOLDER}/ca.crt`, '-V', 'mqttv5', ...who]
}

beforeAll(async () => {
  resetLines()
  clearRetained()
  folder = mkdtempSync(join(tmpdir(), 'fleet-'))
  await install(folder, here)
  execFileSync('mosquitto_passwd', ['-b', '/etc/mosquitto/sensor-node.passwd', 'rpi002', PASSWORD])
  systemctl('restart', 'mosquitto')

  mkdirSync(NODE_FOLDER, { recursive: true })
  chmodSync(NODE_FOLDER, 0o755)
  execFileSync('cp', [`${folder}/ca.crt`, NODE_FOLDER])
  writeFileSync(`${NODE_FOLDER}/mqtt-password`, `${PASSWORD}\n`, { mode: 0o640 })
  execFileSync('chgrp', [USER, `${NODE_FOLDER}/mqtt-password`])
  observer = await subscribe(as('observer'), { topic: 'gpio/nobody/0/command', options: as('operator') })
  const config = `${nodeConfig(here)}
sensors: [{ type: bme280, interval: 1s }]
gpio: { outputs: [{ pin: 17, name: LED }] }
`
  agent = runAs(USER, config)
  await observer.until('gpio/rpi001/17/state', '0', 'past')
})
afterAll(async () => {
  await agent?.end('SIGTERM')
  await observer?.end()
  rmSync(NODE_FOLDER, { recursive: true, force: true })
  execFileSync('sh', [
    '-c',
    'rm -rf /etc/mosquitto/conf.d/* /etc/mosquitto/sensor-node.* /etc/mosquitto/certs/broker.*',
  ])
  systemctl('restart', 'mosquitto')
  clearRetained()
  resetLines()
})

describe('the broker of a fleet', () => {
  it('is the shipped files, as they are, and listens with TLS only', () => {
    expect(readFileSync('/etc/mosquitto/conf.d/sensor-node.conf', 'utf8')).toBe(
      readFileSync('deploy/mosquitto.conf', 'utf8'),
    )
    expect(readFileSync('/etc/mosquitto/sensor-node.acl', 'utf8')).toBe(readFileSync('deploy/acl', 'utf8'))
    const ports = execFileSync('ss', ['-Hltnp'], { encoding: 'utf8' })
      .split('\n')
      .flatMap((line) => (line.includes('mosquitto') ? (/:(\d+) /.exec(line)?.[1] ?? []) : []))
    expect([...new Set(ports)]).toEqual(['8883'])
  })

  it('serves a node that measures and switches', async () => {
    const { payload } = await observer.until('sensors/rpi001/data')
    expect(JSON.parse(payload)).toMatchObject({ temperature: 25.08 })
    const state = observer.until('gpio/rpi001/17/state', '1')
    publish('gpio/rpi001/17/command', 'on', ...as('operator'))
    await state
    expect(wire(17)).toBe(1)
  })

  it('a second node can neither command the first nor speak for it', async () => {
    observer.clear()
    const tries = [
      ['gpio/rpi001/17/command', 'off'],
      ['gpio/rpi001/17/state', '0'],
      ['sensors/rpi001/temperature', '99'],
      ['devices/rpi001/status', 'offline'],
    ]
    for (const [topic = '', payload = ''] of tries) {
      const { stdout, stderr } = spawnSync('mosquitto_pub', ['-q', '1', '-t', topic, '-m', payload, ...as('rpi002')], {
        encoding: 'utf8',
      })
      expect(`${stdout}${stderr}`).toContain('Not authorized')
    }
    const own = observer.until('sensors/rpi002/temperature', '20')
    publish('sensors/rpi002/temperature', '20', '-q', '1', ...as('rpi002'))
    await own
    for (const [topic, payload] of tries) {
      expect(observer.messages.filter((one) => one.topic === topic && one.payload === payload)).toEqual([])
    }
    expect(wire(17)).toBe(1)
  })

  it('a second node does not hear what the first is told', async () => {
    const options = ['-t', 'gpio/+/+/command', '-v', '-C', '1', '-W', '60', ...as('rpi002')]
    let ended = false
    const listening = promisify(execFile)('mosquitto_sub', options).finally(() => {
      ended = true
    })
    // Again and again, as nothing tells that it listens. Its own command comes last, and ends it.
    while (!ended) {
      publish('gpio/rpi001/17/command', 'off', ...as('operator'))
      publish('gpio/rpi002/17/command', 'its own', ...as('operator'))
      await sleep(200)
    }
    expect((await listening).stdout).toBe('gpio/rpi002/17/command its own\n')
  })
})
