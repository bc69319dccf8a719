/** One value of one sensor at one time, and how it is written down: a line of CSV (RFC 4180) or of JSON. Pure. */
import { jsonText } from '../tools/printable.ts'

export interface Row {
  /** RFC 3339, in UTC. */
  readonly timestamp: string
  readonly device: string
  /** Empty for the sensor that is the device's own. */
  readonly sensor: string
  readonly metric: string
  /** Text only from a publisher that is not ours. */
  readonly value: number | boolean | string
  /** Where it comes from a record that has them. */
  readonly run?: string
  readonly seq?: number
}

export type Format = 'csv' | 'jsonl'

/** The first line of a file. */
export const HEADERS: Readonly<Record<Format, string>> = {
  csv: 'timestamp,device_id,sensor,metric,value\n',
  jsonl: '',
}

/** Whole lines, each with its line feed. */
export function formatRows(rows: readonly Row[], format: Format): string {
  return rows.map(format === 'csv' ? csvLine : jsonLine).join('')
}

function csvLine({ timestamp, device, sensor, metric, value }: Row): string {
  return `${[timestamp, device, sensor, metric, String(value)].map(csvField).join(',')}\n`
}

/** NUL ends a line for many readers, and others command the terminal of whoever looks at the file. */
const UNFIT = /(?![\t\r\n])\p{Cc}/gu

/** RFC 4180, section 2: what has a comma, a quote or a line break stands in quotes, quotes in it are doubled. */
export function csvField(text: string): string {
  const clean = text.replace(UNFIT, '\ufffd')
  return /[",\r\n]/.test(clean) ? `"${clean.replaceAll('"', '""')}"` : clean
}

function jsonLine({ timestamp, device, sensor, metric, value, run, seq }: Row): string {
  const place = run === undefined ? {} : { run, seq }
  return `${jsonText({ timestamp, device_id: device, sensor, metric, value, ...place })}\n`
}
