/** Rows of readings as text: a table for a terminal, a line or a JSON object for each. Pure, and safe to print. */
import { age } from './age.ts'
import { alignedLines } from './aligned.ts'
import { jsonText, printable } from './printable.ts'
import type { Row } from './readings.ts'

/** Characters that a column takes of somebody else's text. */
const LONGEST = 32

/** Headline and a line for each row. `now`: ms since 1970. */
export function rowLines(rows: readonly Row[], now: number): string[] {
  const head = ['NODE', 'SENSOR', 'METRIC', 'VALUE', 'UNIT', 'AGE', 'STATUS', 'ALERTS']
  return alignedLines([head, ...rows.map((row) => cellsOf(row, now))], [3, 5])
}

/** `2026-06-01T00:00:00.000Z  n1  attic  temperature  21.5 °C  now  online`. */
export function rowLine(row: Row, now: number): string {
  const [node = '', sensor = '', metric = '', value = '', unit = '', old = '', status = '', alerts = ''] = cellsOf(
    row,
    now,
  )
  const cells = [
    ...[new Date(now).toISOString(), node || '-', sensor || '-', metric || '-'],
    ...[`${value} ${unit}`.trim() || '-', old || '-', status || '-'],
    ...(alerts === '' ? [] : [`alert: ${alerts}`]),
  ]
  return cells.join('  ')
}

/** `{"time":…,"node":…,"sensor":…,"metric":…,"value":21.5,"unit":"°C","age":0,"status":"online","alerts":[]}`; what is not known is absent; `age` in seconds. */
export function rowJson({ at, status, ...row }: Row, now: number): string {
  return jsonText({
    time: new Date(now).toISOString(),
    ...row,
    ...(at === undefined ? {} : { age: Math.max(0, Math.round((now - at) / 1000)) }),
    ...(status === '' ? {} : { status }),
  })
}

function cellsOf({ node, sensor, metric, name, value, unit, at, status, alerts }: Row, now: number): string[] {
  const old = value === undefined && at === undefined ? '' : at === undefined ? 'kept' : age(now - at)
  return [
    ...[
      printable(node, LONGEST),
      printable(sensor ?? '', LONGEST),
      printable(name === undefined ? (metric ?? '') : `${metric} (${name})`, LONGEST),
    ],
    ...[printable(String(value ?? ''), LONGEST), printable(unit ?? '', LONGEST), old, status],
    printable(alerts.join(' '), 2 * LONGEST),
  ]
}
