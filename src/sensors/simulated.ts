/**
 * A sensor without hardware: draws signals, and fails, hangs and tells nonsense on demand, so that a whole
 * installation can be tried on a desk. Also the stand-in that `--simulate` puts in the place of hardware.
 */
import { z } from 'zod'
import { positiveDuration } from '../duration-schema.ts'
import { SensorError } from '../errors.ts'
import { QUANTITIES, QUANTITY_NAMES, type Quantity, type Sample, type Span } from '../reading.ts'
import { type SensorType, sensorType } from './sensor.ts'
import { SHAPES, type Signal, valueAt } from './shapes.ts'

/** Where each quantity usually is, in its unit: the default `min` and `max`. */
const TYPICAL: Readonly<Record<Quantity, Span['typical']>> = {
  temperature: [19, 24],
  humidity: [35, 60],
  pressure: [990, 1030],
  illuminance: [50, 800],
  voltage: [4.9, 5.2],
  current: [0.2, 1.2],
  power: [1, 6],
  energy: [0, 1000],
  co2: [420, 1200],
  distance: [0.5, 2],
  count: [0, 100],
  rate: [0, 10],
  cpu_temperature: [40, 65],
  load_1m: [0, 2],
  load_5m: [0, 1.5],
  load_15m: [0, 1],
  memory_used: [20, 60],
  disk_used: [20, 60],
  uptime: [0, 86_400],
  wifi_signal: [-75, -45],
  under_voltage: [0, 1],
  throttled: [0, 1],
}

const every = () => z.int({ error: 'must be a whole number' }).min(1, 'must be at least 1').optional()
const number = () => z.number({ error: 'must be a number' }).optional()

const metric = () =>
  z
    .object({
      shape: z
        .enum(SHAPES, { error: `must be ${SHAPES.slice(0, -1).join(', ')} or ${SHAPES.at(-1)}` })
        .default('sine')
        .describe(
          '`constant`; `ramp` from min to max, then again; `sine` between min and max; `step`, half a period at min, half at max; `random` between min and max, the same sequence at each start; `counter`, 0, 1, 2 … one more for each good read, without min, max and range.',
        ),
      min: number().describe('Lowest value of the signal. Default: what is usual for the quantity.'),
      max: number().describe('Highest value of the signal. Default: what is usual for the quantity.'),
      period: positiveDuration().prefault('1m').describe('Of `ramp`, `sine` and `step`, from the first opening on.'),
      value: number().describe('Of `constant`. Default: the middle of min and max.'),
    })
    .superRefine(({ shape, value }, context) => {
      // What would have no effect is not what its writer meant.
      if (value === undefined || shape === 'constant') return
      context.addIssue({ code: 'custom', path: ['value'], message: 'needs shape: constant beside it' })
    })

type Metric = z.output<ReturnType<typeof metric>>

export const simulated = sensorType({
  summary: 'Signals and faults on demand; what it measures is listed below `metrics`',
  options: () =>
    z.object({
      fail_every: every().describe('Every Nth read fails; this goes before the two below.'),
      hang_every: every().describe('Every Nth read never answers, and runs into its deadline.'),
      spike_every: every().describe('Every Nth read gives values that no sensor can give; a `counter` counts on.'),
    }),
  measures: measuresEverything(),
  minIntervalMs: 10,
  defaultIntervalMs: 1000,
  hardware: false,
  metric,
  ownLimits: true,
  unbounded: ({ shape }) => shape === 'counter',
  async open(options, { clock, name }) {
    const signals = signalsOf(options.metrics)
    const memory = memoryOf(options, clock.monotonic())
    return {
      quantities: signals.map(([quantity]) => quantity),
      async read(signal) {
        signal.throwIfAborted()
        memory.reads += 1
        if (isDue(options.fail_every, memory.reads)) {
          const demand = `fail_every: ${options.fail_every}`
          throw new SensorError('simulated', `read ${memory.reads} failed on demand, because of ${demand}`)
        }
        if (isDue(options.hang_every, memory.reads)) await aborted(signal)
        const elapsedMs = clock.monotonic() - memory.startedAt
        const { answered } = memory
        const spikes = isDue(options.spike_every, memory.reads)
        memory.answered += 1
        return sampleOf(signals, (quantity, shape) =>
          spikes && shape.shape !== 'counter'
            ? spike(quantity)
            : valueAt(shape, { elapsedMs, answered, seed: `${name}/${quantity}` }),
        )
      },
      async close() {},
    }
  },
})

