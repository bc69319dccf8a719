/** What became of one read of a sensor, and how it is told as JSON: by `sensor-node read`, and to who asks over MQTT. */
import type { SensorError } from './errors.ts'
import type { Reading } from './reading.ts'

/** One sensor's answer, or why there is none. */
export interface Outcome {
  readonly config: { readonly id?: string | undefined; readonly type: string }
  readonly reading?: Reading
  readonly error?: SensorError
}

/** Every value is good. */
export function isGood(outcome: Outcome): boolean {
  return hasValues(outcome) && outcome.reading?.rejected.length === 0
}

/** At least one value is good. */
export function hasValues({ reading }: Outcome): boolean {
  return reading !== undefined && Object.keys(reading.values).length > 0
}

/** `{"id":…,"type":…,"ok":true,"timestamp":…,"values":{…}}`; units are those of the topics. */
export function aboutOutcome(outcome: Outcome): object {
  const { config, reading, error } = outcome
  const { id, type } = config
  return {
    ...(id === undefined ? {} : { id }),
    type,
    ok: isGood(outcome),
    ...(reading === undefined ? {} : { timestamp: new Date(reading.at).toISOString(), values: reading.values }),
    ...(reading === undefined || reading.rejected.length === 0 ? {} : { rejected: reading.rejected }),
    ...(error === undefined ? {} : { kind: error.kind, error: error.message }),
  }
}
