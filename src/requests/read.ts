/** `read`: what sensors measure now, each read by its own loop, all at the same time. */
import { z } from 'zod'
import { chooseSensors } from '../choose-sensors.ts'
import type { Clock } from '../clock.ts'
import { LATE, withDeadline } from '../deadline.ts'
import { messageOf, Refused, SensorError } from '../errors.ts'
import { aboutOutcome, hasValues, type Outcome } from '../read-outcome.ts'
import type { Reader } from '../readers.ts'
import { action } from './action.ts'

/** For one sensor, ms: shorter than for the whole request, so that one that hangs hides no other. */
const DEADLINE_MS = 20_000

export const read = action({
  summary:
    'Reads sensors now, beside their rhythm, which goes on as it was. A sensor that was read just before, or is about to be, is waited for.',
  answers:
    '`sensors`, each with `type`, `id`, `ok`, and `timestamp` with `values`, or `error`. Filters apply, but for the median: there is one value only. The status is `error` where no sensor gave a value',
  args: () =>
    z.object({
      sensor: z
        .string({ error: '"sensor" must be the id of a sensor' })
        .min(1, '"sensor" must be the id of a sensor')
        .optional()
        .describe('id of a sensor, or type of the one without; all without it'),
    }),
  waits: true,
  async run({ sensor }, { id, readers, unsynchronised, clock }, signal) {
    const chosen = chooseSensors(readers(), id, sensor)
    if ('problem' in chosen) throw new Refused(chosen.problem)
    const outcomes = await Promise.all(chosen.sensors.map((reader) => outcomeOf(reader, clock, signal)))
    const told = outcomes.map((outcome) => ({
      ...aboutOutcome(outcome),
      ...(outcome.reading !== undefined && unsynchronised() ? { clock: 'unsynchronised' } : {}),
    }))
    return outcomes.some(hasValues) ? { sensors: told } : { error: whyNone(outcomes), sensors: told }
  },
})

async function outcomeOf({ config, read: readNow }: Reader, clock: Clock, signal: AbortSignal): Promise<Outcome> {
  try {
    const reading = await withDeadline(readNow, DEADLINE_MS, clock, signal)
    if (reading !== LATE) return { config, reading }
    const reason = `no answer within ${DEADLINE_MS / 1000} s: the sensor is slow, or hangs, or opens`
    return { config, error: new SensorError('timeout', reason) }
  } catch (error) {
    if (error instanceof SensorError) return { config, error }
    throw error
  }
}

function whyNone(outcomes: readonly Outcome[]): string {
  const reasons = outcomes.map(({ config, error }) => {
    return `${config.id ?? config.type}: ${error === undefined ? 'it gave no value that can be right' : messageOf(error)}`
  })
  return `no sensor gave a value: ${reasons.join('; ')}`
}
