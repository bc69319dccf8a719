import { execFileSync } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { constants, open as openFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { SensorError } from '../../src/errors.ts'
import { ds18b20 } from '../../src/sensors/ds18b20.ts'
import type { Sensor } from '../../src/sensors/sensor.ts'
import { settled } from '../fakes/fake-clock.ts'
import { envOf, fixture, machine, NEVER, removeMachines } from '../fakes/machine.ts'

afterEach(removeMachines)

const DEVICES = 'sys/bus/w1/devices'
const MASTER = 'sys/devices/w1_bus_master1'
const [FIRST, SECOND] = ['28-000005e2fdc3', '28-0316a2795c1d'] as const

function optionsOf(options: object) {
  return { ...ds18b20.options.parse(options), metrics: {} }
}

function open(root: string, options: object = {}): Promise<Sensor> {
  return ds18b20.open(optionsOf(options), envOf(root))
}

async function failureOf(work: Promise<unknown>): Promise<SensorError> {
  const error: unknown = await work.then(
    (value) => expect.fail(`it gave ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  )
  if (error instanceof SensorError) return error
  throw new Error('not a SensorError', { cause: error })
}

/** What the driver writes for a whole answer of m°C. */
function answer(milliCelsius: number): string {
  const bytes = '57 01 4b 46 7f ff 09 10 c7'
  return `${bytes} : crc=c7 YES\n${bytes} t=${milliCelsius}\n`
}

/** Thermometers on one bus. */
function bus(answers: Readonly<Record<string, string>>): Promise<string> {
  const files = Object.entries(answers).flatMap(([id, text]) => [
    [`${MASTER}/${id}/w1_slave`, text] as const,
    [`${DEVICES}/${id}`, { to: `../../../devices/w1_bus_master1/${id}` }] as const,
  ])
  return machine(Object.fromEntries(files))
}

describe('the options', () => {
  it.each(['28-0316A2795C1D', '0316a2795c1d', '28-0316a2795c1', '3a-0316a2795c1d', '../28-0316a2795c1d', 28])(
    'refuse the device %j in words',
    (device) => {
      const messages = ds18b20.options.safeParse({ device }).error?.issues.map(({ message }) => message)
      expect(messages).toEqual(['must be an id as in /sys/bus/w1/devices, such as 28-0316a2795c1d'])
    },
  )
})

describe('a thermometer', () => {
  it('needs no id where it is the only one', async () => {
    const sensor = await open(fixture('w1-one'))
    expect(sensor.quantities).toEqual(['temperature'])
    expect(await sensor.read(NEVER)).toEqual({ temperature: 21.437 })
    await sensor.close()
  })

  it.each([
    [FIRST, 25.062],
    [SECOND, -5.5],
    ['10-000801b5a959', 22.75],
  ])('among several is read by its id: %s', async (device, temperature) => {
    const sensor = await open(fixture('w1-several'), { device })
    expect(await sensor.read(NEVER)).toEqual({ temperature })
  })

  it('at 0 °C is at 0 °C', async () => {
    expect(await (await open(await bus({ [FIRST]: answer(0) }))).read(NEVER)).toEqual({ temperature: 0 })
  })
})

describe('opening', () => {
  it('without a bus tells the overlay line', async () => {
    const error = await failureOf(open(await machine({})))
    expect(error.kind).toBe('not-found')
    expect(error.message).toContain('dtoverlay=w1-gpio,gpiopin=4')
  })

  it('without a thermometer tells what to check', async () => {
    const error = await failureOf(open(fixture('w1-empty')))
    expect(error.kind).toBe('not-found')
    expect(error.message).toContain('pull-up')
  })

  it('with several to choose from lists them', async () => {
    const error = await failureOf(open(fixture('w1-several')))
    expect(error.kind).toBe('wrong-device')
    for (const words of ['attic', '3 thermometers', FIRST, SECOND, '10-000801b5a959', 'set device']) {
      expect(error.message).toContain(words)
    }
  })

  it('of one that is not there lists those that are', async () => {
    const error = await failureOf(open(fixture('w1-one'), { device: FIRST }))
    expect(error.kind).toBe('not-found')
    for (const words of [FIRST, SECOND]) expect(error.message).toContain(words)
  })
})

describe('a read that fails', () => {
  it.each([
    ['28-000000000001', 'silent', 'no answer'],
    ['28-000000000002', 'checksum', '57014b467fff091038'],
    ['28-000000000003', 'invalid-data', '85 °C'],
    ['28-000000000004', 'invalid-data', '127.937 °C'],
    ['28-000000000005', 'invalid-data', 'short to ground'],
    ['28-000000000006', 'checksum', 'ffffffffffffffffff'],
    ['28-000000000007', 'invalid-data', 'no answer'],
    ['28-000000000008', 'invalid-data', 'no answer'],
    ['28-000000000009', 'invalid-data', '21437'],
    ['28-00000000000a', 'invalid-data', 't=warm'],
    ['28-00000000000b', 'not-found', 'no longer on the bus'],
  ] as const)('at %s is %s, and never a number', async (device, kind, words) => {
    const sensor = await open(fixture('w1-damaged'), { device })
    const error = await failureOf(sensor.read(NEVER))
    expect(error.kind).toBe(kind)
    expect(error.message).toContain(`attic: thermometer ${device}`)
    expect(error.message).toContain(words)
  })

  it('inside the driver is a fault of the bus', async () => {
    const root = await bus({ [FIRST]: '' })
    await rm(join(root, MASTER, FIRST, 'w1_slave'))
    execFileSync('ln', ['-s', '/proc/self/mem', join(root, MASTER, FIRST, 'w1_slave')]) // read gives EIO
    expect(await failureOf((await open(root)).read(NEVER))).toMatchObject({ kind: 'bus', ordinary: false })
  })
})

describe('85 °C', () => {
  it.each([
    [80_000, true],
    [90_000, true],
    [79_937, false],
    [21_437, false],
  ])('after %d m°C is a measurement: %s', async (before, good) => {
    const root = await bus({ [FIRST]: answer(before) })
    const sensor = await open(root)
    await sensor.read(NEVER)
    await writeFile(join(root, MASTER, FIRST, 'w1_slave'), answer(85_000))
    if (good) expect(await sensor.read(NEVER)).toEqual({ temperature: 85 })
    else expect(await failureOf(sensor.read(NEVER))).toMatchObject({ kind: 'invalid-data' })
  })

  it('is believed after a reopen, too, where the last reading was near', async () => {
    const root = await bus({ [FIRST]: answer(84_937) })
    const options = optionsOf({})
    await (await ds18b20.open(options, envOf(root))).read(NEVER)
    await writeFile(join(root, MASTER, FIRST, 'w1_slave'), answer(85_000))
    expect(await (await ds18b20.open(options, envOf(root))).read(NEVER)).toEqual({ temperature: 85 })
    expect(await failureOf((await open(root)).read(NEVER))).toMatchObject({ kind: 'invalid-data' })
  })

  it('is no neighbour of itself: refused once, it is refused again', async () => {
    const sensor = await open(await bus({ [FIRST]: answer(85_000) }))
    for (let time = 0; time < 3; time += 1) {
      expect(await failureOf(sensor.read(NEVER))).toMatchObject({ kind: 'invalid-data' })
    }
  })

  it('127.94 °C is refused, whatever was before', async () => {
    const root = await bus({ [FIRST]: answer(124_000) })
    const sensor = await open(root)
    await sensor.read(NEVER)
    await writeFile(join(root, MASTER, FIRST, 'w1_slave'), answer(127_937))
    expect(await failureOf(sensor.read(NEVER))).toMatchObject({ kind: 'invalid-data' })
  })
})

describe('a bus', () => {
  /** Two thermometers whose conversion lasts until the test ends it. */
  async function slowBus() {
    const root = await bus({ [FIRST]: '', [SECOND]: '' })
    const files = [FIRST, SECOND].map((id) => join(root, MASTER, id, 'w1_slave'))
    for (const file of files) {
      await rm(file)
      execFileSync('mkfifo', [file])
    }
    const [first = '', second = ''] = files
    const sensors = [await open(root, { device: FIRST }), await open(root, { device: SECOND })] as const
    return { first, second, sensors }
  }

  /** Gives the answer, after `meanwhile`, during which the file is being read. */
  async function finish(file: string, text: string, meanwhile = async (): Promise<void> => {}): Promise<void> {
    const writer = await openFile(file, constants.O_WRONLY) // opens once there is a reader
    try {
      await meanwhile()
      await writer.write(text)
    } finally {
      await writer.close()
    }
  }

  /** Whether anybody reads the file: without a reader a FIFO can't be opened for writing (ENXIO). */
  async function isRead(file: string): Promise<boolean> {
    const probe = await openFile(file, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => undefined)
    await probe?.close()
    return probe !== undefined
  }

  it('measures one temperature at a time', async () => {
    const { first, second, sensors } = await slowBus()
    const [one, two] = sensors.map((sensor) => sensor.read(NEVER))
    await finish(first, answer(20_000), async () => expect(await isRead(second)).toBe(false))
    expect(await one).toEqual({ temperature: 20 })
    await finish(second, answer(21_000))
    expect(await two).toEqual({ temperature: 21 })
  })

  it('that hangs costs one thread: reads end on abort, and the rest waits for the driver', async () => {
    const { first, second, sensors } = await slowBus()
    const deadline = new AbortController()
    const reads = sensors.map((sensor) => sensor.read(deadline.signal))
    await settled()
    deadline.abort(new Error('too late'))
    for (const read of reads) await expect(read).rejects.toThrow('too late')
    expect(getEventListeners(deadline.signal, 'abort')).toEqual([])
    const again = sensors[1].read(NEVER)
    await finish(first, answer(20_000), async () => expect(await isRead(second)).toBe(false))
    await finish(second, answer(21_000))
    expect(await again).toEqual({ temperature: 21 })
  })
})
