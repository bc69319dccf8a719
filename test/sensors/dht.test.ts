import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { afterEach, describe, expect, it } from 'vitest'
import { SensorError } from '../../src/errors.ts'
import { dht11 } from '../../src/sensors/dht11.ts'
import { dht22 } from '../../src/sensors/dht22.ts'
import { type BenchOptions, DhtBench, fakeModule, NEVER } from '../fakes/dht-bench.ts'

const benches: DhtBench[] = []

function createBench(options?: BenchOptions): DhtBench {
  const bench = new DhtBench(options)
  benches.push(bench)
  return bench
}

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.dispose()
})

/** What opening and reading the pin fails with. */
async function failureOf(pin: number, bench = createBench()): Promise<SensorError> {
  try {
    const sensor = await bench.open(pin)
    await sensor.read(NEVER)
  } catch (error) {
    if (error instanceof SensorError) return error
    throw error
  }
  throw new Error('the read gave a value')
}

describe('the types', () => {
  it.each([[{ pin: 28 }], [{ pin: -1 }], [{ pin: 4.5 }], [{ pin: '4' }], [{}]])(
    'refuse the options %j in words',
    (options) => {
      for (const type of [dht11, dht22]) {
        const messages = type.options.safeParse(options).error?.issues.map(({ message }) => message)
        expect(messages).toEqual(['must be the BCM number of a header pin, 0 to 27'])
      }
    },
  )

  it('claim their pin', () => {
    expect(dht11.pins?.({ pin: 4, driver: 'auto' })).toEqual([4])
    expect(dht22.pins?.({ pin: 27, driver: 'kernel' })).toEqual([27])
  })

  it('are never read within the 3 s in which the driver repeats itself', () => {
    for (const type of [dht11, dht22]) expect(type.minIntervalMs).toBeGreaterThanOrEqual(3000)
  })
})

describe('a read', () => {
  it('gives temperature and humidity as the driver tells them', async () => {
    const sensor = await createBench().open(4)
    expect(sensor.quantities).toEqual(['temperature', 'humidity'])
    expect(await sensor.read(NEVER)).toEqual({ temperature: 21.5, humidity: 40.25 })
  })

  it('keeps a humidity of 0 and a temperature below 0: only both 0 are no measurement', async () => {
    const sensor = await createBench().open(21)
    expect(await sensor.read(NEVER)).toEqual({ temperature: -3.5, humidity: 0 })
  })

  it('asks for the type that was opened', async () => {
    const sensor = await createBench().open(19, 11)
    expect(await sensor.read(NEVER)).toMatchObject({ temperature: 11 })
  })

  it('has the driver try twice, not four times', async () => {
    const sensor = await createBench().open(16)
    expect(await sensor.read(NEVER)).toMatchObject({ temperature: 1 })
  })

  it('is never an old value: it waits until the driver has forgotten the last one', async () => {
    const bench = createBench()
    const sensor = await bench.open(15)
    expect(await sensor.read(NEVER)).toMatchObject({ temperature: 1 })
    const second = sensor.read(NEVER)
    await bench.clock.advance(2999)
    expect(bench.asked).toHaveLength(1)
    await bench.clock.advance(1)
    expect(await second).toMatchObject({ temperature: 2 })
  })

  it('that waits for that ends at once on abort', async () => {
    const bench = createBench()
    const sensor = await bench.open(4)
    await sensor.read(NEVER)
    const deadline = new AbortController()
    const second = sensor.read(deadline.signal)
    deadline.abort(new Error('too late'))
    await expect(second).rejects.toThrow('too late')
    expect(bench.clock.sleeping).toBe(0)
  })
})

describe('a read that fails', () => {
  it('is ordinary for silence and for a wrong checksum, which the driver tells in the same words', async () => {
    const error = await failureOf(5)
    expect(error).toMatchObject({ kind: 'silent', ordinary: true })
    expect(error.message).toContain('sensor 5: DHT22 on pin 5: no usable answer')
  })

  it('may be tried again at once, in the same process', async () => {
    const bench = createBench()
    const sensor = await bench.open(5)
    for (const asked of [1, 2, 3]) {
      await expect(sensor.read(NEVER)).rejects.toMatchObject({ kind: 'silent' })
      await bench.logged(() => bench.asked.length === asked)
    }
    expect(bench.started).toHaveLength(1)
  })

  it('is a garbled transfer where all bits are 0', async () => {
    expect(await failureOf(9)).toMatchObject({ kind: 'checksum', ordinary: true })
  })

  it('is tried again only after 3 s where the driver keeps the garbled answer', async () => {
    const bench = createBench()
    const sensor = await bench.open(9)
    await expect(sensor.read(NEVER)).rejects.toMatchObject({ kind: 'checksum' })
    const second = sensor.read(NEVER)
    second.catch(() => {}) // looked at below
    expect(bench.clock.sleeping).toBe(1)
    await bench.clock.advance(3000)
    await expect(second).rejects.toMatchObject({ kind: 'checksum' })
  })

  it.each([
    [10, 'NaN °C and 40 %'],
    [20, 'undefined °C and undefined %'],
  ])('is a fault where the driver gives what is no number (pin %i)', async (pin, values) => {
    const error = await failureOf(pin)
    expect(error).toMatchObject({ kind: 'invalid-data', ordinary: false })
    expect(error.message).toContain(values)
  })

  it('tells what to do where the driver may not use the pins', async () => {
    const error = await failureOf(12)
    expect(error).toMatchObject({ kind: 'permission', ordinary: false })
    expect(error.message).toContain('group gpio')
  })

  it('is a fault with the words of the driver where those are unknown', async () => {
    const error = await failureOf(22)
    expect(error).toMatchObject({ kind: 'bus', ordinary: false })
    expect(error.message).toContain('sensor type is invalid')
  })

  it('is a fault where the driver throws instead of calling back', async () => {
    expect(await failureOf(13)).toMatchObject({ kind: 'bus', ordinary: false })
  })

  it.each([28, 32, 100_000, -1, 4.5])('never brings pin %d to the driver', async (pin) => {
    const bench = createBench()
    expect(await failureOf(pin, bench)).toMatchObject({ kind: 'unsupported' })
    const good = await bench.open(4)
    await good.read(NEVER)
    await bench.wasAsked(22, 4)
    expect(bench.asked).toEqual(['22/4'])
  })
})

