/** Files of the kernel and of the agent itself, with anything in them: a good value, or none, and never a crash. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { SensorError } from '../../src/errors.ts'
import { createFilters } from '../../src/filters.ts'
import { readHost } from '../../src/host.ts'
import { LastLevels } from '../../src/last-levels.ts'
import { silentLog } from '../../src/log.ts'
import { QUANTITIES } from '../../src/reading.ts'
import { channelNames, channelsOf, numberIn } from '../../src/sensors/iio-channels.ts'
import { openIio } from '../../src/sensors/iio-device.ts'
import {
  cpuTemperature,
  diskUsed,
  loadAverages,
  memoryUsed,
  throttled,
  underVoltage,
  uptime,
  wirelessRows,
} from '../../src/sensors/system-files.ts'
import { scratchpadIn } from '../../src/sensors/w1.ts'
import { envOf, machine, NEVER, removeMachines } from '../fakes/machine.ts'
import { almost, anyBytes, anyText, holds, piecesOf } from '../fakes/properties.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sensor-node-kernel-'))
})
afterEach(removeMachines)
afterAll(() => rm(root, { recursive: true }))

const FILES = ['in_temp_input', 'in_temp_raw', 'in_temp_scale', 'in_temp0_raw', 'in_voltage0_raw', 'in_voltage_scale']
const NUMBERS = ['57805.664062500', '-12', '0', '25080\n', '1e5', 'NaN', '-', '9'.repeat(400), '0.'.repeat(30)]
const number = fc.oneof(almost(NUMBERS), anyText, piecesOf(['9', '.', '-', '\n', ' ']))

holds(
  'any names of files are channels, each quantity once',
  fc.array(fc.oneof(almost(FILES), anyText), { maxLength: 12 }),
  (files) => {
    const quantities = channelsOf(files).map(({ quantity }) => quantity)
    expect(new Set(quantities).size).toBe(quantities.length)
    for (const quantity of quantities) expect(Object.keys(QUANTITIES)).toContain(quantity)
    expect(channelNames(files).every((name) => name.startsWith('in_'))).toBe(true)
  },
)

holds('any text is a number of the kernel or none', number, (text) => {
  const value = numberIn(text)
  if (value === undefined) return
  expect(text).toMatch(/^-?[0-9.]+\n?$/)
  expect(value).toBe(Number(text))
})

holds(
  'an IIO device with any contents gives finite values or a SensorError',
  fc.record({ raw: number, scale: number, offset: number, pressure: number }),
  async ({ raw, scale, offset, pressure }) => {
    await writeFile(join(root, 'in_temp_raw'), raw)
    await writeFile(join(root, 'in_temp_scale'), scale)
    await writeFile(join(root, 'in_temp_offset'), offset)
    await writeFile(join(root, 'in_pressure_input'), pressure)
    const sensor = await openIio({ folder: root, name: 'chip', aliases: [] }, envOf(root))
    const sample = await sensor.read(NEVER).catch((error: unknown) => {
      expect(error).toBeInstanceOf(SensorError)
      expect(String(error).length).toBeLessThan(1000)
      return {}
    })
    const { values } = createFilters({}, 1000).apply(sample, 0, 0)
    expect(Object.values(values).every(Number.isFinite)).toBe(true)
  },
)

const ANSWERS = [
  '50 05 4b 46 7f ff 0c 10 1c : crc=1c YES\n50 05 4b 46 7f ff 0c 10 1c t=85000\n',
  '91 01 4b 46 7f ff 0f 10 25 : crc=25 NO\n91 01 4b 46 7f ff 0f 10 25 t=-55000\n',
]
holds(
  'any text is an answer of a thermometer or none',
  fc.oneof(almost(ANSWERS), anyText, piecesOf(['5', '0 ', 'f', ': crc=', 'YES', '\n', 't=', '-'])),
  (text) => {
    const answer = scratchpadIn(text)
    if (answer === undefined) return
    expect(answer.bytes).toHaveLength(9)
    expect(Number.isNaN(answer.milliCelsius)).toBe(false)
  },
)

const PROC = [
  '0.20 0.18 0.12 1/80 11206\n',
  'MemTotal:        3884360 kB\nMemFree:         2747160 kB\nMemAvailable:    3398500 kB\n',
  '350735.47 234388.90\n',
  'Inter-| sta-|   Quality        |\n wlan0: 0000   58.  -52.  -256        0      0      0      0      0        0\n',
  '48312\n',
  '1\n',
  'e0008\n',
]
const proc = fc.oneof(
  almost(PROC),
  anyText,
  piecesOf(['9', '.', ' ', '\n', '-', 'MemTotal: ', ' kB', 'wlan0: 0000 ', '0000']),
)
holds(
  'any files of /proc and /sys give finite quantities or none',
  fc.tuple(proc, fc.array(fc.nat(), { minLength: 3, maxLength: 3 })),
  ([text, [blocks = 0, bfree = 0, bavail = 0]]) => {
    const samples = [loadAverages, memoryUsed, uptime, cpuTemperature, underVoltage, throttled].map((parse) =>
      parse(text),
    )
    for (const sample of [...samples, diskUsed({ blocks, bfree, bavail })]) {
      expect(Object.values(sample).some(Number.isNaN)).toBe(false)
      expect(Object.values(createFilters({}, 1000).apply(sample, 0, 0).values).every(Number.isFinite)).toBe(true)
    }
    for (const { name, signalDbm } of wirelessRows(text)) {
      expect(name).not.toBe('')
      if (signalDbm !== undefined) expect(signalDbm).toBeLessThan(0)
    }
  },
)

const content = fc.oneof(
  anyBytes,
  anyText.map((text) => Buffer.from(text)),
  almost([
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    'PRETTY_NAME="\n',
    '{"17":1,"22":0}',
    '{"__proto__":1}',
  ]).map((text) => Buffer.from(text)),
)
holds('any machine has a birth', fc.tuple(content, content), async ([model, release]) => {
  const files = await machine({ 'proc/device-tree/model': '', 'etc/os-release': '' })
  await writeFile(join(files, 'proc/device-tree/model'), model)
  await writeFile(join(files, 'etc/os-release'), release)
  const host = await readHost(files)
  await removeMachines()
  expect(host.model).not.toBe('')
  expect(host.os).not.toBe('')
  expect(JSON.parse(JSON.stringify(host))).toHaveProperty('kernel')
})

holds('any file of last levels gives levels of the pins in question, or none', content, async (bytes) => {
  const file = join(root, 'levels.json')
  await writeFile(file, bytes)
  const levels = new LastLevels(file, [17], silentLog())
  await levels.load()
  expect([0, 1, undefined]).toContain(levels.of(17))
  expect(levels.of(22)).toBeUndefined()
})
