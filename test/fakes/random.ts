/** Chance that is the same at each run, so that a failure can be looked at again. */

/** A whole number from 0 to below the bound. */
export type Random = (below: number) => number

/** Park and Miller's generator. @param seed 1 to 2147483646 */
export function createRandom(seed: number): Random {
  let state = seed
  return (below) => {
    state = (state * 48271) % 2147483647
    return state % below
  }
}
