/**
 * What can be measured. The unit is fixed by the quantity, so that a number never needs one beside it; a value
 * that is absent is absent, never 0. Topics, discovery, rounding and range checks all follow from this table.
 */

export interface QuantityInfo {
  /** As people and Home Assistant write it; empty for a bare number. */
  readonly unit: string
  /** What it is, for the documents. */
  readonly meaning: string
  /** What people call it, where that is not the quantity's own name with blanks. */
  readonly label?: string
  /** Only ever 0 or 1, and 1 is bad. */
  readonly alarm?: true
  /** Beyond these no sensor of any kind can be right. */
  readonly min: number
  readonly max: number
  /** Decimals that are worth publishing where the sensor does not say. */
  readonly digits: number
  /** Home Assistant's device class, where it has one. */
  readonly deviceClass?: string
  readonly stateClass: 'measurement' | 'total_increasing'
}

const measurement = { stateClass: 'measurement' } as const
const total = { stateClass: 'total_increasing' } as const

export const QUANTITIES = {
  temperature: {
    unit: '°C',
    meaning: 'temperature',
    min: -273.15,
    max: 1000,
    digits: 2,
    deviceClass: 'temperature',
    ...measurement,
  },
  humidity: {
    unit: '%',
    meaning: 'relative humidity',
    min: 0,
    max: 100,
    digits: 1,
    deviceClass: 'humidity',
    ...measurement,
  },
  pressure: {
    unit: 'hPa',
    meaning: 'absolute pressure',
    min: 0,
    max: 2000,
    digits: 2,
    deviceClass: 'atmospheric_pressure',
    ...measurement,
  },
  illuminance: {
    unit: 'lx',
    meaning: 'illuminance',
    min: 0,
    max: 200_000,
    digits: 1,
    deviceClass: 'illuminance',
    ...measurement,
  },
  voltage: { unit: 'V', meaning: 'voltage', min: -1000, max: 1000, digits: 3, deviceClass: 'voltage', ...measurement },
  current: { unit: 'A', meaning: 'current', min: -1000, max: 1000, digits: 3, deviceClass: 'current', ...measurement },
  power: { unit: 'W', meaning: 'power', min: -1e6, max: 1e6, digits: 2, deviceClass: 'power', ...measurement },
  energy: { unit: 'Wh', meaning: 'energy, counted', min: 0, max: 1e12, digits: 1, deviceClass: 'energy', ...total },
  co2: {
    unit: 'ppm',
    label: 'CO₂',
    meaning: 'carbon dioxide',
    min: 0,
    max: 100_000,
    digits: 0,
    deviceClass: 'carbon_dioxide',
    ...measurement,
  },
  distance: { unit: 'm', meaning: 'distance', min: 0, max: 1e6, digits: 3, deviceClass: 'distance', ...measurement },
  count: { unit: '', meaning: 'events, counted', min: 0, max: Number.MAX_SAFE_INTEGER, digits: 0, ...total },
  rate: {
    unit: 'Hz',
    meaning: 'events per second',
    min: 0,
    max: 1e9,
    digits: 3,
    deviceClass: 'frequency',
    ...measurement,
  },
  cpu_temperature: {
    unit: '°C',
    label: 'CPU temperature',
    meaning: "the processor's temperature",
    min: -40,
    max: 150,
    digits: 1,
    deviceClass: 'temperature',
    ...measurement,
  },
  load_1m: {
    unit: '',
    label: 'load, 1 min',
    meaning: 'runnable tasks, mean of 1 minute',
    min: 0,
    max: 100_000,
    digits: 2,
    ...measurement,
  },
  load_5m: {
    unit: '',
    label: 'load, 5 min',
    meaning: 'runnable tasks, mean of 5 minutes',
    min: 0,
    max: 100_000,
    digits: 2,
    ...measurement,
  },
  load_15m: {
    unit: '',
    label: 'load, 15 min',
    meaning: 'runnable tasks, mean of 15 minutes',
    min: 0,
    max: 100_000,
    digits: 2,
    ...measurement,
  },
  memory_used: {
    unit: '%',
    meaning: 'memory that is not available to a new program',
    min: 0,
    max: 100,
    digits: 1,
    ...measurement,
  },
  disk_used: {
    unit: '%',
    meaning: 'the root file system, as df tells it',
    min: 0,
    max: 100,
    digits: 1,
    ...measurement,
  },
  uptime: {
    unit: 's',
    meaning: 'seconds since the kernel started',
    min: 0,
    max: 1e10,
    digits: 0,
    deviceClass: 'duration',
    ...measurement,
  },
  wifi_signal: {
    unit: 'dBm',
    label: 'Wi-Fi signal',
    meaning: "the Wi-Fi's received signal",
    min: -120,
    max: 0,
    digits: 0,
    deviceClass: 'signal_strength',
    ...measurement,
  },
  under_voltage: {
    unit: '',
    label: 'under-voltage',
    alarm: true,
    meaning: '1 while the supply is too low (Pi)',
    min: 0,
    max: 1,
    digits: 0,
    ...measurement,
  },
  throttled: {
    unit: '',
    alarm: true,
    meaning: '1 while the firmware slows the processor down (Pi)',
    min: 0,
    max: 1,
    digits: 0,
    ...measurement,
  },
} as const satisfies Record<string, QuantityInfo>

export type Quantity = keyof typeof QUANTITIES

export const QUANTITY_NAMES = Object.keys(QUANTITIES) as Quantity[] // the keys of a const object are its keys

export function isQuantity(name: string): name is Quantity {
  return Object.hasOwn(QUANTITIES, name)
}

/** What one read of a sensor gave, raw: before any filter. */
export type Sample = Readonly<Partial<Record<Quantity, number>>>

/** What a sensor type can tell of a quantity, in the quantity's unit. */
export interface Span {
  /** The datasheet's range: what lies outside is a fault, not a measurement. */
  readonly min: number
  readonly max: number
  /** Decimals that the sensor resolves. */
  readonly digits: number
  /** Where a room or a house usually is: what the simulator draws. */
  readonly typical: readonly [low: number, high: number]
}

/** One read after the filters. */
export interface Reading {
  /** When the sample was there, ms since 1970. */
  readonly at: number
  /** Every value that is valid: what the record carries. Empty when there is none. */
  readonly values: Sample
  /** The quantities whose own topic is due (`change` gates only these). */
  readonly due: readonly Quantity[]
  /** What was thrown away, and why. */
  readonly rejected: readonly Rejection[]
}

export interface Rejection {
  readonly quantity: Quantity
  readonly value: number
  readonly reason: 'out-of-range' | 'not-a-number'
}
