/**
 * The pins of rules: that they are there and can do what is asked, that no two rules fight for one, and that no rule
 * sets off itself. Called by `load.ts`.
 */
import type { Problem } from '../errors.ts'
import { gpioPins } from './conflicts.ts'
import { actionsOf, type PlacedAction, type PlacedRule, placedRules } from './rule-conflicts.ts'
import type { ParsedConfig } from './schema.ts'
import { enumeration } from './suggest.ts'
import { type ConfigNode, entry, items, named, problemAt, shown } from './tree.ts'
import { formatDuration } from './values.ts'

type Gpio = ParsedConfig['gpio']

/** A `set` of a rule, where its pin stands. */
interface Setter extends PlacedAction {
  readonly pin: number
  readonly pinNode: ConfigNode
}

export function findRulePinConflicts(root: ConfigNode, parsed: ParsedConfig): Problem[] {
  const rules = placedRules(root, parsed)
  const setters = rules.flatMap(actionsOf).flatMap((placed): Setter[] => {
    const { set } = placed.action
    const pinNode = entry(placed.at, 'set', 'pin')
    return set === undefined || pinNode === undefined ? [] : [{ ...placed, pin: set.pin, pinNode }]
  })
  return [
    ...rules.flatMap((rule) => badTrigger(root, parsed.gpio, rule)),
    ...setters.flatMap((setter) => badTarget(root, parsed.gpio, setter)),
    ...fights(setters),
    ...loops(rules, setters),
  ]
}

/** Whether the file asks for the pin there, or may: a pin that is wrong is not known. */
function maybe(root: ConfigNode, list: 'inputs' | 'outputs', pin: number): boolean {
  const wrong = items(entry(root, 'gpio', list)).some((item) => entry(item, 'pin')?.refused === true)
  return wrong || gpioPins(root, list).some((use) => use.pin === pin)
}

function badTrigger(root: ConfigNode, { inputs }: Gpio, { rule: { when }, node }: PlacedRule): Problem[] {
  const at = entry(node, 'when', 'pin')
  if (when.kind !== 'pin' || at === undefined) return []
  if (inputs.some(({ pin, mode }) => pin === when.pin && mode === 'counter'))
    return [
      problemAt(at, `pin ${shown(at)} counts pulses: it has no level to wait for`, 'take an input with mode: state'),
    ]
  if (maybe(root, 'inputs', when.pin)) return []
  if (!maybe(root, 'outputs', when.pin))
    return [
      problemAt(at, `pin ${shown(at)} is neither an input nor an output`, `add { pin: ${shown(at)} } to gpio.inputs`),
    ]
  const presses = entry(node, 'when', 'presses')
  if (presses === undefined) return []
  return [problemAt(presses, `pin ${shown(at)} is an output, which nobody presses`, 'remove presses')]
}

function badTarget(
  root: ConfigNode,
  { inputs, outputs }: Gpio,
  { action: { set }, pin, pinNode, at }: Setter,
): Problem[] {
  const output = outputs.find((one) => one.pin === pin)
  if (output === undefined) {
    if (maybe(root, 'outputs', pin)) return []
    const input = inputs.some((one) => one.pin === pin)
    const message = `pin ${shown(pinNode)} is ${input ? 'an input' : 'not among gpio.outputs'}`
    return [problemAt(pinNode, message, input ? 'take an output' : `add { pin: ${shown(pinNode)} } to gpio.outputs`)]
  }
  const duration = entry(at, 'set', 'for')
  if (set?.for === undefined || duration === undefined) return []
  const { max_on: most, min_interval: least } = output
  if (most !== undefined && set.for > most && set.state !== 'off')
    return [problemAt(duration, `must not be longer than the pin’s max_on, which is ${formatDuration(most)}`)]
  if (least !== undefined && set.for < least)
    return [problemAt(duration, `must not be shorter than the pin’s min_interval, which is ${formatDuration(least)}`)]
  return []
}

/** Two rules that set one pin must say which of them goes first. */
function fights(setters: readonly Setter[]): Problem[] {
  const problems: Problem[] = []
  const byPin = new Map<number, Setter[]>()
  for (const setter of setters) {
    const others = byPin.get(setter.pin) ?? []
    if (others.some(({ node }) => node === setter.node)) continue
    byPin.set(setter.pin, [...others, setter])
    for (const other of others) {
      const [mine, its] = [setter.rule.priority, other.rule.priority]
      const their = `${other.id} (${named(other.pinNode)})`
      if (mine === undefined || its === undefined) {
        // Pointed at the one that lacks it; the earlier one is told once, by the first that comes after it.
        if (mine !== undefined && others.length > 1) continue
        const at = mine === undefined ? setter : other
        const second = mine === undefined ? their : `${setter.id} (${named(setter.pinNode)})`
        const message = `pin ${shown(at.pinNode)} is set by two rules: by ${at.id}, and by ${second}: which one decides?`
        problems.push(problemAt(at.pinNode, message, 'give both a priority, such as 1 and 2; the higher one decides'))
        break
      }
      if (mine !== its) continue
      const node = entry(setter.node, 'priority') ?? setter.node
      const message = `is the priority of two rules that set pin ${shown(setter.pinNode)}: of ${setter.id}, and of ${their}`
      problems.push(problemAt(node, message, 'priorities must differ; the higher one decides'))
      break
    }
  }
  return problems
}

/** A rule on an output must not set it, nor set off other rules that come back to it. */
function loops(rules: readonly PlacedRule[], setters: readonly Setter[]): Problem[] {
  const problems: Problem[] = []
  const told = new Set<string>()
  for (const start of rules) {
    const { when } = start.rule
    if (when.kind !== 'pin') continue
    const way = wayBack(when.pin, [], setters, start)
    if (way === undefined) continue
    const key = way
      .map(({ id }) => id)
      .sort()
      .join()
    const [first] = way
    if (told.has(key) || first === undefined) continue
    told.add(key)
    const pin = shown(entry(start.node, 'when', 'pin') ?? start.node)
    const message =
      way.length === 1
        ? `is the pin that sets off this very rule: it would go round for ever`
        : `sets off ${enumeration([...way.slice(1).map(({ id, node }) => `${id} (${named(node)})`)])}, and pin ${pin} again: they would go round for ever`
    problems.push(problemAt(first.pinNode, message, 'a rule must not come back to the pin that sets it off'))
  }
  return problems
}

/** The setters from a rule on `goal` back to that pin; undefined: there is no such way. */
function wayBack(
  goal: number,
  way: readonly Setter[],
  setters: readonly Setter[],
  at: PlacedRule,
): Setter[] | undefined {
  for (const setter of setters) {
    if (setter.node !== at.node || way.some(({ pin }) => pin === setter.pin)) continue
    if (setter.pin === goal) return [...way, setter]
    for (const next of setters) {
      if (next.rule.when.kind !== 'pin' || next.rule.when.pin !== setter.pin) continue
      const found = wayBack(goal, [...way, setter], setters, next)
      if (found !== undefined) return found
    }
  }
  return undefined
}
