/**
 * The rules of the node: told every reading, status and level, each finds the rules that it concerns by sensor or pin,
 * so that a thousand rules cost what the few cost that are concerned. Needs no broker, and no wall clock but for what is
 * told. Called by the agent, by plain function calls; whatever a rule does wrong is that rule's fault alone. Longer than
 * most files here: what is known of sensors and pins, and who is told of it, is one list seen from its two ends.
 */
import type { RuleConfig } from '../config/rule-schema.ts'
import type { Level } from '../gpio/gpio.ts'
import type { Quantity, Sample } from '../reading.ts'
import { Alerts, type AlertsOptions } from './alerts.ts'
import type { Condition } from './condition.ts'
import { createLevelCondition } from './level-condition.ts'
import { createMetricCondition, type MetricCondition } from './metric-condition.ts'
import { createOfflineCondition } from './offline-condition.ts'
import { PinClaims } from './pin-claims.ts'
import { createPinRules, isFound, type PinRule, type PinRules, pressesOf } from './pin-rules.ts'
import type { Pattern } from './presses.ts'
import { alertsOf, createRule, type Rule, type RuleHealth, type RuleParts } from './rule.ts'

export interface RulesOptions extends AlertsOptions, Pick<RuleParts, 'connected' | 'set' | 'onChange'> {
  readonly rules: readonly RuleConfig[]
  /** Of an input, ms; undefined for any other pin. */
  readonly debounceMs: (pin: number) => number | undefined
}

export type Rules = ReturnType<typeof createRules>

/** A rule, and all that is made for it. */
interface Entry {
  config: RuleConfig
  /** Two rules with the same key are the same rule. */
  readonly key: string
  readonly rule: Rule
  readonly metric?: { readonly of: Quantity; readonly condition: MetricCondition }
  /** A condition that wants to know of the sensor's status. */
  readonly status?: { online(online: boolean): void }
  readonly pin?: PinRule
  readonly close: () => void
}

interface OfSensor {
  readonly metrics: Map<Quantity, Entry[]>
  readonly statuses: Entry[]
}

interface KnownPin {
  level: Level | undefined
  lost: boolean
  /** Until then a change is what happened while the line was lost; monotonic, ms. */
  staleUntil: number
}

/** A line that is back is read at once, and its level settles; on a busy Pi that takes a while. */
const BACK_SLACK_MS = 1000