describe('opening', () => {
  it.each([
    'Raspberry Pi 5 Model B Rev 1.0\0',
    'Raspberry Pi 500 Rev 1.0\0',
    'Raspberry Pi Compute Module 5 Rev 1.0\0',
  ])('is refused on a %s before any process starts, with the way that works there', async (board) => {
    const bench = createBench({ board })
    const error = await failureOf(4, bench)
    expect(error.kind).toBe('unsupported')
    expect(error.message).toContain('dtoverlay=dht11,gpiopin=4')
    expect(error.message).not.toContain('\0')
    expect(bench.started).toEqual([])
  })

  it.each([
    ['Pine64 Rock64\0', "'Pine64 Rock64'"],
    [undefined, 'ENOENT'],
  ])('is refused on a machine that is no Raspberry Pi (%j)', async (board, reason) => {
    const bench = createBench({ board })
    const error = await failureOf(4, bench)
    expect(error.kind).toBe('unsupported')
    expect(error.message).toContain(reason)
    expect(bench.started).toEqual([])
  })

  it.each([
    'Raspberry Pi Model B Rev 2\0',
    'Raspberry Pi Zero 2 W Rev 1.0\0',
    'Raspberry Pi 400 Rev 1.0\0',
    'Raspberry Pi Compute Module 4 Rev 1.1\0',
  ])('goes on a %s', async (board) => {
    const sensor = await createBench({ board }).open(4)
    expect(await sensor.read(NEVER)).toMatchObject({ temperature: 21.5 })
  })

  it('without the package says so, with the remedy, and leaves no process', async () => {
    const bench = createBench({ vendor: 'node-dht-sensor-which-is-absent' })
    const error = await failureOf(4, bench)
    expect(error.kind).toBe('unavailable')
    expect(error.message).toContain('it is not installed; install a compiler')
    await bench.ended(bench.started[0])
  })

  it('with a package that was never built says so, with the remedy', async () => {
    const error = await failureOf(4, createBench({ vendor: fakeModule('dht-vendor-unbuilt.cjs') }))
    expect(error.kind).toBe('unavailable')
    expect(error.message).toContain('run npm rebuild')
  })
})

describe('a DHT that the kernel reads', () => {
  const onPi5 = { machine: 'iio-pi5', vendor: 'node-dht-sensor-which-is-absent' }

  it.each(['auto', 'kernel'] as const)(
    'by its overlay is read there with driver: %s, on any Pi, without the package',
    async (driver) => {
      const bench = createBench({ ...onPi5, driver })
      const sensor = await bench.open(4)
      expect(sensor.quantities).toEqual(['temperature', 'humidity'])
      expect(await sensor.read(NEVER)).toEqual({ temperature: 21.5, humidity: 48.3 })
      expect(bench.started).toEqual([])
    },
  )

  it('is found by its pin, whatever the overlay calls it', async () => {
    const sensor = await createBench(onPi5).open(17, 11)
    expect(await sensor.read(NEVER)).toEqual({ temperature: -3.5, humidity: 91 })
  })

  it('leaves another pin of a Pi 5 without a driver, with the overlay line to add', async () => {
    const bench = createBench(onPi5)
    const error = await failureOf(27, bench)
    expect(error.kind).toBe('unsupported')
    expect(error.message).toContain('dtoverlay=dht11,gpiopin=27')
    expect(bench.started).toEqual([])
  })

  it('and is not there with driver: kernel is told, with what the kernel reads instead', async () => {
    const error = await failureOf(27, createBench({ ...onPi5, driver: 'kernel' }))
    expect(error.kind).toBe('not-found')
    for (const words of ['pin 27', 'dtoverlay=dht11,gpiopin=27', 'dht11@4 (pin 4)']) {
      expect(error.message).toContain(words)
    }
  })

  it('is kept from node-dht-sensor, which would drive its pin all the same', async () => {
    const bench = createBench({ machine: 'iio-pi5', driver: 'user' })
    const error = await failureOf(17, bench)
    expect(error.kind).toBe('permission')
    for (const words of ['pin 17', 'dht11@11', 'driver: auto']) expect(error.message).toContain(words)
    expect(bench.started).toEqual([])
  })

  it('leaves a DHT on another pin to node-dht-sensor', async () => {
    const bench = createBench({ machine: 'iio-bme280' })
    const sensor = await bench.open(4)
    expect(await sensor.read(NEVER)).toMatchObject({ temperature: 21.5, humidity: 40.25 })
    expect(bench.started).toHaveLength(1)
  })
})

describe('the real node-dht-sensor', () => {
  const addon = 'node-dht-sensor/build/Release/node_dht_sensor.node'
  const built = (createRequire(import.meta.url).resolve.paths(addon) ?? []).some((path) =>
    existsSync(`${path}/${addon}`),
  )

  it.skipIf(!built && process.env.CI === undefined)(
    'in its test mode gives its values through the child process',
    async () => {
      const sensor = await createBench({ vendor: fakeModule('dht-vendor-real.cjs') }).open(4)
      expect(await sensor.read(NEVER)).toEqual({ temperature: 21.5, humidity: 60 })
    },
  )
})
