/**
 * The unit, as it is shipped and installed: what it takes away is away, and what the agent does still goes, by every way
 * to pins and sensors that a Pi has. Takes the service that install.vm.ts has left, or installs it for itself.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { drive, resetLines, wire } from './hardware.ts'
import { CONFIG_FILE, property, systemctl, until } from './service.ts'
import { clearRetained, publish, type Subscriber, subscribe } from './subscriber.ts'

const UNIT = '/etc/systemd/system/sensor-node.service'
const DROP_IN = '/run/systemd/system/sensor-node.service.d'
/** The aim for systemd 252; 10 is a service without any protection. */
const MOST_EXPOSED = 1.5
/** Where the kernel's driver of the BME280 is put onto the chip, and taken off. */
const BUS = '/sys/bus/i2c/devices/i2c-1'

let subscriber: Subscriber

/** Restarts the service with this configuration; resolves when it has subscribed to its commands. */
async function restartWith(config: string): Promise<void> {
  writeFileSync(CONFIG_FILE, `node: { id: sandboxed }\nmqtt: { url: 'mqtt://localhost:1883' }\n${config}`)
  systemctl('reset-failed', 'sensor-node')
  const online = subscriber.until('devices/sandboxed/status', 'online')
  systemctl('restart', 'sensor-node')
  await online
}

/** Runs JavaScript in the place of the agent, in the very sandbox; gives what it prints. */
function inSandbox(program: string): string {
  const file = '/opt/sensor-node/probe.cjs'
  writeFileSync(file, program)
  mkdirSync(DROP_IN, { recursive: true })
  writeFileSync(
    `${DROP_IN}/probe.conf`,
    `[Service]\nType=oneshot\nRestart=no\nExecStart=\nExecStart=/usr/bin/node ${file}\nStandardOutput=truncate:/run/probe\n`,
  )
  systemctl('stop', 'sensor-node')
  systemctl('daemon-reload')
  try {
    const { status } = spawnSync('systemctl', ['start', 'sensor-node'])
    const printed = readFileSync('/run/probe', 'utf8')
    expect({ status, printed }).toMatchObject({ status: 0 })
    return printed
  } finally {
    rmSync(DROP_IN, { recursive: true })
    rmSync(file)
    systemctl('daemon-reload')
  }
}

async function commandsAndButtonsPass(): Promise<void> {
  const on = subscriber.until('gpio/17/state', '1')
  publish('gpio/17/command', 'on')
  await on
  expect(wire(17)).toBe(1)
  const pressed = subscriber.until('gpio/27/state', '1')
  drive(27, 1)
  await pressed
  const released = subscriber.until('gpio/27/state', '0')
  drive(27, 0)
  await released
}

/** The configuration of who has installed the service before. */
let before: string | undefined

beforeAll(async () => {
  subscriber = await subscribe()
  before = existsSync(CONFIG_FILE) ? readFileSync(CONFIG_FILE, 'utf8') : undefined
  if (before === undefined) execFileSync('deploy/install.sh', { stdio: 'pipe' })
})
afterAll(async () => {
  if (before !== undefined) writeFileSync(CONFIG_FILE, before)
  else execFileSync('/opt/sensor-node/deploy/uninstall.sh', ['--purge'], { stdio: 'pipe' })
  await subscriber.end()
  resetLines()
  clearRetained()
})

