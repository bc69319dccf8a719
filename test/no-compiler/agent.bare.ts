/**
 * The built agent with the packages that `npm ci` leaves where there is no compiler. `.ci/no-compiler` runs it there;
 * elsewhere the first test fails.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { parseConfig } from '../../src/config/load.ts'
import { chooseBackend } from '../../src/gpio/choose.ts'
import { silentLog } from '../../src/log.ts'
import { sensorTypes } from '../../src/sensors/index.ts'
import { createNotifier } from '../../src/systemd.ts'
import { startAgent } from '../fakes/agent-process.ts'
import { machine, removeMachines } from '../fakes/machine.ts'
import { type Mosquitto, startMosquitto } from '../fakes/mosquitto.ts'
import { type Observer, observe, on } from '../fakes/observer.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
const require = createRequire(join(REPOSITORY, 'package.json'))

/** What is said of a package that npm left out. */
const remedy = (name: string) =>
  `driver ${name} is unavailable: it is not installed; install a compiler (sudo apt install build-essential python3), then run npm ci in ${REPOSITORY}`

/** Sensor types that work here: their options, and what the Pi below gives. */
const WORKING: Readonly<Record<string, { options?: string; values: Readonly<Record<string, string>> }>> = {
  simulated: { options: 'metrics: { temperature: { shape: constant, value: 20 } }', values: { temperature: '20' } },
  system: { values: { cpu_temperature: '48.5' } },
  iio: { options: 'name: bme280', values: { temperature: '25.08', pressure: '1006.53' } },
  ds18b20: { values: { temperature: '21.44' } },
}

/** All others: their options, and the package that they lack. */
const LACKING: Readonly<Record<string, { options?: string; lacks: string }>> = {
  ads1115: { options: 'channel: 0', lacks: 'i2c-bus' },
  aht20: { lacks: 'i2c-bus' },
  bh1750: { lacks: 'i2c-bus' },
  bme280: { lacks: 'bme280-sensor' },
  dht11: { options: 'pin: 5', lacks: 'node-dht-sensor' },
  dht22: { options: 'pin: 6', lacks: 'node-dht-sensor' },
  sht3x: { lacks: 'i2c-bus' },
  sht4x: { options: 'address: 0x45', lacks: 'i2c-bus' },
}

/** A Pi 4 with a BME280 that the kernel reads, a DS18B20, and a header by sysfs. */
const PI = {
  'proc/device-tree/model': 'Raspberry Pi 4 Model B Rev 1.4\0',
  'sys/class/thermal/thermal_zone0/temp': '48500\n',
  'sys/class/thermal/thermal_zone0/type': 'cpu-thermal\n',
  'sys/bus/iio/devices/iio:device0/name': 'bme280\n',
  'sys/bus/iio/devices/iio:device0/in_temp_input': '25080.000000000\n',
  'sys/bus/iio/devices/iio:device0/in_pressure_input': '100.653253906\n',
  'sys/bus/w1/devices/w1_bus_master1/w1_master_slave_count': '1\n',
  'sys/bus/w1/devices/28-0316a2795c1d/w1_slave':
    '57 01 4b 46 7f ff 0c 10 2b : crc=2b YES\n57 01 4b 46 7f ff 0c 10 2b t=21437\n',
  'sys/bus/w1/devices/28-0316a2795c1d/temperature': '21437\n',
  'sys/class/gpio/export': '',
  'sys/class/gpio/gpiochip512/label': 'pinctrl-bcm2711\n',
  'sys/class/gpio/gpiochip512/base': '512\n',
  'sys/class/gpio/gpiochip512/ngpio': '58\n',
}

describe('without a compiler', () => {
  it.each(['onoff', 'epoll', 'i2c-bus', 'bme280-sensor', 'node-dht-sensor'])('npm has left out %s', (name) => {
    expect(() => require.resolve(name)).toThrow('Cannot find module')
  })

  it('koffi is there, as it comes compiled', () => {
    expect(require('koffi')).toHaveProperty('load')
  })

  it('classic-level is there, as it comes compiled', () => {
    expect(require('classic-level')).toHaveProperty('ClassicLevel')
  })

  it('every sensor type is one that works here or one that lacks a package', () => {
    expect([...Object.keys(WORKING), ...Object.keys(LACKING)].sort()).toEqual(Object.keys(sensorTypes).sort())
  })
})

