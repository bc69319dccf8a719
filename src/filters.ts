/**
 * Turns a raw sample into what is published: range, median, scale and offset, rounding, and the decision whether
 * a metric's own topic is due. Pure but for the memory that median and `change` need; the scheduler's samples
 * come in, readings go out.
 */
import { QUANTITIES, type Quantity, type Reading, type Rejection, type Sample } from './reading.ts'

/** Everything that is left out does nothing, except `digits`, which every value has. */
export interface FilterOptions {
  /** Raw values outside are rejected. */
  readonly min?: number | undefined
  readonly max?: number | undefined
  /** Window length; 1 is no median. */
  readonly median?: number | undefined
  readonly scale?: number | undefined
  readonly offset?: number | undefined
  readonly digits: number
  /** Due only when the value moved by at least this since it was last due. */
  readonly change?: number | undefined
  /** With `change`: due at least this often, ms. */
  readonly heartbeat?: number | undefined
}

export interface Filters {
  /**
   * @param sample raw values
   * @param at wall clock of the sample, ms since 1970
   * @param monotonic the same moment on the monotonic clock, ms
   */
  apply(sample: Sample, at: number, monotonic: number): Reading
}

/** A read that is off by less than this part of the interval counts as on time: 29.9 s are three times 10 s. */
const ON_TIME = 0.1

/**
 * Makes the filters of one sensor.
 *
 * @param options per quantity; a quantity that is missing gets its own rounding and no other step
 * @param intervalMs time between reads: a heartbeat that the next read would miss is sent with this one
 */
export function createFilters(
  options: Readonly<Partial<Record<Quantity, FilterOptions>>>,
  intervalMs: number,
): Filters {
  const windows = new Map<Quantity, number[]>()
  const sent = new Map<Quantity, { readonly value: number; readonly monotonic: number }>()

  return {
    apply(sample, at, monotonic) {
      const values: Partial<Record<Quantity, number>> = {}
      const due: Quantity[] = []
      const rejected: Rejection[] = []
      for (const name in sample) {
        const quantity = name as Quantity // a Sample has no other keys
        const raw = sample[quantity]
        if (raw === undefined) continue
        const filter = options[quantity] ?? { digits: QUANTITIES[quantity].digits }
        const reason = reject(raw, filter)
        if (reason !== undefined) {
          rejected.push({ quantity, value: raw, reason })
          continue
        }
        const value = shape(median(raw, filter.median ?? 1, windows, quantity), filter)
        if (!Number.isFinite(value)) {
          rejected.push({ quantity, value: raw, reason: 'not-a-number' })
          continue
        }
        values[quantity] = value
        if (isDue(value, filter, sent.get(quantity), monotonic, intervalMs)) {
          sent.set(quantity, { value, monotonic })
          due.push(quantity)
        }
      }
      return { at, values, due, rejected }
    },
  }
}

function reject(raw: number, { min, max }: FilterOptions): Rejection['reason'] | undefined {
  if (!Number.isFinite(raw)) return 'not-a-number'
  if ((min !== undefined && raw < min) || (max !== undefined && raw > max)) return 'out-of-range'
  return undefined
}

function median(raw: number, size: number, windows: Map<Quantity, number[]>, quantity: Quantity): number {
  if (size === 1) return raw
  const window = [...(windows.get(quantity) ?? []), raw].slice(-size)
  windows.set(quantity, window)
  const sorted = window.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? raw
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? raw
  return (lower + upper) / 2
}

function shape(value: number, { scale = 1, offset = 0, digits }: FilterOptions): number {
  const shaped = value * scale + offset
  // toFixed turns to exponents from 1e21, which Number reads back all the same; `+ 0` makes -0 a 0
  return Number(shaped.toFixed(digits)) + 0
}

function isDue(
  value: number,
  { change, heartbeat }: FilterOptions,
  last: { readonly value: number; readonly monotonic: number } | undefined,
  monotonic: number,
  intervalMs: number,
): boolean {
  if (change === undefined || last === undefined) return true
  const moved = Math.abs(value - last.value)
  // A float's own noise must not decide whether 21.4 -> 21.5 is a change by 0.1.
  const noise = 2 * Number.EPSILON * Math.max(Math.abs(value), Math.abs(last.value))
  if (moved > 0 && moved >= change - noise) return true
  if (heartbeat === undefined) return false
  const intervals = (monotonic - last.monotonic) / intervalMs
  const whole = Math.round(intervals)
  const passed = Math.abs(intervals - whole) < ON_TIME ? whole : intervals
  return (passed + 1) * intervalMs > heartbeat
}
