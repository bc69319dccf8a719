/** How long ago, for a person: `now`, `42s`, `3m`, `5h`, `12d`. Pure. */

const STEPS = [
  { unit: 'd', ms: 86_400_000 },
  { unit: 'h', ms: 3_600_000 },
  { unit: 'm', ms: 60_000 },
  { unit: 's', ms: 1000 },
] as const

/** @param ms since it happened; what lies ahead, by another clock, is `now` */
export function age(ms: number): string {
  const step = STEPS.find((one) => ms >= one.ms)
  return step === undefined ? 'now' : `${Math.floor(ms / step.ms)}${step.unit}`
}
