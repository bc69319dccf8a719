import { execFileSync } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { constants, open as openFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { SensorError } from '../../src/errors.ts'
import { iio } from '../../src/sensors/iio-sensor.ts'
import type { Sensor } from '../../src/sensors/sensor.ts'
import { FakeClock, settled } from '../fakes/fake-clock.ts'
import { envOf, fixture, machine, NEVER, removeMachines } from '../fakes/machine.ts'

afterEach(removeMachines)

const DEVICE = 'sys/bus/iio/devices/iio:device0'
const chip = (files: Readonly<Record<string, string>>, name = 'bme280') =>
  machine(Object.fromEntries(Object.entries({ name: `${name}\n`, ...files }).map(([f, t]) => [`${DEVICE}/${f}`, t])))

function open(root: string, options: object, clock = new FakeClock()): Promise<Sensor> {
  return iio.open({ ...iio.options.parse(options), metrics: {} }, envOf(root, clock))
}

async function failureOf(work: Promise<unknown>): Promise<SensorError> {
  const error: unknown = await work.then(
    (value) => expect.fail(`it gave ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  )
  if (error instanceof SensorError) return error
  throw new Error('not a SensorError', { cause: error })
}

describe('the options', () => {
  it.each([
    [{}, 'must be the name of a chip, as in /sys/bus/iio/devices/*/name'],
    [{ name: '' }, 'must be the name of a chip, as in /sys/bus/iio/devices/*/name'],
    [{ name: '../name' }, 'must be the name of a chip, as in /sys/bus/iio/devices/*/name'],
    [{ name: 'bme280', bus: -1 }, 'must be the number of an I2C bus: 1 for /dev/i2c-1'],
    [{ name: 'bme280', address: 0x78 }, 'must be an I2C address, 0x03 to 0x77, without quotes'],
    [{ name: 'bme280', address: '0x76' }, 'must be an I2C address, 0x03 to 0x77, without quotes'],
  ])('refuse %j in words', (given, message) => {
    expect(iio.options.safeParse(given).error?.issues.map((issue) => issue.message)).toEqual([message])
  })
})

describe('a chip that the kernel reads', () => {
  it('gives what it has, in our units', async () => {
    const sensor = await open(fixture('iio-bme280'), { name: 'bme280', bus: 1, address: 0x76 })
    expect(sensor.quantities).toEqual(['temperature', 'humidity', 'pressure'])
    expect(await sensor.read(NEVER)).toEqual({
      temperature: 25.08,
      humidity: expect.closeTo(57.8057, 4),
      pressure: expect.closeTo(1006.5325, 4),
    })
    await sensor.close()
  })

  it('without results of its own is computed: raw, offset, scale', async () => {
    const sensor = await open(fixture('iio-pi5'), { name: 'si7020' })
    // si7020.c: 6500 gives (6500 - 4368) × 175720 / 16384 m°C, 7000 gives (7000 - 786) × 125000 / 16384 m%.
    expect(await sensor.read(NEVER)).toEqual({
      temperature: expect.closeTo(22.866, 3),
      humidity: expect.closeTo(47.409, 3),
    })
  })

  it('has neither a quantity nor a value for what it lacks', async () => {
    const sensor = await open(await chip({ in_temp_input: '21000\n', in_pressure_input: '99.5\n' }, 'bmp280'), {
      name: 'bmp280',
    })
    expect(sensor.quantities).toEqual(['temperature', 'pressure'])
    expect(await sensor.read(NEVER)).toEqual({ temperature: 21, pressure: 995 })
  })
})

describe('a chip without a checksum', () => {
  // What bmp280 of Linux 6.12 makes of a bus that is stuck.
  const STUCK = {
    ones: ['187550.000000000\n', '100000.000000000\n', '-9.541132812\n', /temperature of 187\.55 °C.*-40 to 85/],
    zeros: ['-140870.000000000\n', '0.000000000\n', '131.282000000\n', /temperature of -140\.87 °C/],
    'a pressure alone': ['21000\n', '40000\n', '-9.5\n', /pressure of -95 hPa.*300 to 1100/],
  } as const

  it.each(Object.entries(STUCK))('gives nothing at all of a frame of %s', async (_, files) => {
    const [in_temp_input, in_humidityrelative_input, in_pressure_input, message] = files
    const sensor = await open(await chip({ in_temp_input, in_humidityrelative_input, in_pressure_input }), {
      name: 'bme280',
    })
    const error = await failureOf(sensor.read(NEVER))
    expect([error.kind, error.message]).toEqual(['invalid-data', expect.stringMatching(message)])
  })

  it('of which nothing is known is left to the range of each metric', async () => {
    const sensor = await open(await chip({ in_temp_input: '187550\n' }, 'other'), { name: 'other' })
    expect(await sensor.read(NEVER)).toEqual({ temperature: 187.55 })
  })
})

describe('a DHT', () => {
  it('is asked again only when its driver measures anew', async () => {
    const clock = new FakeClock()
    const sensor = await open(fixture('iio-pi5'), { name: 'dht11@4' }, clock)
    await sensor.read(NEVER)
    const second = sensor.read(NEVER)
    expect(clock.next).toBe(2100)
    await clock.advance(2100)
    expect(await second).toEqual({ temperature: 21.5, humidity: 48.3 })
  })

  it('alone has to wait: other chips measure whenever they are asked', async () => {
    const clock = new FakeClock()
    const sensor = await open(fixture('iio-bme280'), { name: 'bme280' }, clock)
    await sensor.read(NEVER)
    const second = sensor.read(NEVER)
    expect(clock.sleeping).toBe(0)
    await second
  })

  it('that waits for that ends at once on abort', async () => {
    const clock = new FakeClock()
    const sensor = await open(fixture('iio-pi5'), { name: 'dht11@4' }, clock)
    await sensor.read(NEVER)
    const deadline = new AbortController()
    const second = sensor.read(deadline.signal)
    deadline.abort(new Error('too late'))
    await expect(second).rejects.toThrow('too late')
    expect(clock.sleeping).toBe(0)
  })

  it('whose answer is lost fails ordinarily, and after a rest may be asked again', async () => {
    const clock = new FakeClock()
    const root = await chip({ in_humidityrelative_input: '48300\n' }, 'dht11@4')
    const file = join(root, DEVICE, 'in_temp_input')
    await symlink('/proc/self/mem', file) // nothing is mapped at its beginning: read gives EIO
    const sensor = await open(root, { name: 'dht11' }, clock)
    expect(await failureOf(sensor.read(NEVER))).toMatchObject({ kind: 'checksum', ordinary: true })
    await rm(file)
    await writeFile(file, '21500\n')
    const second = sensor.read(NEVER)
    await clock.advance(2100)
    expect(await second).toEqual({ temperature: 21.5, humidity: 48.3 })
  })
})

describe('choosing', () => {
  it('tells what there is where nothing has the name', async () => {
    const error = await failureOf(open(fixture('iio-bme280'), { name: 'si7020' }))
    expect(error.kind).toBe('not-found')
    for (const words of ['attic', 'si7020', 'bme280 (I2C bus 1, address 0x76)', 'dtoverlay']) {
      expect(error.message).toContain(words)
    }
  })

  it('tells so where the kernel has no such devices at all', async () => {
    const error = await failureOf(open(await machine({}), { name: 'bme280' }))
    expect(error).toMatchObject({ kind: 'not-found', message: expect.stringContaining('IIO devices: none') })
  })

  it.each([{ bus: 3 }, { address: 0x77 }])('takes no chip at another place than %j', async (place) => {
    expect(await failureOf(open(fixture('iio-bme280'), { name: 'bme280', ...place }))).toMatchObject({
      kind: 'not-found',
    })
  })

  it('between two of the name is left to the user', async () => {
    const error = await failureOf(open(fixture('iio-pi5'), { name: 'dht11' }))
    expect(error.kind).toBe('wrong-device')
    for (const words of ['dht11@4 (pin 4)', 'dht11@11 (pin 17)', 'the whole name'])
      expect(error.message).toContain(words)
  })

  it('goes by the place where two have the name', async () => {
    const files: Record<string, string | { to: string }> = {}
    for (const [n, address] of ['0076', '0077'].entries()) {
      const folder = `sys/devices/i2c-1/1-${address}/iio:device${n}`
      files[`${folder}/name`] = 'bme280\n'
      files[`${folder}/in_temp_input`] = `${20_000 + n}\n`
      files[`sys/bus/iio/devices/iio:device${n}`] = { to: `../../../devices/i2c-1/1-${address}/iio:device${n}` }
    }
    const root = await machine(files)
    expect(await failureOf(open(root, { name: 'bme280' }))).toMatchObject({ kind: 'wrong-device' })
    const sensor = await open(root, { name: 'bme280', address: 0x77 })
    expect(await sensor.read(NEVER)).toEqual({ temperature: 20.001 })
  })

  it.each([
    ['adxl345', 'in_accel_x, in_accel_y'],
    ['ads1015', 'in_voltage0, in_voltage0-voltage1'],
    ['mlx90614', 'in_temp_ambient, in_temp_object'],
    ['unscaled', 'in_temp'],
  ])('refuses %s, of which nothing is clear, and tells what it has', async (name, channels) => {
    const error = await failureOf(open(fixture('iio-damaged'), { name }))
    expect(error.kind).toBe('unsupported')
    expect(error.message).toContain(channels)
  })

  it('refuses a device without channels', async () => {
    expect(await failureOf(open(await chip({}), { name: 'bme280' }))).toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining('no channels'),
    })
  })
})

describe('a read that fails', () => {
  it.each([
    ['', 'silent'],
    ['\n', 'invalid-data'],
    ['nan\n', 'invalid-data'],
    ['25080 mC\n', 'invalid-data'],
  ] as const)('for %j is %s, and never a number', async (text, kind) => {
    const sensor = await open(await chip({ in_temp_input: text, in_pressure_input: '99.5\n' }), { name: 'bme280' })
    const error = await failureOf(sensor.read(NEVER))
    expect(error.kind).toBe(kind)
    expect(error.message).toContain('in_temp_input')
  })

  it.each(['in_temp_raw', 'in_temp_offset', 'in_temp_scale'])('for a damaged %s is one, too', async (file) => {
    const files = { in_temp_raw: '6500\n', in_temp_offset: '-4368\n', in_temp_scale: '10.7\n', [file]: '?\n' }
    const sensor = await open(await chip(files), { name: 'bme280' })
    expect(await failureOf(sensor.read(NEVER))).toMatchObject({ kind: 'invalid-data' })
  })

  it('inside the driver of a chip is a fault of the bus, with what to do', async () => {
    const root = await chip({})
    await symlink('/proc/self/mem', join(root, DEVICE, 'in_temp_input')) // read gives EIO
    const sensor = await open(root, { name: 'bme280' })
    const error = await failureOf(sensor.read(NEVER))
    expect(error).toMatchObject({ kind: 'bus', ordinary: false })
    expect(error.message).toContain('(EIO); check wiring and power')
  })

  it('because the device is gone says so, and opening again finds it under its new number', async () => {
    const root = await chip({ in_temp_input: '21000\n' })
    const sensor = await open(root, { name: 'bme280' })
    await rm(join(root, DEVICE), { recursive: true })
    expect(await failureOf(sensor.read(NEVER))).toMatchObject({ kind: 'not-found' })
    const moved = await machine({
      'sys/bus/iio/devices/iio:device3/name': 'bme280\n',
      'sys/bus/iio/devices/iio:device3/in_temp_input': '22000\n',
    })
    expect(await (await open(moved, { name: 'bme280' })).read(NEVER)).toEqual({ temperature: 22 })
  })

  it('because the driver hangs ends on abort, and the next waits instead of holding another thread', async () => {
    const root = await chip({})
    const fifo = join(root, DEVICE, 'in_temp_input')
    execFileSync('mkfifo', [fifo])
    const sensor = await open(root, { name: 'bme280' })
    const deadline = new AbortController()
    const hanging = sensor.read(deadline.signal)
    await settled()
    deadline.abort(new Error('too late'))
    await expect(hanging).rejects.toThrow('too late')
    expect(getEventListeners(deadline.signal, 'abort')).toEqual([])

    const second = sensor.read(NEVER)
    const writer = await openFile(fifo, constants.O_WRONLY) // opens once the first one's reader is there
    await rm(fifo)
    await writeFile(fifo, '21000\n')
    await writer.write('20000\n')
    await writer.close()
    expect(await second).toEqual({ temperature: 21 })
  })
})
