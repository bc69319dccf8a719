/**
 * The input pins of the configuration: those whose level is published, and those whose pulses are counted. One section
 * with a `mode`; what only the one mode has is refused in the other.
 */
import { z } from 'zod'
import { EDGES } from '../gpio/edge.ts'
import { PULLS } from '../gpio/pull.ts'
import { STATE_CLASSES, TOTAL_CLASSES } from './device-classes.ts'
import { alternatives } from './suggest.ts'
import { activeLow, clash, duration, label, number, pin, section, text, whole } from './values.ts'

const unit = text.max(16, 'must have at most 16 characters')

const rate = section({
  per: z
    .enum(['second', 'minute', 'hour'], { error: 'must be second, minute or hour' })
    .default('second')
    .describe('`second`, `minute` or `hour`.'),
  scale: number
    .positive('must be more than 0')
    .default(1)
    .describe('Multiplies the rate alone: 1000 for W where the total is in kWh.'),
  unit: unit.optional().describe('A label for people. Default: made of `unit` and `per`, such as mm/h.'),
  idle: duration
    .refine((ms) => ms >= 1000, 'must be at least 1s')
    .prefault('5m')
    .describe('No pulse for this long is a rate of 0.'),
})

/** Without a mode and its defaults. */
const shape = {
  pin: pin.describe('BCM number, 0 to 27.'),
  name: label,
  active_low: activeLow,
  mode: z
    .enum(['state', 'counter'], { error: 'must be state or counter' })
    .default('state')
    .describe('`state` publishes the level, `counter` counts pulses; that by the character device only.'),
  debounce: duration
    .refine((ms) => ms <= 60_000, 'must be at most 60s')
    .optional()
    .describe('A level counts when it has been stable for this long. Default: `20ms`; of a counter `0ms`.'),
  pull: z
    .enum(PULLS, { error: 'must be up, down or none' })
    .optional()
    .describe(
      'Resistor inside the chip: `up`, `down` or `none`; default: as it is. By the character device only; with onoff, the firmware sets it: `gpio=27=ip,pu` in `config.txt`.',
    ),
}

/** Which of them, and which units, depends on the mode. */
const deviceClass = z
  .enum([...new Set([...STATE_CLASSES, ...Object.keys(TOTAL_CLASSES)])], {
    error:
      'must be a device class of Home Assistant, such as door, window or motion; of a counter energy, gas or water',
  })
  .optional()
  .describe(
    `What Home Assistant takes it for: \`door\`, \`window\`, \`motion\` or another of its [device classes](https://www.home-assistant.io/integrations/binary_sensor/#device-class). Of a counter ${alternatives(Object.keys(TOTAL_CLASSES).map((name) => `\`${name}\``))}; default: \`energy\` where \`unit\` is \`kWh\` or the like.`,
  )

const counting = {
  edge: z
    .enum(EDGES, { error: 'must be rising or falling' })
    .optional()
    .describe('Of a counter: which end of a pulse counts. `rising`, the default, is where the input becomes on.'),
  interval: duration
    .refine((ms) => ms >= 1000, 'must be at least 1s')
    .optional()
    .describe('Of a counter: time from one publishing to the next. Default: `10s`.'),
  per_pulse: number
    .min(1e-9, 'must be at least 0.000000001')
    .max(1e9, 'must be at most 1000000000')
    .optional()
    .describe('Of a counter: what one pulse adds to the total, such as 0.2794 (mm of rain). Default: 1.'),
  pulses_per_unit: whole(1, 1e9)
    .optional()
    .describe('Of a counter: the same the other way round, such as 1000 (pulses per kWh).'),
  unit: unit.optional().describe('Of a counter: unit of the total, a label for people.'),
  offset: number
    .optional()
    .describe('Of a counter: added to the total, in its unit: what the meter showed when the counting began.'),
  rate: rate.optional().describe('Of a counter: how its rate is told.'),
}

/** One entry of `gpio.inputs`. */
export const input = section({ ...shape, device_class: deviceClass, ...counting })
  .superRefine((value, context) => {
    const { mode, device_class: wanted, unit } = value
    const names: readonly string[] = mode === 'state' ? STATE_CLASSES : Object.keys(TOTAL_CLASSES)
    const units = mode === 'state' || wanted === undefined ? undefined : TOTAL_CLASSES[wanted]
    if (wanted !== undefined && !names.includes(wanted)) {
      clash(context, 'device_class', 'mode', `must be ${alternatives(names)} with mode: ${mode}`)
    } else if (units !== undefined && !units.includes(unit ?? '')) {
      clash(context, 'device_class', 'unit', `needs unit: ${alternatives(units)} beside it`)
    }
  })
  .superRefine((value, context) => {
    if (value.mode === 'state') {
      for (const key of Object.keys(counting) as (keyof typeof counting)[]) {
        if (value[key] !== undefined) clash(context, key, 'mode', 'needs mode: counter beside it')
      }
    } else if (value.per_pulse !== undefined && value.pulses_per_unit !== undefined) {
      clash(context, 'pulses_per_unit', 'per_pulse', 'must not stand beside per_pulse: remove one of them')
    }
  })
  .transform(({ mode, edge, interval, per_pulse, pulses_per_unit, unit, offset, rate: given, ...common }) => {
    if (mode === 'state') return { ...common, mode, debounce: common.debounce ?? 20 }
    return {
      ...common,
      mode,
      // A reed contact wants some ms, but a meter at 1 kHz would lose all: what is lost in silence is worse.
      debounce: common.debounce ?? 0,
      edge: edge ?? 'rising',
      interval: interval ?? 10_000,
      per_pulse: per_pulse ?? 1,
      pulses_per_unit,
      unit,
      offset: offset ?? 0,
      rate: given ?? rate.parse({}),
    }
  })

export type InputConfig = z.output<typeof input>
export type StateInputConfig = Extract<InputConfig, { mode: 'state' }>
export type CounterConfig = Extract<InputConfig, { mode: 'counter' }>
