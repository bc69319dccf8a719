/**
 * The part of the schema that describes local rules: when, then, and what follows. In the file a condition is one
 * section whose keys say what it is about; in the program it is one of three kinds. `rule-conflicts.ts` holds rules to
 * the rest of the file.
 */
import { z } from 'zod'
import { QUANTITY_NAMES } from '../reading.ts'
import {
  clash,
  duration,
  flag,
  formatDuration,
  id,
  level,
  levelOr,
  list,
  needs,
  number,
  pin,
  positiveDuration,
  section,
  topicName,
  whole,
} from './values.ts'

/** A person who presses twice does it within half of this; what comes later is another thing. */
const DEFAULT_WITHIN_MS = 500

const whenShape = {
  metric: z
    .enum(QUANTITY_NAMES, { error: 'must be the name of a metric, such as temperature' })
    .optional()
    .describe('A metric to hold to limits, such as `temperature`.'),
  sensor: id
    .optional()
    .describe('The id of the sensor that measures it, or that is offline. Default: the one without an id.'),
  above: number
    .optional()
    .describe('The condition holds while the value is above. With `below` that is higher: between the two.'),
  below: number.optional().describe('While the value is below. With `above` that is higher: outside of the two.'),
  hysteresis: number
    .min(0, 'must not be negative')
    .optional()
    .describe('It ends only when the value is so much on the other side of the limit. Default: 0.'),
  for: duration.optional().describe('Of a metric: it begins when it has held for this long. Default: at once.'),
  pin: pin.optional().describe('BCM number of an input with `mode: state`, or of an output.'),
  becomes: level.optional().describe('Of a pin: `on` or `off`, debounced.'),
  held: positiveDuration.optional().describe('Of a pin: when the level has stayed for this long.'),
  presses: whole(1, 10)
    .optional()
    .describe('Of an input: that many in a row, no more, none of them as long as another rule’s `held`.'),
  within: duration
    .refine((ms) => ms >= 50 && ms <= 10_000, 'must be from 50ms to 10s')
    .optional()
    .describe(
      `With \`presses\`: the longest time from the end of one to the next; the longest of all rules of a pin counts for it. Default: \`${formatDuration(DEFAULT_WITHIN_MS)}\`.`,
    ),
  offline: duration.optional().describe('When the sensor has been offline for this long; `0s`: at once.'),
}

type Key = keyof typeof whenShape

/** What each kind of condition has, the key that makes it one first. */
const KINDS = {
  metric: ['metric', 'sensor', 'above', 'below', 'hysteresis', 'for'],
  pin: ['pin', 'becomes', 'held', 'presses', 'within'],
  offline: ['offline', 'sensor'],
} as const satisfies Record<string, readonly Key[]>

const KIND_NAMES = Object.keys(KINDS) as (keyof typeof KINDS)[] // the keys of a const object are its keys

/** What people write for another kind's word. */
const MEANT: Readonly<Partial<Record<string, string>>> = {
  'pin for': 'is not for a pin: write held',
  'metric held': 'is for pins: write for',
  'offline for': 'is not needed: offline says how long',
}

const when = section(whenShape)
  .superRefine((value, context) => {
    const [kind, second] = KIND_NAMES.filter((name) => value[name] !== undefined)
    if (kind === undefined) return needs(context, KIND_NAMES, 'needs metric, pin or offline: what it is about')
    if (second !== undefined)
      return clash(context, second, kind, `must not stand beside ${kind}: a condition is about one thing`)
    for (const key of Object.keys(whenShape) as Key[]) {
      if (value[key] === undefined || (KINDS[kind] as readonly Key[]).includes(key)) continue
      clash(context, key, kind, MEANT[`${kind} ${key}`] ?? `must not stand beside ${kind}`)
    }
    if (kind === 'metric') checkLimits(value, context)
    if (kind !== 'pin') return
    if (value.becomes === undefined)
      context.addIssue({ code: 'custom', path: ['becomes'], message: 'must be on or off' })
    if (value.within !== undefined && value.presses === undefined)
      clash(context, 'within', 'presses', 'needs presses beside it')
  })
  .transform(({ metric, sensor, above, below, hysteresis = 0, for: forMs = 0, offline, ...ofPin }) => {
    if (metric !== undefined) return { kind: 'metric' as const, metric, sensor, above, below, hysteresis, for: forMs }
    if (offline !== undefined) return { kind: 'offline' as const, sensor, offline }
    const { pin: number = 0, becomes, held, presses, within = DEFAULT_WITHIN_MS } = ofPin
    return {
      kind: 'pin' as const,
      pin: number,
      level: becomes === 'on' ? (1 as const) : (0 as const),
      held,
      presses,
      within,
    }
  })

interface Limits {
  readonly above?: number | undefined
  readonly below?: number | undefined
  readonly hysteresis?: number | undefined
}

