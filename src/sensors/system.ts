/**
 * The machine itself: processor, memory, disk, Wi-Fi, supply. Files of the kernel alone, no program is started.
 * What a machine lacks is absent; one file that fails costs its own quantities and no others.
 */
import { z } from 'zod'
import { SensorError } from '../errors.ts'
import { QUANTITIES, type Quantity, type Sample, type Span } from '../reading.ts'
import { type SensorEnv, sensorType } from './sensor.ts'
import {
  cpuTemperature,
  diskUsed,
  loadAverages,
  memoryUsed,
  throttled,
  underVoltage,
  uptime,
  wirelessRows,
} from './system-files.ts'
import { createReader, type SystemReader } from './system-reader.ts'
import { unlessAborted } from './turns.ts'

const options = () =>
  z.object({
    disk: z
      .string({ error: 'must be a path' })
      .startsWith('/', 'must be a path that begins with /')
      .default('/')
      .describe('`disk_used` tells of the file system that this path is on.'),
    interface: z
      .string({ error: 'must be the name of a network interface, such as wlan0' })
      .regex(/^[^\s/:]{1,15}$/, 'must be the name of a network interface, such as wlan0')
      .optional()
      .describe('`wifi_signal` tells of this interface. Default: the first that is connected.'),
    throttled: z
      .boolean({ error: 'must be true or false' })
      .default(true)
      .describe(
        'Whether to read `throttled`. Kernels of Raspberry Pi OS have its file until the spring of 2025 and write one warning to their log when it is first read; later kernels have no such file.',
      ),
  })

type Options = z.output<ReturnType<typeof options>>

export const system = sensorType({
  summary: 'The machine: CPU temperature, load, memory, disk, uptime, Wi-Fi signal, under-voltage, throttling',
  options,
  measures: {
    cpu_temperature: span('cpu_temperature', 35, 65),
    load_1m: span('load_1m', 0, 4),
    load_5m: span('load_5m', 0, 4),
    load_15m: span('load_15m', 0, 4),
    memory_used: span('memory_used', 10, 80),
    disk_used: span('disk_used', 10, 80),
    uptime: span('uptime', 0, 5_000_000),
    wifi_signal: span('wifi_signal', -80, -40),
    under_voltage: span('under_voltage', 0, 1),
    throttled: span('throttled', 0, 1),
  },
  minIntervalMs: 1000,
  defaultIntervalMs: 60_000,
  hardware: false,
  diagnostic: true,
  async open(options, env) {
    const reader = readerOf(options, env)
    const sources = await locate(reader, options)
    await readAll(sources, env.root)
    return {
      quantities: sources.flatMap((source) => source.quantities),
      async read(signal) {
        signal.throwIfAborted()
        return await unlessAborted(readAll(sources, env.root), signal)
      },
      async close() {},
    }
  },
})

/** One file, folder or system call that this machine has, and what is to be had there. */
interface Source {
  readonly quantities: readonly Quantity[]
  /** Without what could not be had this time. */
  read(): Promise<Sample>
}

/** A reader knows which questions hang, so it outlives a reopen; `options` are the same object then. */
const readers = new WeakMap<object, SystemReader>()

function readerOf(options: object, { root, log }: SensorEnv): SystemReader {
  const reader = readers.get(options) ?? createReader(root, log)
  readers.set(options, reader)
  return reader
}

async function locate(reader: SystemReader, options: Options): Promise<Source[]> {
  const chips = await labelled(reader, '/sys/class/hwmon', /^hwmon\d+$/, 'name')
  const located = await Promise.all([
    cpu(reader, chips),
    file(reader, '/proc/loadavg', ['load_1m', 'load_5m', 'load_15m'], loadAverages),
    file(reader, '/proc/meminfo', ['memory_used'], memoryUsed),
    disk(reader, options.disk),
    file(reader, '/proc/uptime', ['uptime'], uptime),
    wifi(reader, options.interface),
    supply(reader, chips, options.throttled),
  ])
  return located.flat()
}

/** @throws SensorError when not one quantity could be had */
async function readAll(sources: readonly Source[], root: string): Promise<Sample> {
  const sample: Sample = Object.assign({}, ...(await Promise.all(sources.map((source) => source.read()))))
  if (Object.keys(sample).length > 0) return sample
  const remedy = 'check that /proc and /sys are mounted and not hidden from this service'
  throw new SensorError('not-found', `nothing of this machine can be read below ${root}; ${remedy}`)
}

/** A file that hangs is there, and may answer again. */
async function file(
  reader: SystemReader,
  path: string,
  quantities: readonly Quantity[],
  parse: (text: string) => Sample,
): Promise<Source[]> {
  if (!reader.hangs(path) && (await reader.text(path)) === undefined) return []
  return [{ quantities, read: async () => parse((await reader.text(path)) ?? '') }]
}

