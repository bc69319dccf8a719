import { describe, expect, it } from 'vitest'
import { DriverUnavailableError } from '../../src/errors.ts'
import { silentLog } from '../../src/log.ts'
import { loadOptional } from '../../src/optional.ts'
import { bme280, createBme280 } from '../../src/sensors/bme280.ts'
import { bench, openAndRead, opening } from '../fakes/bme280-bench.ts'
import { FakeBme280 } from '../fakes/fake-bme280.ts'
import { FakeClock, settled } from '../fakes/fake-clock.ts'
import { addonError, FakeI2c, openError } from '../fakes/fake-i2c.ts'
import { envOf, fixture } from '../fakes/machine.ts'
import { failureOf, NEVER, turned } from '../fakes/turned.ts'

describe('the options', () => {
  it('have the defaults of most boards', () => {
    expect(bme280.options.parse({})).toEqual({ bus: 1, address: 0x76, driver: 'auto' })
  })

  it.each([
    [{ address: 0x78 }, 'must be 0x76 or 0x77, without quotes'],
    [{ address: '0x76' }, 'must be 0x76 or 0x77, without quotes'],
    [{ driver: 'iio' }, 'must be auto, kernel or user'],
    [{ bus: -1 }, 'must be the number of an I2C bus: 1 for /dev/i2c-1'],
    [{ bus: '1' }, 'must be the number of an I2C bus: 1 for /dev/i2c-1'],
    [{ bus: 0.5 }, 'must be the number of an I2C bus: 1 for /dev/i2c-1'],
  ])('refuse %j in words', (given, message) => {
    expect(bme280.options.safeParse(given).error?.issues.map((issue) => issue.message)).toEqual([message])
  })
})

describe('a BMP280', () => {
  it.each(['0x56', '0x57', '0x58'])('with id %s has no humidity: absent, not 0', async (id) => {
    const setup = bench({ id: Number(id) })
    const sensor = await turned(setup.clock, opening(setup))
    const sample = await turned(setup.clock, sensor.read(NEVER))
    expect(sensor.quantities).toEqual(['temperature', 'pressure'])
    expect(Object.keys(sample).sort()).toEqual(['pressure', 'temperature'])
    expect(sample).toMatchObject({ temperature: 25.08 })
    await sensor.close()
  })

  it('is never asked for humidity: neither its calibration, nor its setting, nor its data', async () => {
    const setup = bench({ id: 0x58 })
    await turned(setup.clock, openAndRead(setup))
    const touched = setup.i2c.transfers.flatMap(({ register = 0, length = 1 }) =>
      Array.from({ length }, (_, offset) => register + offset),
    )
    for (const humidity of [0xa1, 0xe1, 0xe7, 0xf2, 0xfd, 0xfe]) expect(touched).not.toContain(humidity)
  })

  it('is told from a BME280, which has all three', async () => {
    const setup = bench()
    const sensor = await turned(setup.clock, opening(setup))
    expect(sensor.quantities).toEqual(['temperature', 'humidity', 'pressure'])
    await sensor.close()
  })
})