function checkLimits({ above, below, hysteresis = 0 }: Limits, context: z.RefinementCtx): void {
  if (above === undefined && below === undefined) needs(context, ['above', 'below'], 'needs above or below: the limit')
  if (above === undefined || below === undefined) return
  if (above === below) clash(context, 'below', 'above', 'must not be the same as above')
  else if (above > below && 2 * hysteresis >= above - below) {
    const reason = 'must be less than half of what lies between above and below: the condition could not end'
    clash(context, 'hysteresis', 'above', reason)
  }
}

const set = section({
  pin: pin.describe('BCM number of an output.'),
  state: levelOr('toggle').describe('`on`, `off` or `toggle`.'),
  for: positiveDuration.optional().describe('After this it takes the opposite level.'),
})

const publish = section({
  topic: topicName.describe('`{node}` stands for the node’s id. Not a topic of this node’s own.'),
  payload: z
    .union([z.string(), z.number(), z.boolean()], { error: 'must be text' })
    .transform(String)
    .describe('Text. `{value}`, `{rule}` and `{node}` in it are replaced.'),
  qos: whole(0, 2)
    .transform((qos) => (qos === 0 ? 0 : qos === 1 ? 1 : 2))
    .prefault(1)
    .describe('0, 1 or 2.'),
  retain: flag
    .default(false)
    .describe('Whether the broker keeps it. Only what is retained waits for a broker that is away.'),
})

const actionShape = {
  alert: id
    .optional()
    .describe('Name of an alert: retained on `alerts/<node>/<name>` until the condition ends. One rule has it.'),
  set: set.optional().describe('A pin to switch.'),
  publish: publish.optional().describe('A message to publish.'),
}
const NOTHING = 'needs alert, set or publish: what is to be done'

const action = section(actionShape).superRefine((value, context) => {
  if (Object.values(value).every((one) => one === undefined)) needs(context, Object.keys(actionShape), NOTHING)
})
const actions = list(action, 'must be an action, such as { alert: warm }, or a list of them')
  .min(1, 'must have at least one action')
  .meta({ orAlone: true }) // in the file: rule-lists.ts

const escalate = section({
  after: positiveDuration.describe('Time of being active after which more is done.'),
  alert: actionShape.alert.describe('One more alert.'),
  set: actionShape.set.meta({ like: 'rules[].then[].set' }),
  publish: actionShape.publish.meta({ like: 'rules[].then[].publish' }),
  then: actions
    .optional()
    .describe('The actions, where there are several; else one stands in `escalate` itself.')
    .meta({ like: 'rules[].then' }),
})
  .superRefine(({ after: _, ...value }, context) => {
    if (Object.values(value).every((one) => one === undefined))
      needs(context, [...Object.keys(actionShape), 'then'], NOTHING)
  })
  .transform(({ after, then = [], ...own }) => ({
    after,
    then: [...(Object.values(own).some((one) => one !== undefined) ? [own] : []), ...then],
  }))

/** One entry of `rules`. */
export const rule = section({
  id: id.optional().describe('For the log, `health` and payloads. Default: `rule-1` and so on, by its place.'),
  when: when.describe('The condition: of a metric, of a pin, or that a sensor is offline.'),
  then: actions.describe('What is done when it begins: one action, or a list of them.'),
  otherwise: actions
    .optional()
    .describe(
      'What is done when it ends; a `set` also at the start, when a metric turns out not to be beyond its limit.',
    )
    .meta({ like: 'rules[].then' }),
  repeat: positiveDuration
    .optional()
    .describe('While active, the event of its alerts is sent again after each such time.'),
  escalate: escalate.optional().describe('What more is done when it has been active for a while.'),
  priority: whole(-1000, 1000)
    .optional()
    .describe('Of rules that set one pin, the active one with the highest decides. Needed where there are two.'),
}).superRefine((value, context) => {
  const { when: condition, then, otherwise, escalate: later } = value
  if (otherwise?.some(({ alert }) => alert !== undefined)) {
    clash(context, 'otherwise', 'then', 'must have no alert: those of then end by themselves')
  }
  const moment = condition.kind === 'pin' && condition.presses !== undefined && condition.held === undefined
  const lasting = (['otherwise', 'repeat', 'escalate'] as const).filter((key) => moment && value[key] !== undefined)
  for (const key of lasting) clash(context, key, 'when', 'is for a condition that lasts, and presses are over at once')
  if (lasting.length > 0) return
  const alerts = [...then, ...(later?.then ?? [])].filter(({ alert }) => alert !== undefined)
  if (value.repeat !== undefined && alerts.length === 0)
    clash(context, 'repeat', 'then', 'needs an alert in then: its event is what is repeated')
})

export type RuleConfig = z.output<typeof rule> & { readonly id: string }
export type When = RuleConfig['when']
export type MetricWhen = Extract<When, { kind: 'metric' }>
export type PinWhen = Extract<When, { kind: 'pin' }>
export type OfflineWhen = Extract<When, { kind: 'offline' }>
export type RuleAction = RuleConfig['then'][number]
export type SetAction = z.output<typeof set>
