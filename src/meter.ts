/** From pulses to what they stand for: millimetres of rain, kilowatt-hours, litres. Pure; made of a counter's configuration. */
import type { CounterConfig } from './config/schema.ts'

export interface Meter {
  /** Of the total; undefined: pulses, or nobody said. */
  readonly unit: string | undefined
  readonly rateUnit: string | undefined
  /** Decimals in which one pulse shows. */
  readonly digits: number
  total(pulses: number): number
  /** `hz`: pulses per second. */
  rate(hz: number): number
}

const SECONDS = { second: 1, minute: 60, hour: 3600 } as const
const SHORT = { second: 's', minute: 'min', hour: 'h' } as const

/** Digits of one pulse that a total shows. */
const PULSE_DIGITS = 4
/** The logarithm of 0.001 may be a trifle off. */
const TINY = 1e-9
/** Of a rate: the kernel's times are good for more, the things that pulse are not. */
const RATE_DIGITS = 5

export function createMeter({ per_pulse, pulses_per_unit, offset, unit, rate }: CounterConfig): Meter {
  const of = (pulses: number): number => (pulses_per_unit === undefined ? pulses * per_pulse : pulses / pulses_per_unit)
  const decimals = Math.max(0, PULSE_DIGITS - 1 - Math.floor(Math.log10(of(1))))
  const derived = unit === undefined ? undefined : `${unit}/${SHORT[rate.per]}`
  return {
    unit,
    rateUnit: rate.unit ?? (rate.scale === 1 ? derived : undefined),
    digits: Math.max(0, Math.ceil(-Math.log10(of(1)) - TINY)),
    total: (pulses) => Number((offset + of(pulses)).toFixed(decimals)),
    rate: (hz) => Number((of(hz) * SECONDS[rate.per] * rate.scale).toPrecision(RATE_DIGITS)),
  }
}
