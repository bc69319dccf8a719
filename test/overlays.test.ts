import { afterEach, describe, expect, it } from 'vitest'
import { findOverlays, type PinOwner } from '../src/overlays.ts'
import { machine, removeMachines } from './fakes/machine.ts'
import { cells, node, PI4, PI5 } from './fakes/pi-tree.ts'

afterEach(removeMachines)

const CONFIG = 'boot/firmware/config.txt'

async function owners(files: Readonly<Record<string, string>>): Promise<readonly PinOwner[]> {
  return (await findOverlays(await machine(files))).owners
}

async function pins(files: Readonly<Record<string, string>>): Promise<Record<string, readonly number[]>> {
  return Object.fromEntries((await owners(files)).map((owner) => [owner.name, owner.pins]))
}

const okay = (path: string) => node(path, { status: 'okay\0' })

describe('who has lines of the header', () => {
  it('nobody on a Pi as it comes: its LEDs and its radio chip hang on other lines', async () => {
    expect(await pins(PI4)).toEqual({})
  })

  it('nobody on a machine without device tree and config.txt', async () => {
    expect(await findOverlays(await machine({}))).toEqual({ owners: [], boot: undefined })
  })

  it('the buses that are enabled, each with its number, its lines and the line of config.txt that brings it', async () => {
    const found = await owners({ ...PI4, ...okay('soc/i2c@7e804000'), ...okay('soc/spi@7e204000') })
    expect(found).toEqual([
      {
        kind: 'i2c',
        name: 'I2C bus 1',
        pins: [2, 3],
        setting: 'dtparam=i2c_arm=on',
        source: 'kernel',
        node: '/soc/i2c@7e804000',
      },
      {
        kind: 'spi',
        name: 'SPI bus 0',
        pins: [7, 8, 9, 10, 11],
        setting: 'dtparam=spi=on',
        source: 'kernel',
        node: '/soc/spi@7e204000',
      },
    ])
  })

  it('the mini UART, whose lines the firmware sets up without a word in the tree', async () => {
    expect(await pins({ ...PI4, ...okay('soc/serial@7e215040') })).toEqual({ 'UART 1': [14, 15] })
  })

  it('a UART with Bluetooth on it does not, one without has', async () => {
    const uart = okay('soc/serial@7e201000')
    expect(await pins({ ...uart, ...okay('soc/serial@7e201000/bluetooth') })).toEqual({})
    const disabled = node('soc/serial@7e201000/bluetooth', { status: 'disabled\0' })
    expect(await pins({ ...uart, ...disabled })).toEqual({ 'UART 0': [14, 15] })
  })

  it('a bus of which the tree tells nothing but that it is on has its usual lines', async () => {
    const some = { ...okay('soc/i2c@7e804000'), ...okay('soc/spi@7e204000') }
    expect(await pins(some)).toEqual({ 'I2C bus 1': [2, 3], 'SPI bus 0': [7, 8, 9, 10, 11] })
    expect(await pins(okay('axi/pcie@120000/rp1/i2c@74000'))).toEqual({ 'I2C bus 1': [2, 3] })
  })

  it('an overlay on the pin that it was given', async () => {
    const w1 = node('onewire@11', { compatible: 'w1-gpio\0', gpios: cells(7, 17, 0) })
    const dht = node('dht11@0', { compatible: 'dht11\0', gpios: cells(7, 22, 0) })
    const found = await owners({ ...PI4, ...w1, ...dht })
    expect(found.map(({ kind, pins, setting }) => ({ kind, pins, setting }))).toEqual([
      { kind: 'w1', pins: [17], setting: 'dtoverlay=w1-gpio,gpiopin=17' },
      { kind: 'dht', pins: [22], setting: 'dtoverlay=dht11,gpiopin=22' },
    ])
  })

  it('an overlay of whose pin the tree tells nothing goes by its address, and has pin 4 without one', async () => {
    expect(await pins(okay('onewire@11'))).toEqual({ '1-Wire (w1-gpio)': [17] })
    expect(await pins(okay('onewire@0'))).toEqual({ '1-Wire (w1-gpio)': [4] })
    expect(await pins(okay('dht11@4'))).toEqual({ "the kernel's DHT driver (dht11)": [4] })
  })

  it('what is disabled has none, nor what hangs on something that is', async () => {
    expect(await pins({ ...PI4, ...node('onewire@4', { status: 'disabled\0', gpios: cells(7, 4, 0) }) })).toEqual({})
    const below = { ...node('fan', { status: 'disabled\0' }), ...node('fan/part', { gpios: cells(7, 12, 0) }) }
    expect(await pins({ ...PI4, ...below })).toEqual({})
  })

  it('any other node that asks for a line, and a line that is hogged', async () => {
    const key = node('button@1b', { compatible: 'gpio-keys\0' })
    const part = node('button@1b/key', { gpios: cells(7, 27, 1) })
    const hog = node('soc/gpio@7e200000/hog@1a', { 'gpio-hog': '', gpios: cells(26, 0) })
    expect(await pins({ ...PI4, ...key, ...part, ...hog })).toEqual({ 'hog@1a': [26], key: [27] })
  })

  it('a line of another controller is no line of the header', async () => {
    expect(await pins({ ...PI4, ...node('regulator', { gpio: cells(9, 4, 0) }) })).toEqual({})
  })

  it('a Pi 5’s are those behind its RP1, not the processor’s pins of the same names', async () => {
    expect(await pins(PI5)).toEqual({ 'I2C bus 1': [2, 3], 'UART 0': [14, 15] })
  })

  it('damaged properties are nobody’s lines, and no error', async () => {
    const odd = node('odd', { gpios: '\0\0', 'pinctrl-0': 'abc', status: '' })
    const short = node('short', { 'cs-gpios': cells(0, 0, 7) })
    expect(await pins({ ...PI4, ...odd, ...short })).toEqual({})
  })
})