/** Longest and shortest way through a stand-in's waves: slow enough to look like weather, no two alike. */
const STAND_IN_PERIOD_MS = 600_000
const STAND_IN_PERIOD_STEP_MS = 180_000

/**
 * The same type, with gentle sine waves in the place of its hardware: all that it measures, inside what is typical,
 * each quantity with a period of its own from 10 minutes on. Waves go on where they were after a reopen.
 */
export function standIn(type: SensorType): SensorType {
  const signals = Object.entries(type.measures).map(([name, { typical }], index): [Quantity, Signal] => {
    const [min, max] = typical
    const periodMs = STAND_IN_PERIOD_MS + index * STAND_IN_PERIOD_STEP_MS
    return [name as Quantity, { shape: 'sine', min, max, periodMs }] // `measures` has no other keys
  })
  return {
    ...type,
    async open(options, { clock, name }) {
      const memory = memoryOf(options, clock.monotonic())
      return {
        quantities: signals.map(([quantity]) => quantity),
        async read(signal) {
          signal.throwIfAborted()
          const moment = { elapsedMs: clock.monotonic() - memory.startedAt, answered: memory.answered, seed: name }
          memory.answered += 1
          return sampleOf(signals, (_, wave) => valueAt(wave, moment))
        },
        async close() {},
      }
    },
  }
}

/** What belongs to a configured sensor, not to one opening of it. */
interface Memory {
  /** Monotonic, ms: when it was first opened. */
  readonly startedAt: number
  /** Reads begun, good or not. */
  reads: number
  /** Good reads. */
  answered: number
}

/** Keyed by the options, which are the same object at every reopen. */
const memories = new WeakMap<object, Memory>()

function memoryOf(options: object, monotonic: number): Memory {
  const memory = memories.get(options) ?? { startedAt: monotonic, reads: 0, answered: 0 }
  memories.set(options, memory)
  return memory
}

function measuresEverything(): Readonly<Record<Quantity, Span>> {
  const spans = QUANTITY_NAMES.map((quantity) => {
    const { min, max, digits } = QUANTITIES[quantity]
    return [quantity, { min, max, digits, typical: TYPICAL[quantity] }]
  })
  return Object.fromEntries(spans) as Record<Quantity, Span> // made from all the names
}

function signalsOf(metrics: Readonly<Partial<Record<Quantity, Metric>>>): readonly [Quantity, Signal][] {
  const listed = QUANTITY_NAMES.flatMap((quantity): [Quantity, Signal][] => {
    const own = metrics[quantity]
    return own === undefined ? [] : [[quantity, signalOf(quantity, own)]]
  })
  if (listed.length > 0) return listed
  const usual = metric().parse({})
  return (['temperature', 'humidity'] as const).map((quantity) => [quantity, signalOf(quantity, usual)])
}

/** Where only one end is given and lies beyond the usual other one, the usual width is kept. */
function signalOf(quantity: Quantity, { shape, min, max, period, value }: Metric): Signal {
  const [low, high] = TYPICAL[quantity]
  const bottom = min ?? (max === undefined || max > low ? low : max - (high - low))
  const top = max ?? (bottom < high ? high : bottom + (high - low))
  return { shape, min: bottom, max: top, periodMs: period, value }
}

function sampleOf(
  signals: readonly [Quantity, Signal][],
  value: (quantity: Quantity, signal: Signal) => number,
): Sample {
  const sample: Partial<Record<Quantity, number>> = {}
  for (const [quantity, signal] of signals) sample[quantity] = value(quantity, signal)
  return sample
}

/** Beyond the top of the quantity's range by the width of that range: outside even for the largest doubles in it. */
function spike(quantity: Quantity): number {
  const { min, max } = QUANTITIES[quantity]
  return max + (max - min)
}

function isDue(n: number | undefined, read: number): boolean {
  return n !== undefined && read % n === 0
}

/** Never resolves. Rejects with the signal's reason. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
