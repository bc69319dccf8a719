import { afterEach, describe, expect, it } from 'vitest'
import { scanText } from '../../src/cli/scan-text.ts'
import { parseConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'
import { DriverUnavailableError } from '../../src/errors.ts'
import type { Load } from '../../src/optional.ts'
import { type ScanOptions, type ScanReport, scan } from '../../src/scan/scan.ts'
import { type FakeChip, FakeChips } from '../fakes/fake-chips.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { FakeI2c } from '../fakes/fake-i2c.ts'
import { fixture, machine, NEVER, removeMachines } from '../fakes/machine.ts'
import { cells, node, PI4 } from '../fakes/pi-tree.ts'

afterEach(removeMachines)

const HEADER: FakeChip = {
  path: '/dev/gpiochip0',
  label: 'pinctrl-bcm2711',
  lines: 58,
  holders: new Map([
    [17, 'lamp'],
    [42, 'led0'],
  ]),
}

/** A Pi 4 with I2C and 1-Wire on, two thermometers and an iButton, a clock that the kernel drives, and a DHT. */
const BUSY_PI = {
  ...PI4,
  ...node('soc/i2c@7e804000', { status: 'okay\0' }),
  ...node('onewire@4', { compatible: 'w1-gpio\0', gpios: cells(7, 4, 0) }),
  ...node('dht11@0', { compatible: 'dht11\0', gpios: cells(7, 22, 0) }),
  'boot/firmware/config.txt': 'dtparam=i2c_arm=on\ndtoverlay=w1-gpio\ndtoverlay=dht11,gpiopin=22\n',
  'etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
  'etc/group': 'root:x:0:\npi:x:1000:\n',
  'dev/i2c-1': '',
  'sys/bus/i2c/devices/i2c-1/name': 'bcm2835 (i2c@7e804000)\n',
  'sys/bus/i2c/devices/1-0068/name': 'ds3231\n',
  'sys/bus/i2c/devices/1-0068/driver': { to: '../../drivers/rtc-ds1307' },
  'sys/bus/w1/devices/w1_bus_master1/w1_master_name': 'w1_bus_master1\n',
  'sys/bus/w1/devices/28-0316a2795c1d/name': '28-0316a2795c1d\n',
  'sys/bus/w1/devices/28-000005e2fdc3/name': '28-000005e2fdc3\n',
  'sys/bus/w1/devices/01-00000abcdef0/name': '01-00000abcdef0\n',
  'sys/bus/w1/devices/00-400000000000/name': '00-400000000000\n',
  'sys/bus/iio/devices/iio:device0/name': 'dht11@16\n',
  'sys/bus/iio/devices/iio:device0/in_temp_input': '',
  'sys/bus/iio/devices/iio:device0/in_humidityrelative_input': '',
  'sys/bus/iio/devices/iio:device1/name': 'accel_3d\n',
  'sys/bus/iio/devices/iio:device1/in_accel_x_raw': '',
}

const willing = { receive() {}, send: () => [0] }

async function look(
  files: Parameters<typeof machine>[0],
  { chips = [], addresses = [], ...rest }: { chips?: FakeChip[]; addresses?: number[] } & Partial<ScanOptions> = {},
): Promise<ScanReport> {
  const i2c = new FakeI2c()
  for (const address of addresses) i2c.attach(1, address, willing)
  const load: Load = (name) => (name === 'i2c-bus' ? i2c.load(name) : {})
  const options: ScanOptions = {
    root: await machine(files),
    load,
    clock: new FakeClock(),
    kernel: () => new FakeChips(chips),
    user: { name: 'pi', uid: process.getuid?.() ?? 0, gids: [1000] },
    quick: false,
    ...rest,
  }
  return await scan(options, NEVER)
}

function configOf(yaml: string): Config {
  const { config, problems } = parseConfig(yaml, '/x.yaml', { env: {}, hostname: 'rpi001' })
  if (config === undefined || problems.length > 0) throw new Error(`${yaml}\n${JSON.stringify(problems)}`)
  return config
}

/** As it reads when every comment is taken for a proposal. */
function uncommented(yaml: string): string {
  return yaml.replaceAll(/^( *)# (?=- |gpio:| )/gm, '$1')
}

describe('a machine with everything', () => {
  it('is shown as a person reads it', async () => {
    const report = await look(BUSY_PI, { chips: [HEADER], addresses: [0x76, 0x44, 0x48, 0x11] })
    const text = scanText({ ...report, machine: { ...report.machine, kernel: '6.12.1' } })
    expect(text).toBe(`Raspberry Pi 4 Model B Rev 1.4, Debian GNU/Linux 13 (trixie), Linux 6.12.1

GPIO
  /dev/gpiochip0  pinctrl-bcm2711  58 lines  the header
  GPIO17  input  held by "lamp"
  GPIO42  input  held by "led0"

Pins of buses and overlays
  GPIO2 GPIO3  I2C bus 1                        dtparam=i2c_arm=on
  GPIO4        1-Wire (w1-gpio)                 dtoverlay=w1-gpio,gpiopin=4
  GPIO22       the kernel's DHT driver (dht11)  dtoverlay=dht11,gpiopin=22
  /boot/firmware/config.txt has: dtoverlay=w1-gpio  dtoverlay=dht11,gpiopin=22

I2C
  bus 1 (bcm2835 (i2c@7e804000))
    0x11  answers; no guess
    0x44  answers; by its address type sht3x, or type sht4x, or INA219 or OPT3001
    0x48  answers; by its address type ads1115, or TMP102, LM75 or PCF8591
    0x68  held by the kernel’s driver rtc-ds1307 (ds3231); not touched
    0x76  answers; by its address type bme280, or TCA9548 (multiplexer) or HT16K33 (display), or BME680, BMP3xx or MS5611
  an SHT3x, SHT4x, HTU21D or Si7021 shows itself only with scan --quick

Read by the kernel
  IIO     dht11@16         temperature, humidity
  IIO     accel_3d         nothing known: in_accel_x
  1-Wire  01-00000abcdef0  no thermometer
  1-Wire  28-000005e2fdc3  temperature
  1-Wire  28-0316a2795c1d  temperature

Groups
  pi is in pi

A configuration for it; sensor-node read shows what each sensor gives:

${report.config}`)
  })

  it('ends with a configuration that loads, and has every sensor that was found', async () => {
    const { config } = await look(BUSY_PI, { chips: [HEADER], addresses: [0x76, 0x44, 0x48, 0x11] })
    expect(configOf(config).sensors).toMatchObject([
      { id: 'sht3x', type: 'sht3x', bus: 1, address: 0x44 },
      { id: 'ads1115', type: 'ads1115', bus: 1, address: 0x48, channel: 0 },
      { id: 'bme280', type: 'bme280', bus: 1, address: 0x76 },
      { id: 'dht11-16', type: 'iio', name: 'dht11@16' },
      { id: 'ds18b20', type: 'ds18b20', device: '28-000005e2fdc3' },
      { id: 'ds18b20-795c1d', type: 'ds18b20', device: '28-0316a2795c1d' },
      { id: 'board', type: 'system' },
    ])
  })

  it('has outputs and inputs as comments only, on pins that nobody has; they load, too', async () => {
    const { config } = await look(BUSY_PI, { chips: [HEADER] })
    expect(configOf(config).gpio.outputs).toEqual([])
    const proposed = configOf(uncommented(config)).gpio
    expect([proposed.outputs[0]?.pin, proposed.inputs[0]?.pin]).toEqual([27, 5]) // 17 and 22 are taken
  })

  it('is the same for machines, as JSON', async () => {
    const report = await look(BUSY_PI, { chips: [HEADER], addresses: [0x76] })
    expect(JSON.parse(JSON.stringify(report))).toMatchObject({
      machine: { model: 'Raspberry Pi 4 Model B Rev 1.4' },
      gpio: { chips: [{ label: 'pinctrl-bcm2711', header: true, held: [{ line: 17, holder: 'lamp' }, { line: 42 }] }] },
      i2c: [
        {
          bus: 1,
          probed: true,
          addresses: [
            { address: 0x68, state: 'held' },
            { address: 0x76, types: ['bme280'] },
          ],
        },
      ],
      overlays: { owners: [{ name: 'I2C bus 1', pins: [2, 3] }, {}, {}] },
      access: { user: 'pi', groups: ['pi'], missing: [] },
      failed: [],
      anything: true,
    })
  })
})

describe('the configuration', () => {
  it('tells two chips of a type apart by their addresses', async () => {
    const { config } = await look(BUSY_PI, { addresses: [0x76, 0x77, 0x23, 0x5c] })
    const sensors = configOf(config).sensors.map(({ id }) => id)
    expect(sensors).toEqual(expect.arrayContaining(['bh1750', 'bh1750-5c', 'bme280', 'bme280-77']))
  })

  it('has an SHT3x as a comment where a read could not show one, and it loads when it is taken', async () => {
    const { config } = await look(BUSY_PI)
    expect(config).toMatch(/# - \{ id: sht3x, .*address: 0x44 \} {2}# an SHT3x or SHT4x keeps silent/)
    expect(configOf(uncommented(config)).sensors).toContainEqual(expect.objectContaining({ type: 'sht3x' }))
  })

  it.each([
    'iio-bme280',
    'iio-damaged',
    'iio-pi5',
    'system-pi4',
    'system-pi5',
    'w1-damaged',
    'w1-empty',
    'w1-one',
    'w1-several',
  ])('loads for the machine %s', async (name) => {
    const report = await look({}, { root: fixture(name) })
    const { sensors } = configOf(report.config)
    const usable = report.iio.filter(({ quantities }) => quantities.length > 0)
    const thermometers = report.w1.devices.filter(({ thermometer }) => thermometer)
    expect(sensors.length).toBeGreaterThan(0)
    expect(sensors.filter(({ type }) => type === 'ds18b20')).toHaveLength(thermometers.length)
    for (const { name: device } of usable.filter(({ name: one }) => one !== ''))
      expect(report.config).toContain(`name: ${/^[\w.-]+$/.test(device) ? device : JSON.stringify(device)}`)
    expect(report.failed).toEqual([])
  })

  it('asks for one of two IIO devices of a name by its place, and for none where nothing tells them apart', async () => {
    const chip = (place: string, device: number) => ({
      [`sys/devices/${place}/iio:device${device}/name`]: 'bme280\n',
      [`sys/devices/${place}/iio:device${device}/in_temp_input`]: '1\n',
      [`sys/bus/iio/devices/iio:device${device}`]: { to: `../../../devices/${place}/iio:device${device}` },
    })
    const apart = configOf((await look({ ...chip('i2c-1/1-0076', 0), ...chip('i2c-1/1-0077', 1) })).config)
    expect(apart.sensors).toMatchObject([
      { id: 'bme280', type: 'iio', name: 'bme280', bus: 1, address: 0x76 },
      { id: 'bme280-77', type: 'iio', name: 'bme280', bus: 1, address: 0x77 },
      { type: 'system' },
    ])
    const alike = await look({ ...chip('spi0.0', 0), ...chip('spi0.1', 1) })
    expect(configOf(alike.config).sensors).toMatchObject([{ type: 'system' }])
  })

  it('loads whatever a device is called', async () => {
    const names = ['', 'a: b', '# x', 'temperature', '"', 'x'.repeat(100), 'ä']
    const files = Object.fromEntries(
      names.flatMap((name, index) => [
        [`sys/bus/iio/devices/iio:device${index}/name`, `${name}\n`],
        [`sys/bus/iio/devices/iio:device${index}/in_temp_input`, '1\n'],
      ]),
    )
    const { sensors } = configOf((await look(files)).config)
    expect(sensors).toMatchObject([{ type: 'iio', name: 'temperature' }, { type: 'system' }])
  })
})

describe('a machine without any of it', () => {
  it('is told so, with what to do, and gets a configuration that loads', async () => {
    const report = await look({})
    const text = scanText(report)
    expect(report.anything).toBe(false)
    expect(text).toContain('Nothing here that sensor-node could read or switch, but the machine itself')
    for (const way of ['do_i2c 0', '--simulate', 'demo']) expect(text).toContain(way)
    expect(configOf(report.config).sensors).toMatchObject([{ type: 'system' }])
    expect(report.missing).toEqual([])
  })

  it('with a laptop’s buses has nothing either: nobody asks them', async () => {
    const report = await look({
      'dev/i2c-0': '',
      'sys/bus/i2c/devices/i2c-0/name': 'SMBus I801 adapter at efa0\n',
      'sys/bus/i2c/devices/0-0050/name': 'spd\n',
      'sys/bus/i2c/devices/0-0050/driver': { to: '../../drivers/spd5118' },
    })
    expect(report.anything).toBe(false)
    expect(scanText(report)).toMatch(/bus 0 .*: not asked: it is the mainboard’s own/)
  })
})

describe('what is missing', () => {
  const absent =
    (...names: readonly string[]): Load =>
    (name) => {
      if (names.includes(name)) throw new DriverUnavailableError(name, 'it is not installed', 'install a compiler')
      return {}
    }
  const missing = async (files: Parameters<typeof machine>[0], rest: Partial<ScanOptions> = {}) =>
    (await look(files, { chips: [HEADER], ...rest })).missing.map(({ what, remedy }) => `${what}: ${remedy}`)

  it('are packages that do not load, each with its purpose and the way to it', async () => {
    const report = await look({}, { load: absent('onoff', 'node-dht-sensor') })
    expect(report.missing).toEqual([
      {
        purpose: 'pins by sysfs',
        what: 'driver onoff is unavailable: it is not installed',
        remedy: 'install a compiler',
      },
      {
        purpose: 'types dht11 and dht22 without the kernel’s driver',
        what: 'driver node-dht-sensor is unavailable: it is not installed',
        remedy: 'install a compiler',
      },
    ])
    expect(scanText(report)).toMatch(/onoff is unavailable: it is not installed \(for pins by sysfs\): install/)
  })

  it('are interfaces that a Pi could have, each with the line of config.txt', async () => {
    expect(await missing(PI4, { kernel: () => new FakeChips([]) })).toEqual([
      expect.stringMatching(/^the GPIO chip of the header: .*container/),
      expect.stringMatching(/^\/dev\/i2c-1: sudo raspi-config nonint do_i2c 0, or dtparam=i2c_arm=on/),
      expect.stringMatching(/^1-Wire: dtoverlay=w1-gpio/),
    ])
  })

  it('is a thermometer on a 1-Wire on which nobody answers', async () => {
    const master = { 'sys/bus/w1/devices/w1_bus_master1/w1_master_name': 'w1_bus_master1\n' }
    expect(await missing({ ...PI4, 'dev/i2c-1': '', ...master })).toEqual([
      expect.stringMatching(/^a thermometer that answers on 1-Wire: check wiring, 4.7 kΩ/),
    ])
  })

  it('is a reboot, where config.txt asks for what the kernel does not show', async () => {
    const text = 'dtparam=i2c_arm=on,spi=on\ndtoverlay=dht11,gpiopin=22\ndtoverlay=w1-gpio\n'
    const found = await missing({ ...BUSY_PI, ...PI4, 'boot/firmware/config.txt': text })
    expect(found).toEqual([
      expect.stringMatching(/^dtparam=i2c_arm=on: the running kernel does not show it: reboot/),
      expect.stringMatching(/^dtparam=spi=on/),
    ])
  })
})

describe('a part that fails', () => {
  it('hides no other: the rest is shown, and the failure is told', async () => {
    const kernel = () => {
      throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
    }
    const load: Load = () => {
      throw new Error('this is a bug')
    }
    const report = await look(BUSY_PI, { kernel, load })
    const text = scanText(report)
    expect(text).toContain('who holds which line is not known: EIO: i/o error')
    expect(text).toMatch(/bus 1 .*: not asked: this is a bug/)
    expect(text).toContain('0x68  held by the kernel’s driver rtc-ds1307')
    expect(text).toContain('28-0316a2795c1d')
    expect(configOf(report.config).sensors).toHaveLength(4)
  })

  it('as a whole is told by its name', async () => {
    const user = {
      name: 'pi',
      uid: 1000,
      get gids(): number[] {
        throw new Error('no groups here')
      },
    }
    const report = await look(BUSY_PI, { user, chips: [HEADER], addresses: [0x76] })
    expect(report.failed).toEqual(['groups: no groups here'])
    const text = scanText(report)
    expect(text).toMatch(/Could not be looked at\n {2}groups: no groups here/)
    expect(text).toMatch(/GPIO17 .*lamp[\s\S]*0x76 {2}answers/)
  })
})
