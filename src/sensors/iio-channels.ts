/**
 * From the files of an IIO device to our quantities: pure functions, after Documentation/ABI/testing/sysfs-bus-iio.
 * Only what is clear is taken. A quantity that several channels could mean (the inputs of an ADC, a thermometer for the
 * object and one for the air) is left out, as is a raw number without a scale. Called by `iio-device.ts`.
 */
import type { Quantity } from '../reading.ts'

/** Where a quantity's value comes from: file names, and the step from the ABI's unit to ours. */
export interface Channel {
  readonly quantity: Quantity
  readonly toUnit: (value: number) => number
  readonly source: Source
}

type Source = { readonly input: string } | Scaled

/** `(raw + offset) * scale`; without a file an offset is 0. */
interface Scaled {
  readonly raw: string
  readonly scale: string
  readonly offset: string | undefined
}

interface Kind {
  readonly channel: string
  readonly quantity: Quantity
  readonly toUnit: (value: number) => number
}

const milli = (value: number): number => value / 1000

/** The ABI's units: m°C, m%, kPa, lx, % of the volume, m, mV, mA, mW. In the order in which they are read. */
const KINDS: readonly Kind[] = [
  { channel: 'in_temp', quantity: 'temperature', toUnit: milli },
  { channel: 'in_humidityrelative', quantity: 'humidity', toUnit: milli },
  { channel: 'in_pressure', quantity: 'pressure', toUnit: (kiloPascal) => kiloPascal * 10 },
  { channel: 'in_illuminance', quantity: 'illuminance', toUnit: (lux) => lux },
  { channel: 'in_concentration_co2', quantity: 'co2', toUnit: (percent) => percent * 10_000 },
  { channel: 'in_distance', quantity: 'distance', toUnit: (metre) => metre },
  { channel: 'in_voltage', quantity: 'voltage', toUnit: milli },
  { channel: 'in_current', quantity: 'current', toUnit: milli },
  { channel: 'in_power', quantity: 'power', toUnit: milli },
]

/** What the channels of any device can give. */
export const IIO_QUANTITIES: readonly Quantity[] = KINDS.map(({ quantity }) => quantity)

/** The channels that are ours, of a device that has these files. */
export function channelsOf(files: readonly string[]): Channel[] {
  const present = new Set(files)
  return KINDS.flatMap(({ channel, quantity, toUnit }) => {
    const source = sourceOf(channel, present)
    return source === undefined ? [] : [{ quantity, toUnit, source }]
  })
}

/** The channels that a device has, for people: `in_accel_x, in_temp_object`. */
export function channelNames(files: readonly string[]): string[] {
  return [...new Set(files.flatMap((file) => /^(in_.+)_(?:input|raw)$/.exec(file)?.[1] ?? []))].sort()
}

/** A number as the kernel writes it: `57805.664062500`, `-12`. Anything else, nothing included, is undefined. */
export function numberIn(text: string): number | undefined {
  return /^-?\d+(\.\d+)?\n?$/.test(text) ? Number(text) : undefined
}

/** `in_temp` where there is one, else the only one with a number: `in_temp0`. */
function sourceOf(kind: string, files: ReadonlySet<string>): Source | undefined {
  const plain = fromChannel(kind, kind, files)
  if (plain !== undefined) return plain
  const numbered = [...files].flatMap((file) => /^(in_[a-z]+\d+)_(?:input|raw)$/.exec(file)?.[1] ?? [])
  const own = [...new Set(numbered)].filter((channel) => channel.replace(/\d+$/, '') === kind)
  const [only, ...others] = own
  return only === undefined || others.length > 0 ? undefined : fromChannel(only, kind, files)
}

/** `_input` is in the ABI's unit already; `_scale` and `_offset` may be shared by all channels of a kind. */
function fromChannel(channel: string, kind: string, files: ReadonlySet<string>): Source | undefined {
  if (files.has(`${channel}_input`)) return { input: `${channel}_input` }
  const attribute = (name: string): string | undefined =>
    [`${channel}_${name}`, `${kind}_${name}`].find((file) => files.has(file))
  const raw = attribute('raw')
  const scale = attribute('scale')
  return raw === undefined || scale === undefined ? undefined : { raw, scale, offset: attribute('offset') }
}
