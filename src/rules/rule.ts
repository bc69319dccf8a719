/**
 * One rule at work: what is done when its condition begins, lasts, ends or happens, and what is told of it. Whatever
 * fails in here is this rule's fault alone. Made by `rules.ts`.
 */
import type { Clock } from '../clock.ts'
import type { Command } from '../command.ts'
import type { RuleAction, RuleConfig, SetAction } from '../config/rule-schema.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Message, Telemetry } from '../telemetry.ts'
import type { About, Alerts } from './alerts.ts'
import type { LevelEvents } from './level-condition.ts'
import type { Claimant, PinClaims } from './pin-claims.ts'

export interface RuleParts {
  readonly clock: Clock
  readonly log: Logger
  readonly telemetry: Telemetry
  readonly alerts: Alerts
  readonly claims: PinClaims
  readonly publish: (message: Message) => void
  /** Whether the broker is there. */
  readonly connected: () => boolean
  /** Orders a pin. It has been switched when this returns, where nothing stands in the way. Rejects where it is refused. */
  readonly set: (pin: number, command: Command) => Promise<unknown>
  /** Something that health tells has changed. */
  readonly onChange: () => void
}

/** As `health` tells it. */
export interface RuleHealth {
  readonly active: boolean
  /** Seconds. */
  readonly for?: number
  /** How often it began or happened, since the start. */
  readonly fired: number
  /** How many of its orders were refused, held back for good, or not sent. */
  readonly failed: number
  readonly error?: string
}

export interface Rule extends LevelEvents {
  health(): RuleHealth
  /** It has another id now, and is the same otherwise. */
  rename(id: string): void
  /** It is in the configuration no more: its alerts end, and it does nothing further. */
  remove(): void
  /** Something of its own threw. */
  failed(error: unknown): void
  /** No timer of it runs any more; its alerts stay. */
  close(): void
}

/** So long is an alert of something that is over at once told: long enough for a person to see it. */
const ALERT_OF_MOMENT_MS = 60_000