describe('config.txt', () => {
  it('counts where there is no device tree, with the pins that overlays have unless told otherwise', async () => {
    const lines = ['dtparam=i2c_arm=on,spi=on', 'enable_uart=1', 'dtoverlay=w1-gpio', 'dtoverlay=dht11,gpiopin=17']
    expect(await pins({ [CONFIG]: lines.join('\n') })).toEqual({
      'I2C bus 1': [2, 3],
      '1-Wire (w1-gpio)': [4],
      'SPI bus 0': [7, 8, 9, 10, 11],
      'UART 0': [14, 15],
      dht11: [17],
    })
  })

  it('does not count against the running kernel, which has not read it since its boot', async () => {
    expect(await pins({ ...PI4, [CONFIG]: 'dtparam=i2c_arm=on\ndtoverlay=w1-gpio\n' })).toEqual({})
  })

  it('names the pin of a 1-Wire master that the tree does not know', async () => {
    const master = { 'sys/bus/w1/devices/w1_bus_master1/w1_master_name': 'w1_bus_master1\n' }
    expect(await pins({ ...PI4, ...master, [CONFIG]: 'dtoverlay=w1-gpio,gpiopin=22\n' })).toEqual({
      '1-Wire (w1-gpio)': [22],
    })
    expect(await pins({ ...PI4, ...master })).toEqual({})
  })

  it('is told as it stands: the place, overlays, parameters, settings', async () => {
    const text =
      '# dtoverlay=no\r\ndtparam=audio=on\r\n dtoverlay=w1-gpio \ndtparam=gpiopin=5\n\narm_64bit=1\n=\nnonsense\n'
    expect((await findOverlays(await machine({ 'boot/config.txt': text }))).boot).toEqual({
      file: '/boot/config.txt',
      overlays: [{ name: 'w1-gpio', params: { gpiopin: '5' }, text: 'dtoverlay=w1-gpio' }],
      params: { audio: 'on', gpiopin: '5' },
      settings: { arm_64bit: '1' },
    })
  })

  it('is taken from the newer of its two places', async () => {
    const root = await machine({ [CONFIG]: 'a=1\n', 'boot/config.txt': 'a=2\n' })
    expect((await findOverlays(root)).boot?.settings).toEqual({ a: '1' })
  })

  it.each([
    ['Raspberry Pi 4 Model B Rev 1.4', ['all', 'pi4']],
    ['Raspberry Pi 400 Rev 1.0', ['all', 'pi4']],
    ['Raspberry Pi Compute Module 4 Rev 1.0', ['all', 'pi4', 'cm4']],
    ['Raspberry Pi 5 Model B Rev 1.0', ['all', 'pi5']],
    ['Raspberry Pi Zero 2 W Rev 1.0', ['all', 'pi02']],
    ['Raspberry Pi Model B Rev 2', ['all', 'pi1']],
  ])('is read by the sections that are for this machine: %s', async (model, applying) => {
    const sections = ['all', 'pi1', 'pi02', 'pi4', 'pi5', 'cm4', 'cm5', 'none']
    const text = sections.map((name) => `[${name}]\ndtoverlay=${name}\n`).join('')
    const root = await machine({ 'proc/device-tree/model': `${model}\0`, [CONFIG]: text })
    expect((await findOverlays(root)).boot?.overlays.map(({ name }) => name)).toEqual(applying)
  })
})
