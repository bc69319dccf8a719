/** The bench's sums: who goes first, what is in the middle, and what is how many times of what. Pure; has a test. */

/** What one contestant has shown in one round, by the name of the figure. */
export type Figures = Readonly<Record<string, number>>

/** One round: figures by contestant. Who could not take part, or gave up, is absent. */
export type Round = Readonly<Record<string, Figures>>

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Every other round goes backwards: whoever is first finds a colder machine, and must not be so each time. */
export function orderOf<T>(contestants: readonly T[], round: number): T[] {
  return round % 2 === 0 ? [...contestants] : contestants.toReversed()
}

/**
 * The value below which a share of all lie, `share` from 0 to 1; between two it is theirs in proportion.
 *
 * @returns NaN where there are no values
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Undefined where there are no values. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

/** What a contestant has shown in each round that it took part in. */
export function valuesOf(rounds: readonly Round[], contestant: string, figure: string): number[] {
  return rounds.flatMap((round) => numberOf(round, contestant, figure) ?? [])
}

/**
 * One contestant over another, round by round: what the machine does to one round it does to both. Rounds that lack one
 * of the two, or where the other is 0, tell nothing and are left out.
 */
export function ratiosOf(rounds: readonly Round[], figure: string, one: string, other: string): number[] {
  return rounds.flatMap((round) => {
    const [above, below] = [numberOf(round, one, figure), numberOf(round, other, figure)]
    return above === undefined || below === undefined || below === 0 ? [] : [above / below]
  })
}

function numberOf(round: Round, contestant: string, figure: string): number | undefined {
  const value = round[contestant]?.[figure]
  return value === undefined || !Number.isFinite(value) ? undefined : value
}
