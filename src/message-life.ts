/** How long a message to this node is good for: by its own `ts` and `ttl`, and by MQTT 5's message expiry. */
import type { Clock } from './clock.ts'
import { formatDuration } from './duration.ts'
import { Refused } from './errors.ts'
import type { Validity } from './inbound-json.ts'
import type { Incoming } from './telemetry.ts'

export interface LifeOptions {
  readonly clock: Clock
  /** Whether the wall clock is right, as far as anybody knows: `ttl` is judged by it. */
  readonly clockIsRight: () => boolean
  /** What the message is, such as `command`. */
  readonly noun: string
}

/**
 * Makes what refuses the message once its time is over.
 *
 * @throws Refused where it is over at once, or can't be judged
 */
export function createLife(
  { expiresMs }: Incoming,
  told: Validity | undefined,
  { clock, clockIsRight, noun }: LifeOptions,
): () => void {
  if (expiresMs === undefined && told === undefined) return forEver
  let until = expiresMs === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() + expiresMs
  if (told !== undefined) {
    if (!clockIsRight()) throw new Refused('"ttl" can’t be judged: this node’s clock is not set yet')
    const ageMs = clock.now() - told.at
    const good = `and it was good for ${formatDuration(told.ttlMs)} only`
    if (ageMs >= told.ttlMs) throw new Refused(`the ${noun} was given ${seconds(ageMs)} ago, ${good}`)
    // As far off as an expired one, the other way round: by such a clock nothing can be judged.
    if (-ageMs > told.ttlMs)
      throw new Refused(
        `"ts" is ${seconds(-ageMs)} ahead of this node’s clock: the sender’s clock or this one is wrong`,
      )
    until = Math.min(until, clock.monotonic() + told.ttlMs - ageMs)
  }
  return () => {
    if (clock.monotonic() >= until) throw new Refused(`the ${noun} expired before its turn came`)
  }
}

function forEver(): void {}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1000)} s`
}
