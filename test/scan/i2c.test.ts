import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DriverUnavailableError } from '../../src/errors.ts'
import type { Load } from '../../src/optional.ts'
import { type I2cBus, type I2cOptions, scanI2c } from '../../src/scan/i2c.ts'
import { FakeBme280 } from '../fakes/fake-bme280.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { addonError, FakeI2c, openError, remoteIoError } from '../fakes/fake-i2c.ts'
import { FakeSht3x } from '../fakes/fake-sht3x.ts'
import { machine, NEVER, removeMachines } from '../fakes/machine.ts'

const ADAPTER = 'sys/bus/i2c/devices'
const PI = { [`${ADAPTER}/i2c-1/name`]: 'bcm2835 (i2c@7e804000)\n', 'dev/i2c-1': '' }

let i2c: FakeI2c
let clock: FakeClock
beforeEach(() => {
  i2c = new FakeI2c()
  clock = new FakeClock()
})
afterEach(removeMachines)

async function scan(files: Parameters<typeof machine>[0], options: Partial<I2cOptions> = {}): Promise<I2cBus[]> {
  const root = await machine(files)
  return await scanI2c({ root, load: i2c.load, clock, quick: false, ...options }, NEVER)
}

/** The one bus. */
async function bus1(options: Partial<I2cOptions> = {}, files = {}): Promise<I2cBus> {
  const [bus, ...others] = await scan({ ...PI, ...files }, options)
  if (bus === undefined || others.length > 0) throw new Error('there is one bus')
  return bus
}

/** A chip that acknowledges whatever comes. */
const willing = { receive() {}, send: () => [0] }

describe('a bus with a chip', () => {
  it('tells the address that answers, and what it may be', async () => {
    i2c.attach(1, 0x76, willing)
    expect(await bus1()).toEqual({
      bus: 1,
      name: 'bcm2835 (i2c@7e804000)',
      probed: true,
      addresses: [
        {
          address: 0x76,
          state: 'answers',
          types: ['bme280'],
          others: ['TCA9548 (multiplexer) or HT16K33 (display)', 'BME680, BMP3xx or MS5611'],
        },
      ],
    })
  })

  it('nothing is ever written, not even an empty write: every address is read once, by one byte', async () => {
    for (let address = 0x08; address < 0x78; address += 2) i2c.attach(1, address, willing)
    await bus1()
    expect(new Set(i2c.transfers.map(({ kind }) => kind))).toEqual(new Set(['probe']))
    const addresses = i2c.transfers.map(({ address }) => address)
    expect([addresses.length, Math.min(...addresses), Math.max(...addresses)]).toEqual([111, 0x08, 0x77])
  })

  it('the address by which alerts are taken is not read', async () => {
    await bus1()
    expect(i2c.transfers.map(({ address }) => address)).not.toContain(0x0c)
  })

  it('a chip’s registers are as before', async () => {
    const chip = new FakeBme280(clock)
    i2c.attach(1, 0x76, chip)
    const registers = () => Array.from({ length: 256 }, (_, register) => chip.read(register))
    const before = registers()
    expect((await bus1()).addresses).toHaveLength(1)
    expect(registers()).toEqual(before)
  })

  it('a chip that the kernel has a driver on is told with it, and never touched', async () => {
    i2c.attach(1, 0x76, willing)
    const held = {
      [`${ADAPTER}/1-0076/name`]: 'bme280\n',
      [`${ADAPTER}/1-0076/driver`]: { to: '../../drivers/bmp280' },
    }
    const { addresses } = await bus1({}, held)
    expect(addresses).toEqual([
      { address: 0x76, state: 'held', name: 'bme280', driver: 'bmp280', types: [], others: [] },
    ])
    expect(i2c.transfers.map(({ address }) => address)).not.toContain(0x76)
  })

  it('one that the kernel knows and has no driver on is asked, and told by its name', async () => {
    i2c.attach(1, 0x48, willing)
    const { addresses } = await bus1({}, { [`${ADAPTER}/1-0048/name`]: 'ads1015\n' })
    expect(addresses).toMatchObject([{ address: 0x48, state: 'answers', name: 'ads1015', types: ['ads1115'] }])
  })

  it('one that turns out to be held is told as such', async () => {
    i2c.before = (_, { address }) => {
      if (address === 0x68) throw addonError('EBUSY')
    }
    expect((await bus1()).addresses).toEqual([{ address: 0x68, state: 'held', types: [], others: [] }])
  })

  it('one that keeps silent until it is told to measure is seen on demand only', async () => {
    i2c.attach(1, 0x44, new FakeSht3x(clock))
    i2c.before = (_, { kind, address }) => {
      if (address === 0x44 && kind === 'probe') throw remoteIoError()
    }
    expect((await bus1()).addresses).toEqual([])
    expect((await bus1({ quick: true })).addresses).toMatchObject([{ address: 0x44, types: ['sht3x', 'sht4x'] }])
  })

  it('on demand, the empty write goes to those four addresses, and only where a read was not answered', async () => {
    i2c.attach(1, 0x40, willing)
    await bus1({ quick: true })
    const quick = i2c.transfers.filter(({ kind }) => kind === 'quick').map(({ address }) => address)
    expect(quick).toEqual([0x44, 0x45, 0x46])
  })

  it('an address that fails in another way is not taken for an answer, and the others are asked', async () => {
    i2c.attach(1, 0x76, willing)
    i2c.before = (_, { address }) => {
      if (address === 0x20) throw addonError('EIO')
    }
    expect((await bus1()).addresses.map(({ address }) => address)).toEqual([0x76])
  })
})

