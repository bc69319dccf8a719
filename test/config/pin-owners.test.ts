// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a configuration names a variable
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { loadEnvHere } from '../../src/cli/load-env.ts'
import { loadConfig, parseConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/errors.ts'
import { findOverlays } from '../../src/overlays.ts'
import { fixture, machine, removeMachines } from '../fakes/machine.ts'
import { cells, node, PI4, PI5 } from '../fakes/pi-tree.ts'
import { asOrdinaryUser } from './ordinary-user.ts'
import { line } from './told.ts'

afterEach(removeMachines)

type Files = Readonly<Record<string, string>>

const okay = (path: string): Files => node(path, { status: 'okay\0' })
const I2C = okay('soc/i2c@7e804000')
const SPI = okay('soc/spi@7e204000')
const UART = okay('soc/serial@7e215040')
const w1 = (pin: number): Files => node(`onewire@${pin}`, { compatible: 'w1-gpio\0', gpios: cells(7, pin, 0) })
const dht = (pin: number): Files => node(`dht11@${pin}`, { compatible: 'dht11\0', gpios: cells(7, pin, 0) })
const CONFIG = 'boot/firmware/config.txt'

async function told(text: string, files: Files, env: Readonly<Record<string, string>> = {}) {
  const overlays = await findOverlays(await machine(files))
  const { problems, warnings } = parseConfig(text, 'config.yaml', { env, hostname: 'rpi001', overlays })
  return { problems: problems.map(line), warnings: warnings.map(line) }
}

const problemsOf = async (text: string, files: Files) => (await told(text, files)).problems
const output = (pin: number): string => `gpio: { outputs: [{ pin: ${pin} }] }\n`

describe('a pin that belongs to somebody else', () => {
  it.each<readonly [number, string, string, Files]>([
    [2, 'I2C bus 1', 'dtparam=i2c_arm=on', I2C],
    [3, 'I2C bus 1', 'dtparam=i2c_arm=on', I2C],
    ...[7, 8, 9, 10, 11].map((pin) => [pin, 'SPI bus 0', 'dtparam=spi=on', SPI] as const),
    [14, 'UART 1', 'enable_uart=1', UART],
    [15, 'UART 1', 'enable_uart=1', UART],
  ])('%i, of %s: told with its place, another pin, and %s', async (pin, owner, setting, files) => {
    const ways = `take another pin, such as 17; or remove ${setting} from /boot/firmware/config.txt and reboot`
    const text = `pin ${pin} belongs to ${owner} (${ways})`
    expect(await problemsOf(output(pin), { ...PI4, ...files })).toEqual([`1:26 gpio.outputs[0].pin: ${text}`])
    expect(await problemsOf(`gpio:\n  inputs:\n    - pin: ${pin}\n`, { ...PI4, ...files })).toEqual([
      `3:12 gpio.inputs[0].pin: ${text}`,
    ])
    expect(await problemsOf(`sensors:\n  - { type: dht22, pin: ${pin} }\n`, { ...PI4, ...files })).toEqual([
      `2:25 sensors[0].pin: ${text}`,
    ])
  })

  it.each([4, 22])('%i, of 1-Wire: the overlay’s own sensor is what one wants', async (pin) => {
    const remove = `remove dtoverlay=w1-gpio,gpiopin=${pin} from /boot/firmware/config.txt and reboot`
    const text = `pin ${pin} belongs to 1-Wire (w1-gpio) (read the DS18B20 on it with type: ds18b20, which names no pin; or take another pin, such as 17; or ${remove})`
    expect(await problemsOf(output(pin), { ...PI4, ...w1(pin) })).toEqual([`1:26 gpio.outputs[0].pin: ${text}`])
    for (const driver of ['auto', 'user', 'kernel']) {
      const sensor = `sensors: [{ type: dht11, pin: ${pin}, driver: ${driver} }]\n`
      expect(await problemsOf(sensor, { ...PI4, ...w1(pin) })).toEqual([`1:31 sensors[0].pin: ${text}`])
    }
  })

  it.each([4, 22])('%i, of the kernel’s DHT driver: as a pin, and for our own driver', async (pin) => {
    const files = { ...PI4, ...dht(pin) }
    const [owner, remove] = ["the kernel's DHT driver (dht11)", `remove dtoverlay=dht11,gpiopin=${pin} from`]
    const rest = `${remove} /boot/firmware/config.txt and reboot)`
    expect(await problemsOf(output(pin), files)).toEqual([
      `1:26 gpio.outputs[0].pin: pin ${pin} belongs to ${owner} (read the sensor on it with type: dht11 or type: dht22; or take another pin, such as 17; or ${rest}`,
    ])
    expect(await problemsOf(`sensors: [{ type: dht11, pin: ${pin}, driver: user }]\n`, files)).toEqual([
      `1:31 sensors[0].pin: pin ${pin} belongs to ${owner} (set driver: kernel; or ${rest}`,
    ])
  })

  it('of a Pi 5, whose buses are behind its RP1', async () => {
    expect((await problemsOf(output(2), PI5)).join()).toContain('pin 2 belongs to I2C bus 1')
    expect((await problemsOf(output(14), PI5)).join()).toContain('pin 14 belongs to UART 0')
  })

  it('is told though it belongs to no bus: by the name in the device tree', async () => {
    const key = node('button@1b/power', { gpios: cells(7, 27, 1) })
    expect(await problemsOf(output(27), { ...PI4, ...key })).toEqual([
      '1:26 gpio.outputs[0].pin: pin 27 belongs to power (take another pin, such as 17; or remove the overlay of power from /boot/firmware/config.txt and reboot)',
    ])
  })

  it('is told with the very line of config.txt, where that can be read', async () => {
    const bare = { ...PI4, ...w1(4), 'boot/config.txt': 'dtoverlay=w1-gpio,gpiopin=17\ndtoverlay=w1-gpio,pullup=on\n' }
    expect((await problemsOf(output(4), bare)).join()).toContain(
      'remove dtoverlay=w1-gpio,pullup=on from /boot/config.txt and reboot',
    )
    const other = { ...PI4, ...dht(22), [CONFIG]: 'dtoverlay=dht11\n' }
    expect((await problemsOf(output(22), other)).join()).toContain('remove dtoverlay=dht11,gpiopin=22 from')
  })

  it('is told with the parameter of config.txt that switched the bus on, where there are several', async () => {
    const i2c = await problemsOf(output(2), { ...PI4, ...I2C, [CONFIG]: 'dtparam=audio=on,i2c1=on\n' })
    expect(i2c.join()).toContain('remove dtparam=i2c1=on from')
    const off = await problemsOf(output(2), { ...PI4, ...I2C, [CONFIG]: 'dtparam=i2c1=off\n' })
    expect(off.join()).toContain('remove dtparam=i2c_arm=on from')
    const uart = await problemsOf(output(14), { ...PI5, [CONFIG]: 'dtparam=uart0=on\n' })
    expect(uart.join()).toContain('remove dtparam=uart0=on from')
  })

  it('is told at every use, beside all other problems, in the order of the file', async () => {
    const text = 'gpio:\n  outputs: [{ pin: 2 }, { pin: 99 }]\n  inputs: [{ pin: 3 }, { pin: 3 }, { pin: 17 }]\n'
    const problems = await problemsOf(text, { ...PI4, ...I2C })
    expect(problems.map((problem) => /^\d+:\d+ \S+ (.{12})/.exec(problem)?.[1])).toEqual([
      'pin 2 belong',
      'must be the ',
      'pin 3 belong',
      'pin 3 is use',
      'pin 3 belong',
    ])
  })

  it('is given another pin each that nobody has, as long as there are some', async () => {
    const text = 'gpio: { outputs: [{ pin: 2 }, { pin: 3 }, { pin: 17 }] }\n'
    const problems = await problemsOf(text, { ...PI4, ...I2C, ...w1(27) })
    expect(problems.map((problem) => /such as (\d+)/.exec(problem)?.[1])).toEqual(['22', '23'])
    const all = Array.from({ length: 28 }, (_, pin) => `{ pin: ${pin} }`).join(', ')
    const full = await problemsOf(`gpio: { outputs: [${all}] }\n`, { ...PI4, ...I2C })
    expect(full).toHaveLength(2)
    expect(full[0]).toContain('(take another pin; or remove')
  })

  it('whose number comes from the environment is not shown', async () => {
    const overlays = await findOverlays(await machine({ ...PI4, ...I2C }))
    const text = 'gpio:\n  outputs:\n    - pin: ${PIN}\n'
    const { problems } = parseConfig(text, 'config.yaml', { env: { PIN: '2' }, hostname: 'a', overlays })
    expect(problems.map(({ message }) => message)).toEqual(['pin ${PIN} belongs to I2C bus 1'])
  })
})

describe('no conflict', () => {
  it.each([
    ['an I2C sensor with its bus', 'sensors: [{ type: bme280 }]\n', { ...PI4, ...I2C }],
    ['a DS18B20 with 1-Wire', 'sensors: [{ type: ds18b20 }]\n', { ...PI4, ...w1(4) }],
    ['an IIO sensor with the overlay of DHTs', 'sensors: [{ type: iio, name: dht11 }]\n', { ...PI4, ...dht(4) }],
    ['a DHT11 with the overlay on its pin', 'sensors: [{ type: dht11, pin: 4 }]\n', { ...PI4, ...dht(4) }],
    ['a DHT22 that wants that', 'sensors: [{ type: dht22, pin: 22, driver: kernel }]\n', { ...PI4, ...dht(22) }],
    [
      'a DHT11 for our own driver beside it',
      'sensors: [{ type: dht11, pin: 5, driver: user }]\n',
      { ...PI4, ...dht(4) },
    ],
    ['a pin beside the buses', output(17), { ...PI4, ...I2C, ...SPI, ...UART, ...w1(4) }],
    ['a pin whose bus is off', output(2), PI4],
    ['pins in memory', 'gpio: { backend: mock, outputs: [{ pin: 2 }] }\n', { ...PI4, ...I2C }],
    ['a machine without a device tree', output(2), {}],
  ])('%s', async (_, text, files) => {
    expect(await told(text, files)).toMatchObject({ problems: [], warnings: expect.not.arrayContaining([/belongs/]) })
  })

  it.each(['system-vm', 'system-container', 'system-damaged', 'iio-damaged', 'w1-damaged'])(
    'with the machine %s, which is no Pi or tells nothing of its pins',
    async (name) => {
      const overlays = await findOverlays(fixture(name))
      const all = Array.from({ length: 28 }, (_, pin) => `{ pin: ${pin} }`).join(', ')
      const text = `gpio: { outputs: [${all}] }\n`
      expect(parseConfig(text, 'config.yaml', { env: {}, hostname: 'a', overlays }).problems).toEqual([])
    },
  )

  it('where the device tree is damaged', async () => {
    const odd = {
      ...node('soc/i2c@7e804000', { status: '\0\0', 'pinctrl-0': 'x' }),
      ...node('onewire@zz', { status: '', gpios: '\0' }),
      'proc/device-tree/aliases': 'a file',
    }
    expect(
      await problemsOf(output(17), { ...PI4, ...odd, 'proc/device-tree/aliases/x': '' }).catch(String),
    ).toBeDefined()
    expect(await problemsOf(output(17), odd)).toEqual([])
  })

  it('where the device tree may not be read', async () => {
    const root = await machine({ ...PI4, ...I2C })
    await chmod(root, 0o755)
    await chmod(join(root, 'proc/device-tree'), 0)
    try {
      expect((await asOrdinaryUser(() => findOverlays(root))).owners).toEqual([])
    } finally {
      await chmod(join(root, 'proc/device-tree'), 0o755)
    }
  })
})

it('what only config.txt says is a warning: it may have been changed since the boot', async () => {
  const { problems, warnings } = await told(output(4), { [CONFIG]: 'dtoverlay=w1-gpio\n' })
  expect(problems).toEqual([])
  expect(warnings).toEqual([
    '1:26 gpio.outputs[0].pin: pin 4 belongs to 1-Wire (w1-gpio), says /boot/firmware/config.txt (read the DS18B20 on it with type: ds18b20, which names no pin; or take another pin, such as 17; or remove dtoverlay=w1-gpio from /boot/firmware/config.txt and reboot)',
  ])
})

it('a 1-Wire master that runs has the pin that config.txt tells', async () => {
  const master = { 'sys/bus/w1/devices/w1_bus_master1/w1_master_slave_count': '0\n' }
  expect(
    (await problemsOf(output(22), { ...PI4, ...master, [CONFIG]: 'dtoverlay=w1-gpio,gpiopin=22\n' })).join(),
  ).toContain('pin 22 belongs to 1-Wire')
})

describe('the command', () => {
  it('refuses such a file on this machine, and takes it with --simulate', async () => {
    const root = await machine({ ...PI4, ...I2C })
    const folder = await mkdtemp(join(tmpdir(), 'pin-owners-'))
    try {
      const file = join(folder, 'config.yaml')
      await writeFile(file, output(2))
      const refused = await loadConfig(file, await loadEnvHere(false, root)).catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(ConfigError)
      expect(String(refused)).toContain(`${file}:1:26: gpio.outputs[0].pin: pin 2 belongs to I2C bus 1`)
      expect((await loadConfig(file, await loadEnvHere(true, root))).config.gpio.outputs).toHaveLength(1)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
