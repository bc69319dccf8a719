/**
 * Numbers for the records of each sensor and counter: from 0, without a gap, for as long as this run lives, also where
 * the sensor is replaced by another one of its id meanwhile. A consumer sees by them what is lost or doubled.
 */
export function createSequences(): (of: string) => number {
  const next = new Map<string, number>()
  return (of) => {
    const number = next.get(of) ?? 0
    next.set(of, number + 1)
    return number
  }
}
