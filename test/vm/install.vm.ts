/**
 * Installed as a user would, by deploy/install.sh, and looked at with systemd's own eyes. Leaves the service in place:
 * after-reboot.vm.ts goes on from here.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { drive, resetLines, wire } from './hardware.ts'
import { CONFIG_FILE, property, systemctl, until } from './service.ts'
import { clearRetained, publish, type Subscriber, subscribe } from './subscriber.ts'

const DROP_IN = '/run/systemd/system/sensor-node.service.d'

let subscriber: Subscriber

beforeAll(async () => {
  resetLines()
  clearRetained()
  subscriber = await subscribe()
})
afterAll(() => subscriber.end())

/** Does what starts the service, and waits until it has its commands subscribed: the states follow that. */
async function connected(start: () => unknown): Promise<void> {
  const state = subscriber.until('gpio/27/state')
  start()
  await state
}

describe('the installed service', () => {
  it('install.sh leaves it running, enabled, as its own user in the groups', async () => {
    execFileSync('deploy/install.sh', { stdio: 'pipe' })
    expect(property('ActiveState', 'SubState', 'UnitFileState', 'Type')).toEqual([
      'active',
      'running',
      'enabled',
      'notify',
    ])
    const user = execFileSync('ps', ['-o', 'user:32=', '-p', property('MainPID').join()], { encoding: 'utf8' }).trim()
    expect(user).toBe('sensor-node')
    const groups = execFileSync('id', ['-Gn', 'sensor-node'], { encoding: 'utf8' })
    expect(groups.split(/\s/)).toEqual(expect.arrayContaining(['gpio', 'i2c']))
  })

  it('drives the pin of the shipped config, from inside its sandbox', async () => {
    await subscriber.until('gpio/17/state', '0', 'past') // systemd's `active` does not wait for the broker
    const state = subscriber.until('gpio/17/state', '1')
    publish('gpio/17/command', 'on')
    await state
    expect(wire(17)).toBe(1)
  })

  it('with a config of its own, reads the bus and the pins from inside its sandbox', async () => {
    const config = readFileSync(CONFIG_FILE, 'utf8')
    writeFileSync(`${CONFIG_FILE}.shipped`, config)
    writeFileSync(
      CONFIG_FILE,
      `
node: { id: installed }
mqtt: { url: 'mqtt://localhost:1883' }
sensors:
  - { type: bme280, interval: 1s }
gpio:
  outputs:
    - { pin: 17, name: LED }
    - { pin: 22, name: Pump, active_low: true }
    - { pin: 23, name: Valve, initial: on, on_exit: on }
  inputs:
    - { pin: 27, name: Door, debounce: 20ms }
`,
    )
    await connected(() => systemctl('restart', 'sensor-node'))
    const { payload } = await subscriber.until('sensors/installed/data', /^/, 'past')
    expect(JSON.parse(payload)).toMatchObject({ temperature: 25.08, pressure: 1006.53 })
    const pressed = subscriber.until('gpio/27/state', '1')
    drive(27, 1)
    await pressed
    drive(27, 0)
  })

  it('tells in the status line how it is, and tells when that changes', async () => {
    const says = (pattern: RegExp): boolean => pattern.test(property('StatusText').join())
    await until('a status line', () => says(/^online, 1 sensor ok/))
    systemctl('stop', 'mosquitto')
    try {
      await until('another status line', () => says(/^broker away, 1 sensor ok/))
    } finally {
      systemctl('start', 'mosquitto')
    }
    await until('the first status line again', () => says(/^online, 1 sensor ok/))
  })

  it('systemctl reload with a wrong file keeps it as it is, and says why in the status line', async () => {
    const config = readFileSync(CONFIG_FILE, 'utf8')
    const [pid] = property('MainPID')
    const on = subscriber.until('gpio/17/state', '1')
    publish('gpio/17/command', 'on')
    await on
    appendFileSync(CONFIG_FILE, 'nonsense: true\n')
    systemctl('reload', 'sensor-node')
    await until('the reason', () => /config not reloaded: .*nonsense/.test(property('StatusText').join()))
    await until('the end of the reload', () => property('SubState')[0] === 'running')
    expect([property('ActiveState', 'MainPID', 'NRestarts'), wire(17)]).toEqual([['active', pid, '0'], 1])
    writeFileSync(CONFIG_FILE, config.replace('{ pin: 17, name: LED }', '{ pin: 17, name: Lamp }'))
    const info = subscriber.until('devices/installed/info', /Lamp/)
    systemctl('reload', 'sensor-node')
    await info
    await until('a good status line', () => /^online, 1 sensor ok, \d+ queued$/.test(property('StatusText').join()))
    await until('the end of the reload', () => property('SubState')[0] === 'running')
    expect([property('ActiveState', 'MainPID', 'NRestarts'), wire(17)]).toEqual([['active', pid, '0'], 1])
  })

  it('the watchdog restarts it when its event loop stands still, and outputs keep their level', async () => {
    mkdirSync(DROP_IN, { recursive: true })
    writeFileSync(`${DROP_IN}/test.conf`, '[Service]\nWatchdogSec=8\nTimeoutAbortSec=2\n')
    systemctl('daemon-reload')
    await connected(() => systemctl('restart', 'sensor-node'))
    const on = subscriber.until('gpio/17/state', '1')
    publish('gpio/17/command', 'on')
    await on
    const [pid] = property('MainPID')
    // It is fed in time, for longer than the watchdog waits.
    await new Promise((resolve) => setTimeout(resolve, 10_000))
    expect(property('MainPID')).toEqual([pid])
    await connected(() => execFileSync('kill', ['-STOP', String(pid)]))
    expect(property('NRestarts')).toEqual(['1'])
    expect(property('MainPID')).not.toEqual([pid])
    const journal = execFileSync('journalctl', ['-u', 'sensor-node', '-o', 'cat'], { encoding: 'utf8' })
    expect(journal).toContain('Watchdog timeout')
    // The valve stayed open, the pump off.
    expect([wire(23), wire(22)]).toEqual([1, 1])
    rmSync(DROP_IN, { recursive: true })
    systemctl('daemon-reload')
  })

  it('systemctl stop leaves outputs at their exit level, frees inputs, and leaves offline with the broker', async () => {
    const on = subscriber.until('gpio/22/state', '1')
    publish('gpio/22/command', 'on')
    await on
    expect(wire(22)).toBe(0)
    systemctl('stop', 'sensor-node')
    expect([wire(17), wire(22), wire(23)]).toEqual([0, 1, 1])
    const { stdout } = spawnSync('mosquitto_sub', ['-t', 'devices/installed/status', '-C', '1', '-W', '5'], {
      encoding: 'utf8',
    })
    expect(stdout).toBe('offline\n')
    expect(spawnSync('gpioget', ['gpiochip0', '27']).status).toBe(0)
    expect(property('Result')).toEqual(['success'])
  })

  it('a config that is wrong is not started again and again', async () => {
    const config = readFileSync(CONFIG_FILE, 'utf8')
    appendFileSync(CONFIG_FILE, 'nonsense: true\n')
    spawnSync('systemctl', ['start', 'sensor-node'])
    await until('it has failed', () => property('ActiveState')[0] === 'failed')
    expect(property('ExecMainStatus', 'NRestarts')).toEqual(['78', '0'])
    const journal = execFileSync('journalctl', ['-u', 'sensor-node', '-n', '20', '-o', 'cat'], { encoding: 'utf8' })
    expect(journal).toContain('nonsense')
    writeFileSync(CONFIG_FILE, config)
    systemctl('start', 'sensor-node')
    expect(property('ActiveState')).toEqual(['active'])
  })
})
