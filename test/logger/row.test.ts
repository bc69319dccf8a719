import { expect, it } from 'vitest'
import { csvField, formatRows, HEADERS } from '../../src/logger/row.ts'

const row = { timestamp: '2026-01-01T00:00:00.000Z', device: 'rpi001', sensor: 'attic', metric: 'temperature' }

it('a line of CSV has the fields of the header, and ends with one line feed', () => {
  expect(HEADERS.csv).toBe('timestamp,device_id,sensor,metric,value\n')
  expect(formatRows([{ ...row, value: 21.5, run: 'k3f9', seq: 4 }], 'csv')).toBe(
    '2026-01-01T00:00:00.000Z,rpi001,attic,temperature,21.5\n',
  )
})

it.each([
  ['a,b', '"a,b"'],
  ['say "on"', '"say ""on"""'],
  ['two\nlines', '"two\nlines"'],
  ['two\r\nlines', '"two\r\nlines"'],
  ['NUL\0', 'NUL\ufffd'],
  ['\u001b[2J\u009b', '\ufffd[2J\ufffd'],
  ['tab\t', 'tab\t'],
  ['=1+1', '=1+1'],
  ['', ''],
])('%j is written as %j', (text, field) => {
  expect(csvField(text)).toBe(field)
})

it('a hostile value stays one record of five fields', () => {
  const hostile = '1","x"\r\n2026,other,s,m,9\n"'
  const line = formatRows([{ ...row, value: hostile }], 'csv')
  expect(parseCsv(line)).toEqual([[row.timestamp, 'rpi001', 'attic', 'temperature', hostile]])
})

it('a line of JSON has run and seq where the record had them, and is one line whatever the value is', () => {
  const line = formatRows([{ ...row, value: 'a\nb', run: 'k3f9', seq: 4 }], 'jsonl')
  expect(line.match(/\n/g)).toHaveLength(1)
  expect(JSON.parse(line)).toEqual({
    timestamp: row.timestamp,
    device_id: 'rpi001',
    sensor: 'attic',
    metric: 'temperature',
    value: 'a\nb',
    run: 'k3f9',
    seq: 4,
  })
  expect(JSON.parse(formatRows([{ ...row, value: 1 }], 'jsonl'))).not.toHaveProperty('run')
})

it('neither format lets a value command the terminal of who looks at the file', () => {
  for (const format of ['csv', 'jsonl'] as const)
    expect(formatRows([{ ...row, value: '\u001b]0;x\u0007\u009b2J\u202e' }], format)).not.toMatch(/(?!\n)\p{Cc}/u)
})

/** As RFC 4180 has it. */
function parseCsv(text: string): string[][] {
  const records: string[][] = []
  let fields: string[] = []
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/g)) {
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === '\n') {
      records.push(fields)
      fields = []
    }
  }
  return records
}
