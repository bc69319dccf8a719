/**
 * The rules on one pin and level, put together: which of them look at the level, and which are patterns of presses that
 * have to be told apart. Made by `rules.ts`, which tells it every level.
 */
import type { Clock } from '../clock.ts'
import type { PinWhen, RuleConfig } from '../config/rule-schema.ts'
import type { Level } from '../gpio/gpio.ts'
import type { LevelCondition } from './level-condition.ts'
import { createPresses, type Pattern, type Presses } from './presses.ts'

/** A rule on a pin, in one of the two ways. */
export interface PinRule {
  readonly when: PinWhen
  readonly condition: LevelCondition | undefined
  readonly pattern: Pattern | undefined
}

export interface PinRules {
  level(level: Level, changed: boolean): void
  lost(): void
  back(): void
  close(): void
  /** It was made of these very rules. */
  consistsOf(rules: readonly PinRule[]): boolean
}

/**
 * How many presses a rule waits for; undefined: it looks at the level. Beside a rule that has `presses` one that says
 * nothing of the kind is a single press, unless it is of a level that lasts: has an alert, or something to do at its end.
 */
export function pressesOf(
  { when, then: actions, otherwise }: RuleConfig,
  others: readonly RuleConfig[],
): number | undefined {
  if (when.kind !== 'pin') return undefined
  if (when.presses !== undefined) return when.presses
  const lasting = when.held !== undefined || otherwise !== undefined || actions.some(({ alert }) => alert !== undefined)
  const button = others.some(
    ({ when: other }) =>
      other.kind === 'pin' && other.pin === when.pin && other.level === when.level && other.presses !== undefined,
  )
  return button && !lasting ? 1 : undefined
}

/** To a rule that is new the pin has a level, and nobody saw it come. */
export function isFound(rule: PinRule, level: Level): void {
  rule.condition?.level(level, false)
  endOld(rule, level)
}

/** What an earlier run may have left of presses is over; of one that is held, when it is released. */
function endOld({ when, pattern }: PinRule, level: Level): void {
  if (pattern !== undefined && (pattern.heldMs === undefined || level !== when.level)) pattern.events.end(undefined)
}

/** @param rules all of one pin and one level  @param known whether they were told its level */
export function createPinRules(rules: readonly PinRule[], clock: Clock, known: boolean): PinRules {
  const [first] = rules
  const wanted = first?.when.level
  const levels = rules.flatMap(({ condition, when }) => (condition === undefined ? [] : [{ condition, when }]))
  const patterns = rules.flatMap(({ pattern }) => (pattern === undefined ? [] : [pattern]))
  const held = levels.flatMap(({ when }) => (when.held === undefined ? [] : [when.held]))
  const presses: Presses | undefined =
    patterns.length === 0
      ? undefined
      : createPresses({
          patterns,
          withinMs: Math.max(...rules.filter(({ pattern }) => pattern !== undefined).map(({ when }) => when.within)),
          longMs: held.length === 0 ? undefined : Math.min(...held),
          clock,
        })
  let told = known
  return {
    level(level, changed) {
      if (!told) for (const rule of rules) endOld(rule, level)
      told = true
      const taken = presses?.level(level === wanted, changed) === true
      for (const { condition, when } of levels) if (!taken || when.held === undefined) condition.level(level, changed)
    },
    lost() {
      presses?.lost()
      for (const { condition } of levels) condition.lost()
    },
    back() {
      for (const { condition } of levels) condition.back()
    },
    close: () => presses?.close(),
    consistsOf: (others) => others.length === rules.length && others.every((one, index) => one === rules[index]),
  }
}