/** @param value gives the newest value of the condition, for what is told while it lasts */
export function createRule(config: RuleConfig, parts: RuleParts, value: () => number | undefined): Rule {
  const { clock, log, telemetry, alerts, claims, publish } = parts
  const { when, then: actions, otherwise = [], repeat: repeatMs, escalate } = config
  const ownAlerts = alertsOf(actions)
  const allAlerts = [...ownAlerts, ...alertsOf(escalate?.then ?? [])]
  let { id } = config
  let since: number | undefined
  /** It was told once whether the condition holds. */
  let known = false
  let fired = 0
  let failures = 0
  let error: string | undefined
  let timers: (() => void)[] = []

  const stop = (): void => {
    for (const cancel of timers) cancel()
    timers = []
  }
  const after = (ms: number, work: () => void): void => {
    timers.push(clock.after(ms, guarded(work)))
  }
  const about = (now = value()): About => ({
    sensor: when.kind === 'pin' ? undefined : when.sensor,
    about: {
      rule: id,
      ...(when.kind === 'metric' ? { metric: when.metric } : {}),
      ...(when.kind === 'pin' ? { pin: when.pin } : {}),
      ...(now === undefined ? {} : { value: now }),
    },
  })

  const fails = (reason: string): void => {
    failures += 1
    log[error === reason ? 'debug' : 'warn']({ rule: id, reason }, 'rule could not do all that it should')
    const news = error !== reason
    error = reason
    if (news) parts.onChange()
  }
  const failed = (thrown: unknown): void => fails(messageOf(thrown))
  /** What throws is this rule's fault alone. */
  function guarded<A extends readonly unknown[]>(work: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      try {
        work(...args)
      } catch (thrown) {
        log.error({ rule: id, err: thrown }, 'rule failed')
        failed(thrown)
      }
    }
  }

  const claimant: Claimant = {
    get id() {
      return id
    },
    priority: config.priority ?? 0,
    carryOut({ pin, state, for: forMs }) {
      const how = forMs === undefined ? { patient: state !== 'toggle' } : { forMs }
      parts.set(pin, { state, ...how }).then(() => {
        error = undefined
      }, failed)
    },
    heldBack({ pin }, by, lost) {
      if (lost) fails(`pin ${pin} is not set: the rule ${by} is active, whose priority is higher`)
      else log.info({ rule: id, pin, by }, 'a rule of higher priority is active: the pin waits')
    },
  }
  const publishes = ({ publish: message }: RuleAction): void => {
    if (message === undefined) return
    // A message that is old says the wrong thing; what is retained is the newest, and waits.
    if (message.retain || parts.connected()) publish(telemetry.publication(message, { rule: id, value: value() }))
    else fails(`${message.topic} was not published: the broker is away`)
  }
  /** Each by itself: where one fails, the others are done. Pins first, for they are what somebody waits for. */
  const carryOut = (list: readonly RuleAction[], set: (one: SetAction) => void): void => {
    for (const action of list) {
      const one = action.set
      if (one !== undefined) guarded(() => set(one))()
    }
    for (const action of list) guarded(() => publishes(action))()
  }

  const repeat = (ms: number): void => {
    after(ms, () => {
      for (const name of allAlerts) alerts.again(name, about())
      repeat(ms)
    })
  }
  const escalates = (): void => {
    if (escalate === undefined) return
    const further = alertsOf(escalate.then)
    for (const name of further) alerts.begin(name, about(), 'escalate')
    if (further.length === 0) for (const name of ownAlerts) alerts.again(name, about(), 'escalate')
    carryOut(escalate.then, (set) => claims.claim(claimant, set))
    log.info({ rule: id }, 'rule escalated')
    parts.onChange()
  }
  const begins = (now: number | undefined, all: boolean): void => {
    if (since !== undefined) return
    known = true
    since = clock.monotonic()
    fired += 1
    if (all) carryOut(actions, (set) => claims.claim(claimant, set))
    for (const name of ownAlerts) alerts.begin(name, about(now))
    if (repeatMs !== undefined) repeat(repeatMs)
    if (escalate !== undefined) after(escalate.after, escalates)
    log.info({ rule: id, value: now }, 'rule active')
    if (ownAlerts.length > 0) parts.onChange()
  }

  const rule: Rule = {
    begin: guarded((now) => begins(now, true)),
    found: guarded((now) => begins(now, false)),
    end: guarded((now) => {
      const active = since !== undefined
      const first = !known
      known = true
      since = undefined
      stop()
      const sets = otherwise.flatMap(({ set }) => (set === undefined ? [] : [set]))
      // At the start a pin may be as an earlier run has left it; a pin's level that is found is no event.
      if (active || (first && when.kind !== 'pin')) claims.end(claimant, sets)
      if (active) carryOut(otherwise, () => {})
      for (const name of allAlerts) alerts.over(name, about(now))
      if (!active) return
      log.info({ rule: id, value: now }, 'rule no longer active')
      if (ownAlerts.length > 0) parts.onChange()
    }),
    happen: guarded(() => {
      fired += 1
      log.info({ rule: id }, 'rule fired')
      carryOut(actions, (set) => claims.once(claimant, set))
      if (ownAlerts.length === 0) return
      stop()
      for (const name of ownAlerts) {
        if (alerts.active(name)) alerts.again(name, about())
        else alerts.begin(name, about())
      }
      after(ALERT_OF_MOMENT_MS, () => {
        for (const name of ownAlerts) alerts.over(name, about())
      })
      parts.onChange()
    }),
    failed,
    health: () => ({
      active: since !== undefined,
      ...(since === undefined ? {} : { for: Math.round((clock.monotonic() - since) / 1000) }),
      fired,
      failed: failures,
      ...(error === undefined ? {} : { error }),
    }),
    rename(to) {
      id = to
    },
    remove: guarded(() => {
      stop()
      since = undefined
      claims.remove(claimant)
      for (const name of allAlerts) alerts.over(name, about())
    }),
    close: stop,
  }
  return rule
}

export function alertsOf(actions: readonly RuleAction[]): string[] {
  return actions.flatMap(({ alert }) => (alert === undefined ? [] : [alert]))
}