describe('an agent without a compiler', () => {
  let broker: Mosquitto
  let observer: Observer
  let folder: string
  beforeEach(async () => {
    broker = await startMosquitto()
    observer = await observe(broker.url)
    folder = await mkdtemp(join(tmpdir(), 'no-compiler-'))
  })
  afterEach(async () => {
    await observer.end()
    await broker.stop()
    await rm(folder, { recursive: true })
    await removeMachines()
  })

  it('reads what needs none, and says of each other sensor exactly what to install', async () => {
    const sensors = Object.entries({ ...WORKING, ...LACKING }).map(
      ([type, { options }]) => `  - { type: ${type}, id: ${type}${options === undefined ? '' : `, ${options}`} }`,
    )
    const text = `mqtt: { url: '${broker.url}' }\nnode: { id: pi }\nsensors:\n${sensors.join('\n')}\n`
    const { config, problems } = parseConfig(text, 'config.yaml', { env: {}, hostname: 'pi' })
    if (config === undefined || problems.length > 0) throw new Error(JSON.stringify(problems))

    // The built one, as a DHT's process is a compiled file beside it.
    const built = new URL('../../build/agent.js', import.meta.url).href
    const { runAgent } = (await import(built)) as typeof import('../../src/agent.ts')
    const [log, clock, controller] = [silentLog(), systemClock, new AbortController()]
    const { createMockGpio } = await import('../../src/gpio/mock.ts')
    const ended = runAgent(
      config,
      {
        ...{
          clock,
          log,
          root: await machine(PI),
          simulate: false,
          version: '0',
          stateFolder: undefined,
          runtimeFolder: undefined,
        },
        gpio: createMockGpio({ clock, log }),
        notifier: createNotifier({ env: {}, pid: 1, clock, log }),
        password: async () => undefined,
        random: Math.random,
      },
      controller.signal,
    )
    try {
      for (const [type, { values }] of Object.entries(WORKING)) {
        for (const [metric, value] of Object.entries(values)) {
          const { payload } = await observer.until(on(`sensors/pi/${type}/${metric}`), { past: true })
          expect([type, metric, payload]).toEqual([type, metric, value])
        }
      }
      const told = (payload: string, type: string): string => {
        const { sensors } = JSON.parse(payload) as { readonly sensors: readonly { id: string; error?: string }[] } // our own
        return sensors.find(({ id }) => id === type)?.error ?? ''
      }
      const all = Object.keys(LACKING)
      const health = await observer.until(
        ({ topic, payload }) => topic === 'devices/pi/health' && all.every((type) => told(payload, type) !== ''),
        { past: true, ms: 30_000 },
      )
      for (const [type, { lacks }] of Object.entries(LACKING))
        expect(told(health.payload, type)).toContain(remedy(lacks))
    } finally {
      controller.abort()
      await ended
    }
  })

  it('is told of pins by onoff what to install; auto goes to the character device, and says why', async () => {
    const given = { clock: systemClock, log: silentLog(), root: await machine(PI) }
    const onoff = await chooseBackend({ ...given, backend: 'onoff' })
    await expect(onoff.create()).rejects.toThrow(remedy('onoff'))
    const auto = await chooseBackend({ ...given, backend: 'auto' })
    expect([auto.backend, auto.reason]).toEqual(['chardev', `auto: ${remedy('onoff')}`])
    const { loadKernel } = await import('../../src/gpio/chardev-kernel.ts')
    const kernel = loadKernel({}) // by koffi
    expect(() => kernel.watch(0, () => {})).toThrow(remedy('epoll'))
  })

  it('runs simulated as a command, and shows the same text for a sensor that it can’t open', async () => {
    const file = join(folder, 'config.yaml')
    const sensor = '{ type: sht3x, id: attic }, { type: simulated, id: sim, metrics: { temperature: {} } }'
    await writeFile(file, `mqtt: { url: '${broker.url}' }\nnode: { id: pi }\nsensors: [${sensor}]\n`)
    for (const flags of [[], ['--simulate']]) {
      observer.clear()
      const agent = startAgent(['run', '--config', file, ...flags])
      try {
        await observer.until(on('sensors/pi/sim/temperature'))
        if (flags.length > 0) await observer.until(on('sensors/pi/attic/temperature'), { past: true })
        else await agent.wrote(/driver i2c-bus is unavailable: it is not installed; install a compiler \(sudo apt/)
      } finally {
        expect(await agent.end('SIGTERM')).toBe(0)
      }
    }
  })

  it('takes the shipped configuration', async () => {
    const agent = startAgent(['check', join(REPOSITORY, 'config.yaml')])
    expect(await agent.exited).toBe(0)
  })
})