describe('opening', () => {
  it.each(['0x61', '0x55', '0x00', '0xff'])('refuses a chip with id %s and names it', async (id) => {
    const setup = bench({ id: Number(id) })
    const error = await failureOf(setup.clock, opening(setup))
    expect(error.kind).toBe('wrong-device')
    expect(error.message).toContain(`has the id ${id}`)
    expect(error.message).toContain('address 0x76 on I2C bus 1')
    expect(setup.i2c.transfers.filter(({ kind }) => kind === 'write')).toEqual([])
    expect(setup.i2c).toMatchObject({ opened: 1, closed: 1, descriptors: 0 })
  })

  it('says that nothing answers, where and what to do', async () => {
    const setup = bench()
    setup.i2c.detach(1, 0x76)
    const error = await failureOf(setup.clock, opening(setup))
    expect(error.kind).toBe('not-found')
    for (const words of ['attic', '0x76', 'bus 1', 'wiring', 'i2cdetect -y 1']) expect(error.message).toContain(words)
    expect(error.message).not.toContain('set address')
  })

  it.each([
    ['0x76', 0x76, '0x77', 0x77],
    ['0x77', 0x77, '0x76', 0x76],
  ] as const)('at %s (%i) of a chip that is at %s says so, and writes nothing there', async (_, asked, name, real) => {
    const clock = new FakeClock()
    const i2c = new FakeI2c()
    i2c.attach(1, real, new FakeBme280(clock))
    const error = await failureOf(clock, opening({ clock, i2c }, asked))
    expect(error.kind).toBe('not-found')
    expect(error.message).toContain(`set address: ${name}`)
    const there = i2c.transfers.filter(({ address }) => address === real)
    expect(there.map(({ kind }) => kind)).toEqual(['probe'])
    expect(i2c).toMatchObject({ closed: 1, descriptors: 0 })
  })

  it.each([
    ['ENOENT', 'not-found', 'raspi-config nonint do_i2c 0'],
    ['EACCES', 'permission', 'usermod -aG i2c'],
  ] as const)('on a bus that gives %s says how to get it', async (code, kind, remedy) => {
    const setup = bench()
    setup.i2c.openFails = (bus) => openError(code, bus)
    const error = await failureOf(setup.clock, opening(setup))
    expect(error.kind).toBe(kind)
    expect(error.message).toContain(remedy)
    expect(setup.i2c).toMatchObject({ opened: 1, closed: 1, descriptors: 0 })
  })

  it('at an address that the kernel’s own driver holds says so', async () => {
    const setup = bench()
    setup.i2c.before = () => {
      throw addonError('EBUSY')
    }
    const error = await failureOf(setup.clock, opening(setup))
    expect(error.message).toContain('held by a driver of the kernel')
    expect(setup.i2c).toMatchObject({ closed: 1, descriptors: 0 })
  })

  it.each(['i2c-bus', 'bme280-sensor'])(
    'without the package %s is a SensorError and holds nothing',
    async (missing) => {
      const clock = new FakeClock()
      const i2c = new FakeI2c()
      const type = createBme280((packageName) => {
        if (packageName === missing) throw new DriverUnavailableError(packageName, 'it is not installed', 'install it')
        return i2c.load(packageName)
      })
      const env = { clock, log: silentLog(), root: '/', name: 'attic' }
      const error = await failureOf(clock, type.open({ bus: 1, address: 0x76, driver: 'user', metrics: {} }, env))
      expect(error.kind).toBe('unavailable')
      expect(error.message).toContain(missing)
      expect(i2c.opened).toBe(i2c.closed)
    },
  )

  it.each([
    ['0xff', 0xff, 0x88, 0xa1],
    ['0x00', 0x00, 0x88, 0xa1],
    ['0xff in the humidity part', 0xff, 0xe1, 0xe7],
    ['0x00 in the humidity part', 0x00, 0xe1, 0xe7],
  ])('refuses a calibration of nothing but %s', async (_name, value, first, last) => {
    const setup = bench()
    setup.chip.fillCalibration(first, last, value)
    const error = await failureOf(setup.clock, opening(setup))
    expect(error.kind).toBe('invalid-data')
    expect(error.message).toContain('calibration')
    expect(setup.i2c).toMatchObject({ closed: 1, descriptors: 0 })
  })

  it('waits until the chip has copied its calibration', async () => {
    const setup = bench()
    const sensor = await turned(setup.clock, opening(setup))
    const calibration = setup.i2c.transfers.findIndex(({ register }) => register === 0x88)
    const asked = setup.i2c.transfers.slice(0, calibration).filter(({ register }) => register === 0xf3)
    expect(asked.length).toBeGreaterThan(1)
    await sensor.close()
  })

  it('frees a chip that hangs in a measurement', async () => {
    const setup = bench()
    setup.chip.hangs = true
    expect(await turned(setup.clock, openAndRead(setup))).toMatchObject({ temperature: 25.08 })
  })

  it('gives up on a bus that hangs, and gives the descriptor back when the transfer ends', async () => {
    const setup = bench()
    const release = setup.i2c.hang()
    const error = await failureOf(setup.clock, opening(setup))
    expect(error.kind).toBe('timeout')
    release()
    await settled()
    expect(setup.i2c).toMatchObject({ closed: 1, descriptors: 0, misuse: [] })
    expect(setup.clock.sleeping).toBe(0)
  })

  it('leaves nothing behind when it fails 500 times, and works the next time', async () => {
    const setup = bench()
    for (let count = 0; count < 500; count += 1) {
      setup.i2c.transfers.length = 0
      setup.i2c.before = (transfer) => {
        if (transfer === count % 8) throw addonError('EIO')
      }
      await failureOf(setup.clock, opening(setup))
    }
    expect(setup.i2c).toMatchObject({ opened: 500, closed: 500, descriptors: 0, misuse: [] })
    expect(setup.clock.sleeping).toBe(0)
    setup.i2c.before = () => {}
    expect(await turned(setup.clock, openAndRead(setup))).toMatchObject({ temperature: 25.08 })
  })
})