export function createRules(options: RulesOptions) {
  const { clock, debounceMs } = options
  const alerts = new Alerts(options)
  const parts: RuleParts = { ...options, alerts, claims: new PinClaims() }
  const values = new Map<string | undefined, Sample>()
  const statuses = new Map<string | undefined, boolean>()
  const pins = new Map<number, KnownPin>()
  let entries: Entry[] = []
  let bySensor = new Map<string | undefined, OfSensor>()
  let byPin = new Map<number, PinRules[]>()
  let closed = false

  /** One rule after the other; each alone answers for what it throws. */
  const each = (list: readonly Entry[] | undefined, work: (entry: Entry) => void): void => {
    for (const entry of list ?? []) {
      try {
        work(entry)
      } catch (error) {
        options.log.error({ rule: entry.config.id, err: error }, 'rule failed')
        entry.rule.failed(error)
      }
    }
  }
  const index = (): void => {
    bySensor = new Map()
    for (const entry of entries) {
      const { when } = entry.config
      if (when.kind === 'pin') continue
      const ofSensor: OfSensor = bySensor.get(when.sensor) ?? { metrics: new Map(), statuses: [] }
      bySensor.set(when.sensor, ofSensor)
      ofSensor.statuses.push(entry)
      if (when.kind === 'metric')
        ofSensor.metrics.set(when.metric, [...(ofSensor.metrics.get(when.metric) ?? []), entry])
    }
    const ofPins = new Map<string, PinRule[]>()
    for (const { pin } of entries) {
      if (pin === undefined) continue
      const key = `${pin.when.pin} ${pin.when.level}`
      ofPins.set(key, [...(ofPins.get(key) ?? []), pin])
    }
    const before = [...byPin.values()].flat()
    byPin = new Map()
    for (const rules of ofPins.values()) {
      const pin = rules[0]?.when.pin ?? 0
      // What is under way on a button goes on where nothing about it has changed.
      const same = before.find((group) => group.consistsOf(rules))
      const group = same ?? createPinRules(rules, clock, pins.get(pin)?.level !== undefined)
      byPin.set(pin, [...(byPin.get(pin) ?? []), group])
    }
    const kept = [...byPin.values()].flat()
    for (const group of before) if (!kept.includes(group)) group.close()
  }
  /** What is known already is told to rules that are new. */
  const catchUp = (fresh: readonly Entry[]): void => {
    each(fresh, ({ config: { when }, metric, status, pin }) => {
      if (when.kind === 'pin') {
        const level = pins.get(when.pin)?.level
        if (level !== undefined && pin !== undefined) isFound(pin, level)
        return
      }
      const online = statuses.get(when.sensor)
      // What a sensor said before it went offline begins nothing.
      const value = metric === undefined || online === false ? undefined : values.get(when.sensor)?.[metric.of]
      if (value !== undefined) metric?.condition.reading(value)
      if (online !== undefined) status?.online(online)
    })
  }
  const apply = (rules: readonly RuleConfig[]): void => {
    const old = new Map<string, Entry[]>()
    for (const entry of entries) old.set(entry.key, [...(old.get(entry.key) ?? []), entry])
    const fresh: Entry[] = []
    const next = rules.map((config) => {
      const presses = pressesOf(config, rules)
      const key = keyOf(config, presses)
      const same = old.get(key)?.shift()
      if (same !== undefined) {
        same.config = config
        same.rule.rename(config.id)
        return same
      }
      const made = createEntry(config, key, presses, parts)
      fresh.push(made)
      return made
    })
    for (const entry of [...old.values()].flat()) {
      entry.close()
      entry.rule.remove()
    }
    entries = next
    alerts.keepOnly(rules.flatMap(({ then: actions, escalate }) => alertsOf([...actions, ...(escalate?.then ?? [])])))
    index()
    catchUp(fresh)
  }
  const pinOf = (pin: number): KnownPin => {
    const known = pins.get(pin) ?? { level: undefined, lost: false, staleUntil: Number.NEGATIVE_INFINITY }
    pins.set(pin, known)
    return known
  }

  return {
    /** Begins, with what an earlier run left. Never rejects. */
    async start(): Promise<void> {
      await alerts.load()
      apply(options.rules)
    },

    /** A read of a sensor, after its filters. Values that are absent change nothing. */
    reading(sensor: string | undefined, sample: Sample): void {
      if (closed) return
      values.set(sensor, sample)
      for (const [quantity, list] of bySensor.get(sensor)?.metrics ?? []) {
        const value = sample[quantity]
        if (value !== undefined) each(list, ({ metric }) => metric?.condition.reading(value))
      }
    },

    sensorStatus(sensor: string | undefined, status: 'online' | 'offline'): void {
      if (closed) return
      statuses.set(sensor, status === 'online')
      each(bySensor.get(sensor)?.statuses, (entry) => entry.status?.online(status === 'online'))
    },

    /** The sensor has ended: what comes by that id hereafter is another one's. */
    sensorGone(sensor: string | undefined): void {
      values.delete(sensor)
      statuses.delete(sensor)
    },

    /** A settled level of an input, or the level of an output; told as often as anybody likes. What it sets is set when it returns. */
    level(pin: number, level: Level): void {
      if (closed) return
      const known = pinOf(pin)
      const watched = known.level !== undefined && !known.lost && clock.monotonic() >= known.staleUntil
      if (watched && known.level === level) return
      known.level = level
      for (const group of byPin.get(pin) ?? []) group.level(level, watched)
    },

    /** An input was opened, perhaps not for the first time: the next level is no change. */
    pinOpened(pin: number): void {
      pinOf(pin).level = undefined
    },

    /** An input failed, with a reason, or came back. */
    pinFault(pin: number, reason: string | undefined): void {
      const debounce = debounceMs(pin)
      if (closed || debounce === undefined) return
      const known = pinOf(pin)
      const groups = byPin.get(pin) ?? []
      known.lost = reason !== undefined
      if (reason === undefined) {
        known.staleUntil = clock.monotonic() + debounce + BACK_SLACK_MS
        for (const group of groups) group.back()
      } else for (const group of groups) group.lost()
    },

    /** The broker is there again, or the wall clock was set: what is told is told as it is now. */
    renew: (): void => alerts.renew(),

    /** Other rules from now on. One that is the same goes on as it is; alerts of one that is gone end. */
    apply,

    /** By id; undefined where there are no rules. */
    health(): Readonly<Record<string, RuleHealth>> | undefined {
      if (entries.length === 0) return undefined
      return Object.fromEntries(entries.map(({ config, rule }) => [config.id, rule.health()]))
    },

    /** From now on nothing is done. Alerts stay as they are: the next run takes them over. Never rejects. */
    async close(): Promise<void> {
      closed = true
      for (const entry of entries) {
        entry.close()
        entry.rule.close()
      }
      for (const group of byPin.values()) for (const one of group) one.close()
      await alerts.flush()
    },
  }
}

function keyOf({ id: _, ...config }: RuleConfig, presses: number | undefined): string {
  return JSON.stringify([config, presses])
}

function createEntry(config: RuleConfig, key: string, presses: number | undefined, parts: RuleParts): Entry {
  const { when } = config
  const { clock } = parts
  let condition: Condition | undefined
  const rule = createRule(config, parts, () => condition?.value)
  const common = { config, key, rule, close: () => condition?.close() }
  switch (when.kind) {
    case 'metric': {
      const metric = createMetricCondition(when, clock, rule)
      condition = metric
      return { ...common, metric: { of: when.metric, condition: metric }, status: metric }
    }
    case 'offline': {
      const offline = createOfflineCondition(when, clock, rule)
      condition = offline
      return { ...common, status: offline }
    }
    case 'pin': {
      if (presses !== undefined) {
        const pattern: Pattern = { presses, heldMs: when.held, events: rule, active: false }
        return { ...common, pin: { when, condition: undefined, pattern } }
      }
      const level = createLevelCondition(when, clock, rule)
      condition = level
      return { ...common, pin: { when, condition: level, pattern: undefined } }
    }
  }
}
