/**
 * A configuration for what was found, to be copied: every sensor that can be told, with the doubts as comments, and
 * outputs as comments only, as nobody can see what is wired to a pin. It always loads. Called by `scan.ts`.
 */
import { sensorSchema } from '../config/sensor-schema.ts'
import type { SensorTypeName } from '../sensors/index.ts'
import type { IioFinding, W1Findings } from './devices.ts'
import type { GpioChip } from './gpio.ts'
import { type I2cBus, SILENT_TO_READS } from './i2c.ts'

export interface SnippetOf {
  readonly chips: readonly GpioChip[]
  readonly buses: readonly I2cBus[]
  readonly iio: readonly IioFinding[]
  readonly w1: W1Findings
  /** Pins that are somebody's already: overlays', buses'. */
  readonly taken: readonly number[]
}

type Value = string | number
type Options = Readonly<Record<string, Value>>

/** What the schema wants beyond the place, where it has no default. */
const NEEDED: Readonly<Partial<Record<SensorTypeName, Options>>> = { ads1115: { channel: 0 } }

/** Pins without another use on the header, the usual one for an LED first. */
const FREE_PINS = [17, 27, 22, 5, 6, 13, 26]

export function snippet({ chips, buses, iio, w1, taken }: SnippetOf): string {
  const ids = new Set<string>()
  const id = (...candidates: readonly string[]): string => {
    const free = candidates.find((one) => !ids.has(one)) ?? `${candidates.at(-1)}-${ids.size}`
    ids.add(free)
    return free
  }
  const lines = [
    ...buses.flatMap((bus) => fromBus(bus, id)),
    ...iio.flatMap((device) => fromIio(device, iio, id)),
    ...fromW1(w1, id),
    `  - ${flow({ id: id('board'), type: 'system' })}  # this machine itself`,
  ]
  return [...['sensors:', ...lines], ...fromGpio(chips, taken)].join('\n')
}

function fromBus({ bus, probed, addresses }: I2cBus, id: (...candidates: string[]) => string): string[] {
  const found = addresses.filter(({ state, types }) => state === 'answers' && types.length > 0)
  const lines = found.flatMap(({ address, types, others }) => {
    const [type, ...alternatives] = types
    if (type === undefined) return []
    const at = hex(address)
    const entry = { id: id(type, `${type}-${at.slice(2)}`, `${type}-${bus}-${at.slice(2)}`), type, bus, address: at }
    const maybe = [...alternatives.map((one) => `type: ${one}`), ...others].join(', ')
    const doubt = maybe === '' ? '' : `  # or ${maybe}`
    const text = flow({ ...entry, ...NEEDED[type] })
    // A type that wants more than is known here: for a person to fill in.
    return accepted(type, { ...entry, address, ...NEEDED[type] }) ? `  - ${text}${doubt}` : `  # - ${text}${doubt}`
  })
  if (!probed) return lines
  const silent = SILENT_TO_READS.filter(
    (address) => address >= 0x44 && !addresses.some((one) => one.address === address),
  )
  if (silent.length === 0) return lines
  const [at = 0x44] = silent
  const example = flow({ id: 'sht3x', type: 'sht3x', bus, address: hex(at) })
  return [...lines, `  # - ${example}  # an SHT3x or SHT4x keeps silent until it is told to measure`]
}

function fromIio(device: IioFinding, all: readonly IioFinding[], id: (...candidates: string[]) => string): string[] {
  const { name, bus, address, pin, quantities } = device
  if (quantities.length === 0) return []
  const twins = all.filter((other) => other.name === name).length > 1
  const apart = twins && bus !== undefined && address !== undefined
  const own: Options = { id: id(idOf(name), idOf(`${name}-${address?.toString(16) ?? pin ?? ''}`)), type: 'iio', name }
  const checked: Options = apart ? { ...own, bus, address } : own
  const shown: Options = apart ? { ...own, bus, address: hex(address) } : own
  // Two of one name that nothing tells apart can't be asked for.
  const usable = accepted('iio', checked) && apart === twins
  return [`  ${usable ? '' : '# '}- ${flow(shown)}  # ${quantities.join(', ')}`]
}

function fromW1({ devices }: W1Findings, id: (...candidates: string[]) => string): string[] {
  return devices
    .filter(({ thermometer }) => thermometer)
    .map(
      ({ id: device }) => `  - ${flow({ id: id('ds18b20', `ds18b20-${device.slice(-6)}`), type: 'ds18b20', device })}`,
    )
}

function fromGpio(chips: readonly GpioChip[], taken: readonly number[]): string[] {
  const header = chips.find((chip) => chip.header)
  if (header === undefined) return []
  const busy = [...taken, ...header.held.map(({ line }) => line)]
  const [output, input] = FREE_PINS.filter((pin) => !busy.includes(pin))
  if (output === undefined || input === undefined) return []
  return [
    "# What is wired to the pins can't be seen; for example:",
    '# gpio:',
    `#   outputs: [${flow({ pin: output, name: 'LED' })}]`,
    `#   inputs: [${flow({ pin: input, name: 'Door' })}]`,
  ]
}

function accepted(type: SensorTypeName, entry: Options): boolean {
  return sensorSchema(type).safeParse(entry).success
}

/** One line of YAML; what is no plain word is quoted. */
function flow(options: Options): string {
  const text = (value: Value): string =>
    typeof value === 'number' || /^[\w.-]+$/.test(value) ? String(value) : JSON.stringify(value)
  return `{ ${Object.entries(options)
    .map(([key, value]) => `${key}: ${text(value)}`)
    .join(', ')} }`
}

function hex(address: number): string {
  return `0x${address.toString(16).padStart(2, '0')}`
}

/** As an id may be written. */
function idOf(name: string): string {
  return name.replaceAll(/[^\w-]+/g, '-').replaceAll(/^-+|-+$/g, '') || 'iio'
}
