/**
 * Who decides on a pin that several rules set. While a rule that has set the pin is active, those below it are held
 * back; when it ends, the highest of the others that are active gets what it wants, and only where there is none the
 * pin takes what the rule that ended has for that. What is over at once (a press, a toggle, a `for`) is not made up
 * for. People and programs that command a pin by MQTT are not asked.
 */
import type { SetAction } from '../config/rule-schema.ts'

/** A rule, as the pins see it. */
export interface Claimant {
  readonly id: string
  readonly priority: number
  /** Orders it. */
  carryOut(set: SetAction): void
  /** It is not ordered, as this other one decides; `lost`: and never will be. */
  heldBack(set: SetAction, by: string, lost: boolean): void
}

interface Claim {
  /** What it wants for as long as it is active; undefined: nothing that lasts. */
  readonly wish: SetAction | undefined
}

export class PinClaims {
  /** By pin: those that have set it and are active. */
  readonly #claims = new Map<number, Map<Claimant, Claim>>()
  /** By pin: what rules that have ended would have it be. */
  readonly #owed = new Map<number, Map<Claimant, SetAction>>()

  /** A rule that is active sets a pin. */
  claim(rule: Claimant, set: SetAction): void {
    within(this.#claims, set.pin).set(rule, { wish: lasts(set) ? set : undefined })
    this.#owed.get(set.pin)?.delete(rule)
    const above = this.#above(rule, set.pin)
    if (above === undefined) rule.carryOut(set)
    else rule.heldBack(set, above.id, !lasts(set))
  }

  /** A rule that is over at once sets a pin. */
  once(rule: Claimant, set: SetAction): void {
    const above = this.#above(rule, set.pin)
    if (above === undefined) rule.carryOut(set)
    else rule.heldBack(set, above.id, true)
  }

  /** A rule has ended, or was not active at all; `sets`: what it would have the pins be now. */
  end(rule: Claimant, sets: readonly SetAction[]): void {
    const pins = new Set(sets.map(({ pin }) => pin))
    for (const [pin, claims] of this.#claims) if (claims.delete(rule)) pins.add(pin)
    for (const pin of pins) {
      this.#settle(
        rule,
        pin,
        sets.filter((set) => set.pin === pin),
      )
    }
  }

  /** The rule is there no more. */
  remove(rule: Claimant): void {
    for (const owed of this.#owed.values()) owed.delete(rule)
    this.end(rule, [])
  }

  #settle(rule: Claimant, pin: number, sets: readonly SetAction[]): void {
    const above = this.#above(rule, pin)
    if (above !== undefined) {
      for (const set of sets) {
        rule.heldBack(set, above.id, !lasts(set))
        if (lasts(set)) within(this.#owed, pin).set(rule, set)
      }
      return
    }
    const below = [...(this.#claims.get(pin) ?? [])].sort(([a], [b]) => b.priority - a.priority)
    const [next] = below
    if (next?.[1].wish !== undefined) {
      next[0].carryOut(next[1].wish)
      return
    }
    const owed = this.#owed.get(pin)
    const [first] = [...(owed ?? [])].sort(([a], [b]) => b.priority - a.priority)
    owed?.clear()
    if (sets.length > 0) for (const set of sets) rule.carryOut(set)
    else first?.[0].carryOut(first[1])
  }

  #above(rule: Claimant, pin: number): Claimant | undefined {
    const others = [...(this.#claims.get(pin)?.keys() ?? [])].filter((other) => other !== rule)
    return others.filter(({ priority }) => priority > rule.priority).sort((a, b) => b.priority - a.priority)[0]
  }
}

function lasts({ state, for: forMs }: SetAction): boolean {
  return state !== 'toggle' && forMs === undefined
}

function within<K, V>(all: Map<number, Map<K, V>>, pin: number): Map<K, V> {
  const known = all.get(pin)
  if (known !== undefined) return known
  const made = new Map<K, V>()
  all.set(pin, made)
  return made
}