describe('the sandbox of the installed service', () => {
  it('is the shipped unit, with nothing but the path of Node.js put in', () => {
    const unit = readFileSync(UNIT, 'utf8').replace(/^ExecStart=\S+ /m, 'ExecStart=/usr/bin/node ')
    expect(unit).toBe(readFileSync('deploy/sensor-node.service', 'utf8'))
    expect(property('DropInPaths', 'NeedDaemonReload')).toEqual(['', 'no'])
  })

  it('leaves an exposure of 1.5 or less, by the count of systemd', () => {
    for (const args of [['sensor-node'], ['--offline=true', UNIT]]) {
      const text = execFileSync('systemd-analyze', ['security', '--no-pager', ...args], { encoding: 'utf8' })
      const exposure = Number(/Overall exposure level for sensor-node\.service: ([\d.]+)/.exec(text)?.[1])
      expect(exposure).toBeLessThanOrEqual(MOST_EXPOSED)
    }
  })

  it('leaves the process no capability, no privilege to gain, and a filter on system calls', () => {
    const status = readFileSync(`/proc/${property('MainPID')}/status`, 'utf8')
    for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapInh', 'CapAmb'])
      expect(status).toMatch(`${set}:\t0000000000000000`)
    expect(status).toMatch('NoNewPrivs:\t1')
    expect(status).toMatch('Seccomp:\t2')
    expect(status).not.toMatch(/^Uid:.*\b0\b/m)
  })

  it('shows the devices that the agent needs, and no others, and lets it write what is its own', () => {
    const printed = inSandbox(`
const { openSync, closeSync, readdirSync, writeFileSync } = require('fs')
const attempt = (act) => { try { act(); return 'ok' } catch (error) { return error.code } }
const open = (file) => attempt(() => closeSync(openSync(file, 'r+')))
const write = (file, text = '') => attempt(() => writeFileSync(file, text))
console.log(JSON.stringify({
  devices: Object.fromEntries(['i2c-1', 'gpiochip0', 'gpiomem', 'null', 'ubda', 'ttyS0', 'port', 'mem', 'kmsg', 'rtc0'].map((name) => [name, open('/dev/' + name)])),
  state: write(process.env.STATE_DIRECTORY + '/probe'),
  runtime: write(process.env.RUNTIME_DIRECTORY + '/probe'),
  etc: write('/etc/sensor-node/probe'),
  program: write('/opt/sensor-node/probe'),
  tunable: write('/proc/sys/kernel/hostname', 'x'),
  sysfs: write('/sys/block/ubda/queue/read_ahead_kb', ''),
  home: attempt(() => readdirSync('/root')) === 'ok' ? readdirSync('/home') : attempt(() => readdirSync('/root')),
  processes: readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && name !== String(process.pid)).length,
  user: process.getuid() > 0,
}))`)
    expect(JSON.parse(printed)).toEqual({
      // A number is refused by the device policy even where the file's owner would let us: EPERM; EACCES: by its owner.
      devices: {
        'i2c-1': 'ok',
        gpiochip0: 'ok',
        gpiomem: 'ok',
        null: 'ok',
        ubda: expect.stringMatching(/EPERM|EACCES/),
        ttyS0: expect.stringMatching(/EPERM|EACCES/),
        port: expect.stringMatching(/EPERM|EACCES|ENOENT/),
        mem: expect.stringMatching(/EPERM|EACCES|ENOENT/),
        kmsg: expect.stringMatching(/EPERM|EACCES/),
        rtc0: expect.stringMatching(/EPERM|EACCES|ENOENT/),
      },
      state: 'ok',
      runtime: 'ok',
      etc: 'EROFS',
      program: 'EROFS',
      tunable: expect.stringMatching(/EROFS|EACCES/),
      sysfs: expect.stringMatching(/EROFS|EACCES/),
      home: expect.stringMatching(/EACCES|ENOENT/),
      processes: 0,
      user: true,
    })
  })

  it('lets node-dht-sensor map the registers of the pins', () => {
    // Without the device it says 'failed to initialize sensor'; with it, that no sensor answers.
    const printed = inSandbox(`
require('/opt/sensor-node/node_modules/node-dht-sensor').read(22, 4, (error) => {
  console.log(error.message)
  process.exit()
})`)
    expect(printed).toContain('failed to read sensor')
  })

  it('lets the agent work by sysfs GPIO, our own driver of the BME280 and the files of /proc', async () => {
    await restartWith(`
sensors:
  - { type: bme280, interval: 1s, driver: user }
  - { id: board, type: system, interval: 1s }
gpio:
  backend: onoff
  outputs: [{ pin: 17, initial: last }]
  inputs: [{ pin: 27, debounce: 20ms }]
`)
    const { payload } = await subscriber.until('sensors/sandboxed/data')
    expect(JSON.parse(payload)).toMatchObject({ temperature: 25.08, pressure: 1006.53 })
    const board = await subscriber.until('sensors/sandboxed/board/data')
    const quantities = Object.keys(JSON.parse(board.payload))
    expect(quantities).toEqual(expect.arrayContaining(['load_1m', 'memory_used', 'disk_used', 'uptime']))
    await commandsAndButtonsPass()
  })

  it('lets it keep its state over a restart', async () => {
    const on = subscriber.until('gpio/17/state', '1')
    systemctl('restart', 'sensor-node')
    await on
    expect(wire(17)).toBe(1)
  })

  it('lets it tell systemd how it is: ready, status, alive', async () => {
    expect(property('ActiveState', 'NotifyAccess')).toEqual(['active', 'all'])
    await until('a status line', () => /2 sensors ok/.test(property('StatusText').join()))
    const [fed] = property('WatchdogTimestampMonotonic')
    await until('the watchdog is fed', () => property('WatchdogTimestampMonotonic')[0] !== fed)
    expect(property('NRestarts')).toEqual(['0'])
  })

  it("lets it work by the character device of GPIO and the kernel's driver of the BME280", async () => {
    systemctl('stop', 'sensor-node')
    resetLines() // what sysfs holds, the character device can't have
    writeFileSync(`${BUS}/new_device`, 'bme280 0x76')
    try {
      await restartWith(`
sensors: [{ type: iio, name: bme280, interval: 1s }]
gpio:
  backend: chardev
  outputs: [{ pin: 17 }]
  inputs: [{ pin: 27, debounce: 20ms }]
`)
      const { payload } = await subscriber.until('sensors/sandboxed/data')
      const { temperature, pressure } = JSON.parse(payload)
      expect([Math.round(temperature), Math.round(pressure)]).toEqual([25, 1007])
      const info = await subscriber.until('devices/sandboxed/info', /"gpio":"chardev"/, 'past')
      expect(info.payload).toContain('sandboxed')
      await commandsAndButtonsPass()
    } finally {
      systemctl('stop', 'sensor-node')
      writeFileSync(`${BUS}/delete_device`, '0x76')
    }
  })
})
