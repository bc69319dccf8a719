/**
 * What the conditions of rules have in common: each is told what concerns it, and tells its rule when it begins, ends or
 * happens. A condition knows nothing of what is done then.
 */

/** What a condition tells its rule. */
export interface ConditionEvents {
  /** It holds from now on. `value`: what made it so. Told only when it did not hold. */
  begin(value: number | undefined): void
  /** It does not hold: told when it ends, and once when it is found not to hold at the start. */
  end(value: number | undefined): void
  /** It happened, and is over: a press has no duration. */
  happen(): void
}

/** A condition at work. */
export interface Condition {
  /** The newest value that it has seen, for what is told while it holds. */
  readonly value: number | undefined
  /** No timer of it runs any more. */
  close(): void
}