describe('a bus that can’t be asked', () => {
  it.each([
    ['EACCES', /may not be opened; this user needs the group i2c/],
    ['ENOENT', /there is no \/dev\/i2c-1; enable I2C/],
  ] as const)('%s when it is opened: is said once, with what to do', async (code, said) => {
    i2c.openFails = (bus) => openError(code, bus)
    expect(await bus1()).toMatchObject({ addresses: [], problem: expect.stringMatching(said) })
    expect(i2c.transfers).toEqual([])
  })

  it('a package that is not there is told; what the kernel holds is shown all the same', async () => {
    const load: Load = () => {
      throw new DriverUnavailableError('i2c-bus', 'it is not installed', 'install a compiler')
    }
    const held = {
      [`${ADAPTER}/1-0068/name`]: 'ds3231\n',
      [`${ADAPTER}/1-0068/driver`]: { to: '../../drivers/rtc-ds1307' },
    }
    expect(await bus1({ load }, held)).toMatchObject({
      probed: false,
      problem: 'not asked: driver i2c-bus is unavailable: it is not installed; install a compiler',
      addresses: [{ address: 0x68, driver: 'rtc-ds1307' }],
    })
  })

  it('without a device file says which module is missing', async () => {
    const [bus] = await scan({ [`${ADAPTER}/i2c-1/name`]: 'bcm2835\n' })
    expect(bus).toMatchObject({ probed: false, problem: expect.stringContaining('modprobe i2c-dev') })
  })

  it('with a wire held low, where every transfer times out, is given up at the first', async () => {
    i2c.before = () => {
      throw addonError('ETIMEDOUT')
    }
    expect((await bus1()).problem).toMatch(/^I2C bus 1 hangs: a chip or a short holds a wire low/)
    expect(i2c.transfers).toHaveLength(1)
  })

  it('with a wire held low, where every address seems to answer, has no chips', async () => {
    i2c.stuck = 0
    expect(await bus1()).toMatchObject({ addresses: [], problem: expect.stringContaining('every address') })
  })

  it('that hangs in the kernel is given up after its deadline', async () => {
    const release = i2c.hang()
    const scanning = bus1()
    while (clock.sleeping === 0) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance(2000)
    expect((await scanning).problem).toMatch(/hangs/)
    release()
  })

  it('is left when the scan is called off, with what was found so far', async () => {
    const controller = new AbortController()
    i2c.attach(1, 0x10, willing)
    i2c.before = (_, { address }) => {
      if (address === 0x11) controller.abort()
    }
    const root = await machine(PI)
    const [bus] = await scanI2c({ root, load: i2c.load, clock, quick: false }, controller.signal)
    expect(bus).toMatchObject({ problem: 'stopped before the end', addresses: [{ address: 0x10 }] })
  })

  it('is given back whatever happened', async () => {
    await bus1()
    i2c.openFails = (bus) => openError('EACCES', bus)
    await bus1()
    expect([i2c.opened, i2c.closed, i2c.descriptors, i2c.misuse]).toEqual([2, 2, 0, []])
  })
})

describe('which buses are asked', () => {
  const names = {
    'i2c-0': 'SMBus I801 adapter at efa0',
    'i2c-1': 'bcm2835 (i2c@7e804000)',
    'i2c-2': 'i915 gmbus dpc',
    'i2c-3': 'AUX D/DDI D/PHY D',
    'i2c-10': 'i2c-0-mux (chan_id 1)',
    'i2c-13': '107d508200.i2c',
    'i2c-20': 'fef04500.i2c',
    'i2c-22': 'Synopsys DesignWare I2C adapter',
  }
  const files = Object.fromEntries(
    Object.entries(names).flatMap(([bus, name]) => [
      [`${ADAPTER}/${bus}/name`, `${name}\n`],
      [`dev/${bus}`, ''],
    ]),
  )
  const asked = (buses: readonly I2cBus[]) => buses.filter(({ probed }) => probed).map(({ bus }) => bus)

  it('those for sensors: not a display’s, not the mainboard’s, not the camera’s', async () => {
    const buses = await scan(files)
    expect(asked(buses)).toEqual([1, 22])
    expect(buses.map(({ bus }) => bus)).toEqual([0, 1, 2, 3, 10, 13, 20, 22])
    expect(buses[0]?.problem).toBe('not asked: it is the mainboard’s own; scan --bus 0 does')
    expect(buses[2]?.problem).toMatch(/display/)
    expect(buses[4]?.problem).toMatch(/camera/)
  })

  it('those that are named, whatever they are for', async () => {
    const buses = await scan(files, { only: [20] })
    expect(asked(buses)).toEqual([20])
    expect(buses[1]?.problem).toBe('not asked: another bus was; scan --bus 1 does')
  })

  it('those of a graphics card are known by their place, too', async () => {
    const buses = await scan({
      'sys/devices/pci0000:00/drm/card0/i2c-5/name': 'some adapter\n',
      [`${ADAPTER}/i2c-5`]: { to: '../../../devices/pci0000:00/drm/card0/i2c-5' },
      'dev/i2c-5': '',
    })
    expect(asked(buses)).toEqual([])
  })

  it('one that has only a device file is asked; a machine without any has none', async () => {
    expect(asked(await scan({ 'dev/i2c-7': '' }))).toEqual([7])
    expect(await scan({})).toEqual([])
  })

  it('one that fails does not keep the others from being asked', async () => {
    i2c.openFails = undefined
    i2c.attach(22, 0x38, willing)
    i2c.before = (_, { bus }) => {
      if (bus === 1) throw addonError('ETIMEDOUT')
    }
    const found = (await scan(files)).find(({ bus }) => bus === 22)
    expect(found?.addresses).toMatchObject([{ address: 0x38, types: ['aht20'] }])
  })
})
