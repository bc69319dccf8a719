/** Runs the rounds of a suite: who is measured when, and what becomes of one that fails. */
import { type Figures, orderOf, type Round } from './arithmetic.ts'
import type { Contestant } from './contestants.ts'
import type { Bench, Suite } from './suite.ts'

export interface Played {
  readonly rounds: readonly Round[]
  /** Who did not do the job, and why; the others were measured all the same. */
  readonly failures: readonly string[]
}

/** Never rejects for a contestant's fault. @throws the signal's reason on abort */
export async function play(
  suite: Suite,
  contestants: readonly Contestant[],
  rounds: number,
  bench: Bench,
): Promise<Played> {
  const failures: string[] = []
  const playing = new Set(contestants.filter((one) => suite.fits?.(one) ?? true))
  /** A contestant that fails once is out: its ratios would be those of other rounds. */
  const tried = async <T>(one: Contestant, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      bench.signal.throwIfAborted()
      playing.delete(one)
      failures.push(`${one.name}: ${error instanceof Error ? error.message : error}`)
      return undefined
    }
  }
  for (const one of [...playing]) {
    bench.signal.throwIfAborted()
    await tried(one, async () => suite.prepare?.(one, bench))
  }
  const played: Round[] = []
  for (let round = 0; round < rounds; round += 1) {
    const order = orderOf([...playing], round)
    bench.say(`${suite.name}, round ${round + 1} of ${rounds}: ${order.map(({ name }) => name).join(', ')}`)
    const measure = async (one: Contestant): Promise<readonly [string, Figures][]> => {
      bench.signal.throwIfAborted()
      const figures = await tried(one, () => suite.measure(one, bench))
      return figures === undefined ? [] : [[one.name, figures]]
    }
    const measured: (readonly [string, Figures][])[] = []
    if (suite.together) measured.push(...(await Promise.all(order.map(measure))))
    else for (const one of order) measured.push(await measure(one))
    const figures = Object.fromEntries(measured.flat())
    // In one order, whatever the order of the round.
    const names = contestants.map(({ name }) => name).filter((name) => name in figures)
    played.push(Object.fromEntries(names.map((name) => [name, figures[name] ?? {}])))
  }
  return { rounds: played, failures }
}