describe('the package bme280-sensor', () => {
  it('does the arithmetic', async () => {
    const setup = bench()
    const type = createBme280((packageName) =>
      packageName === 'i2c-bus'
        ? setup.i2c.load(packageName)
        : { prototype: { readSensorData: async () => ({ temperature_C: 1, humidity: 2, pressure_hPa: 3 }) } },
    )
    const env = { clock: setup.clock, log: silentLog(), root: '/', name: 'attic' }
    const sensor = await turned(setup.clock, type.open({ bus: 1, address: 0x76, driver: 'user', metrics: {} }, env))
    expect(await turned(setup.clock, sensor.read(NEVER))).toEqual({ temperature: 1, humidity: 2, pressure: 3 })
    await sensor.close()
  })

  it('is never constructed: its constructor would open a bus that nothing closes', async () => {
    const setup = bench()
    const real = loadOptional('bme280-sensor') as { prototype: object } // a class
    const type = createBme280((packageName) => {
      if (packageName === 'i2c-bus') return setup.i2c.load(packageName)
      return Object.assign(() => expect.fail('it was constructed'), { prototype: real.prototype })
    })
    const env = { clock: setup.clock, log: silentLog(), root: '/', name: 'attic' }
    const sensor = await turned(setup.clock, type.open({ bus: 1, address: 0x76, driver: 'user', metrics: {} }, env))
    expect(await turned(setup.clock, sensor.read(NEVER))).toMatchObject({ temperature: 25.08 })
    await sensor.close()
  })
  it('opens no bus of its own', async () => {
    const setup = bench()
    await turned(setup.clock, openAndRead(setup))
    expect(setup.i2c).toMatchObject({ opened: 1, closed: 1, descriptors: 0, misuse: [] })
  })
})

describe('a chip that the kernel reads', () => {
  /** No package is at hand: only the kernel's driver can give a value. */
  const type = createBme280((packageName) => {
    throw new DriverUnavailableError(packageName, 'it is not installed', 'install it')
  })
  const opened = (options: object, tree = 'iio-bme280') =>
    type.open({ ...type.options.parse(options), metrics: {} }, envOf(fixture(tree)))

  it.each(['auto', 'kernel'])('is read by its driver with driver: %s, without any package', async (driver) => {
    const sensor = await opened({ driver })
    expect(sensor.quantities).toEqual(['temperature', 'humidity', 'pressure'])
    expect(await sensor.read(NEVER)).toMatchObject({ temperature: 25.08 })
  })

  it('is left to it only where we are told so: driver: user goes to the bus', async () => {
    await expect(opened({ driver: 'user' })).rejects.toMatchObject({ kind: 'unavailable' })
  })

  it.each([
    [{ address: 0x77 }, 'iio-bme280'],
    [{ bus: 0 }, 'iio-bme280'],
    [{}, 'iio-pi5'],
    [{}, 'w1-one'],
  ])('is not the one at %j of the tree %s, which auto reads itself', async (place, tree) => {
    await expect(opened(place, tree)).rejects.toMatchObject({ kind: 'unavailable' })
  })

  it('and is not there with driver: kernel is told, with the overlay line and what is there', async () => {
    await expect(opened({ driver: 'kernel', address: 0x77 })).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringMatching(/0x77.*dtoverlay=i2c-sensor,bme280,addr=0x77.*bme280 \(I2C bus 1, address 0x76\)/),
    })
  })
})
