import { afterEach, describe, expect, it } from 'vitest'
import { devicesNamed, findIioDevices, listed } from '../../src/sensors/iio.ts'
import { fixture, machine, removeMachines } from '../fakes/machine.ts'

afterEach(removeMachines)

const DEVICE = 'sys/bus/iio/devices/iio:device0'

async function named(name: string, tree: string): Promise<string[]> {
  return devicesNamed(name, await findIioDevices(fixture(tree))).map((device) => device.name)
}

describe('the devices of a machine', () => {
  it('are known by name, device tree, and where they are; triggers are none', async () => {
    expect(await findIioDevices(fixture('iio-bme280'))).toEqual([
      {
        folder: `${fixture('iio-bme280')}/sys/devices/platform/soc/fe804000.i2c/i2c-1/1-0076/iio:device0`,
        name: 'bme280',
        aliases: ['bme280', 'bosch,bme280', 'bme280'],
        bus: 1,
        address: 0x76,
      },
    ])
  })

  it('have the pin that the device tree gives them, not the number in their name', async () => {
    const pins = (await findIioDevices(fixture('iio-pi5'))).map(({ name, pin }) => [name, pin])
    expect(pins).toEqual(expect.arrayContaining([['dht11@4', 4], ['dht11@11', 17], ['si7020', undefined]])) // biome-ignore format: rows
  })

  it('are told to people by name and place', async () => {
    expect(
      listed(await findIioDevices(fixture('iio-pi5')))
        .split(', ')
        .sort(),
    ).toEqual(['address 0x40)', 'dht11@11 (pin 17)', 'dht11@4 (pin 4)', 'si7020 (I2C bus 1'])
    expect(listed([])).toBe('none')
  })

  it('are none where the kernel has no IIO', async () => {
    expect(await findIioDevices(await machine({}))).toEqual([])
  })

  it('are none where the folder is something else', async () => {
    expect(await findIioDevices(await machine({ 'sys/bus/iio/devices': 'a file\n' }))).toEqual([])
  })

  it('may have vanished since they were listed', async () => {
    const root = await machine({ [DEVICE]: { to: '../../../devices/unplugged/iio:device0' } })
    expect(await findIioDevices(root)).toEqual([])
  })

  it('may have no name, and a device tree that is cut off', async () => {
    const devices = await findIioDevices(fixture('iio-damaged'))
    expect(devices.find(({ folder }) => folder.includes('nameless'))).toMatchObject({ name: '', aliases: [] })
    expect(devices.find(({ name }) => name === 'humidity-sensor')).not.toHaveProperty('pin')
  })
})

describe('a name', () => {
  it.each([
    ['dht11', ['dht11@11', 'dht11@4']],
    ['dht11@4', ['dht11@4']],
    ['si7020', ['si7020']],
    ['dht1', []],
    ['', []],
  ])('%j means %j', async (name, devices) => {
    expect((await named(name, 'iio-pi5')).sort()).toEqual(devices)
  })

  it.each(['bosch,bme280', 'bme280'])('may be that of the device tree: %s', async (name) => {
    expect(await named(name, 'iio-bme280')).toEqual(['bme280'])
  })

  it('finds a chip whose driver calls it otherwise', async () => {
    expect(await named('dht11', 'iio-damaged')).toEqual(['humidity-sensor'])
  })

  it('that a device has itself means no other', async () => {
    const names = ['dht11', 'dht11@4']
    const root = await machine(
      Object.fromEntries(names.map((name, n) => [`sys/bus/iio/devices/iio:device${n}/name`, `${name}\n`])),
    )
    expect(devicesNamed('dht11', await findIioDevices(root))).toMatchObject([{ name: 'dht11' }])
  })

  it('may be that of the I2C client, where the driver calls the device by its place', async () => {
    const folder = 'sys/devices/i2c-1/1-0040'
    const root = await machine({
      [`${folder}/name`]: 'hdc1080\n',
      [`${folder}/iio:device0/name`]: '1-0040\n',
      [DEVICE]: { to: '../../../devices/i2c-1/1-0040/iio:device0' },
    })
    expect(devicesNamed('hdc1080', await findIioDevices(root))).toMatchObject([{ name: '1-0040', bus: 1, address: 64 }])
  })
})