/** Always a source, since the config names it: a disk may be mounted later. */
function disk(reader: SystemReader, path: string): Source[] {
  const read = async (): Promise<Sample> => {
    const space = await reader.space(path)
    return space === undefined ? {} : diskUsed(space)
  }
  return [{ quantities: ['disk_used'], read }]
}

/** An interface that is there and not connected, or that the config names, is a source: its signal comes and goes. */
async function wifi(reader: SystemReader, chosen: string | undefined): Promise<Source[]> {
  const rows = async () => wirelessRows((await reader.text('/proc/net/wireless')) ?? '')
  const read = async (): Promise<Sample> => {
    const own = (await rows()).filter(({ name }) => chosen === undefined || name === chosen)
    const signalDbm = own.find((row) => row.signalDbm !== undefined)?.signalDbm
    return signalDbm === undefined ? {} : { wifi_signal: signalDbm }
  }
  return chosen === undefined && (await rows()).length === 0 ? [] : [{ quantities: ['wifi_signal'], read }]
}

/** Thermal zones that are a processor's, best first: Pi; old Pi kernels; other ARM boards; Intel. */
const CPU_ZONES = [/^cpu[-_]thermal$/, /^bcm2835_thermal$/, /^(cpu|soc)\d*[-_]therm(al)?$/i, /^x86_pkg_temp$/]
/** hwmon drivers of processors; their first temperature is the whole package's. */
const CPU_CHIPS = [/^cpu_thermal$/, /^coretemp$/, /^k10temp$/, /^zenpower$/, /^k8temp$/]

/** A zone may refuse a single read (EAGAIN while its sensor is busy) or be switched off: then the chip is asked. */
async function cpu(reader: SystemReader, chips: readonly Labelled[]): Promise<Source[]> {
  const zone = best(await labelled(reader, '/sys/class/thermal', /^thermal_zone\d+$/, 'type'), CPU_ZONES)
  const chip = best(chips, CPU_CHIPS)
  const paths: string[] = []
  if (zone !== undefined) paths.push(`${zone.folder}/temp`)
  if (chip !== undefined) paths.push(`${chip.folder}/temp1_input`)
  const read = async (): Promise<Sample> => {
    for (const path of paths) {
      const sample = cpuTemperature((await reader.text(path)) ?? '')
      if (sample.cpu_temperature !== undefined) return sample
    }
    return {}
  }
  return paths.length === 0 ? [] : [{ quantities: ['cpu_temperature'], read }]
}

/**
 * The firmware driver's bits are what the hwmon driver last asked for (rpi_firmware_property in the Raspberry Pi
 * kernel's drivers/firmware/raspberrypi.c): without that driver they are 0 for ever, so both have to be there.
 * Gone since https://github.com/raspberrypi/linux/pull/6697.
 */
async function supply(reader: SystemReader, chips: readonly Labelled[], withBits: boolean): Promise<Source[]> {
  const chip = best(chips, [/^rpi_volt$/])
  if (chip === undefined) return []
  const alarm = await file(reader, `${chip.folder}/in0_lcrit_alarm`, ['under_voltage'], underVoltage)
  const platform = withBits ? ((await reader.names('/sys/devices/platform')) ?? []) : []
  // `soc` up to the Pi 4, `soc@107c000000` on the Pi 5.
  const soc = platform.find((name) => /^soc(@[\da-f]+)?$/.test(name))
  if (soc === undefined) return alarm
  const bits = `/sys/devices/platform/${soc}/${soc}:firmware/get_throttled`
  return [...alarm, ...(await file(reader, bits, ['throttled'], throttled))]
}

/** A device in a class folder, and what its driver calls itself. Numbers move between boots, labels don't. */
interface Labelled {
  readonly folder: string
  readonly label: string
}

async function labelled(reader: SystemReader, parent: string, entry: RegExp, labelFile: string): Promise<Labelled[]> {
  const names = ((await reader.names(parent)) ?? []).filter((name) => entry.test(name))
  return Promise.all(
    names.map(async (name) => {
      const folder = `${parent}/${name}`
      return { folder, label: ((await reader.text(`${folder}/${labelFile}`)) ?? '').trim() }
    }),
  )
}

function best(devices: readonly Labelled[], preferences: readonly RegExp[]): Labelled | undefined {
  for (const preference of preferences) {
    const match = devices.find(({ label }) => preference.test(label))
    if (match !== undefined) return match
  }
  return undefined
}

function span(quantity: Quantity, low: number, high: number): Span {
  const { min, max, digits } = QUANTITIES[quantity]
  return { min, max, digits, typical: [low, high] }
}
