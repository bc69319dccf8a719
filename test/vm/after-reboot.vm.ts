/** After a real reboot of the machine that install.vm.ts has left: what comes back, and how it is taken away again. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { drive, wire } from './hardware.ts'
import { CONFIG_FILE, property, until } from './service.ts'
import { publish, type Subscriber, subscribe } from './subscriber.ts'

let subscriber: Subscriber
beforeAll(async () => {
  subscriber = await subscribe()
})
afterAll(() => subscriber.end())

describe('after a reboot', () => {
  it('the service is there by itself, and the pins are at their initial levels', async () => {
    await until('it is active', () => property('ActiveState')[0] === 'active')
    expect(property('NRestarts')).toEqual(['0'])
    await until('levels 0, 1 and 1', () => [wire(17), wire(22), wire(23)].join() === '0,1,1')
  })

  it('commands, buttons and readings pass again', async () => {
    await subscriber.until('devices/installed/status', 'online', 'past')
    await subscriber.until('sensors/installed/data', /25\.08/)
    const state = subscriber.until('gpio/17/state', '1')
    publish('gpio/17/command', 'on')
    await state
    expect(wire(17)).toBe(1)
    const pressed = subscriber.until('gpio/27/state', '1')
    drive(27, 1)
    await pressed
  })

  it('uninstall.sh stops it safely and leaves the configuration and the state, and nothing else', async () => {
    const offline = subscriber.until('devices/installed/status', 'offline')
    execFileSync('/opt/sensor-node/deploy/uninstall.sh', { stdio: 'pipe' })
    await offline
    expect([wire(17), wire(22), wire(23)]).toEqual([0, 1, 1])
    expect(existsSync(CONFIG_FILE)).toBe(true)
    const { stdout } = spawnSync('find', ['/', '-xdev', '-name', '*sensor-node*', '-not', '-path', '/var/log/*'], {
      encoding: 'utf8',
    })
    expect(stdout.trim().split('\n').toSorted()).toEqual(['/etc/sensor-node', '/var/lib/sensor-node'])
    expect(readdirSync('/etc/sensor-node').toSorted()).toEqual(['config.yaml', 'config.yaml.shipped'])
    expect(spawnSync('id', ['sensor-node']).status).not.toBe(0)
    expect(property('LoadState')).toEqual(['not-found'])
  })
})
