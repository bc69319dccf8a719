/** What `watch` knows, from messages of any publisher. */
import { describe, expect, it } from 'vitest'
import { createReadings } from '../../src/tools/readings.ts'
import { rowJson, rowLine, rowLines } from '../../src/tools/row-text.ts'
import { createReader } from '../../src/tools/topics.ts'

const NOW = Date.parse('2026-06-01T12:00:00Z')

interface How {
  readonly retained?: boolean
  readonly expiresMs?: number
  readonly at?: number
}

/** Readings that are fed by topic and text. */
function open(mostRows?: number) {
  const readings = createReadings(mostRows)
  const meaningOf = createReader()
  const hear = (topic: string, payload: string, { retained = false, at = NOW, ...more }: How = {}) => {
    const meaning = meaningOf(topic)
    return meaning === undefined
      ? []
      : readings.hear(topic, meaning, { payload: Buffer.from(payload), retained, ...more }, at)
  }
  return { readings, hear }
}

describe('readings', () => {
  it('a metric has its unit, its age and the status of its node', () => {
    const { readings, hear } = open()
    hear('devices/n1/status', 'online', { retained: true })
    hear('sensors/n1/attic/temperature', '21.5')
    expect(readings.rows(NOW + 3000)).toEqual([
      {
        node: 'n1',
        sensor: 'attic',
        metric: 'temperature',
        value: 21.5,
        unit: '°C',
        at: NOW,
        status: 'online',
        alerts: [],
      },
    ])
  })

  it('a value that the broker had kept is of no known age, until a live one comes', () => {
    const { readings, hear } = open()
    hear('sensors/n1/temperature', '20', { retained: true })
    expect(readings.rows(NOW)[0]).not.toHaveProperty('at')
    hear('sensors/n1/temperature', '20')
    expect(readings.rows(NOW)[0]?.at).toBe(NOW)
    // After a reconnect the same comes again.
    expect(hear('sensors/n1/temperature', '20', { retained: true })).toEqual([])
    expect(readings.rows(NOW)[0]?.at).toBe(NOW)
    hear('sensors/n1/temperature', '19', { retained: true })
    expect(readings.rows(NOW)[0]).not.toHaveProperty('at')
  })

  it('an offline node, an offline sensor and a value past its life are told apart', () => {
    const { readings, hear } = open()
    hear('devices/n1/status', 'online')
    hear('sensors/n1/temperature', '20', { expiresMs: 30_000 })
    const status = (now = NOW) => readings.rows(now)[0]?.status
    expect(status()).toBe('online')
    expect(status(NOW + 30_001)).toBe('expired')
    hear('sensors/n1/status', 'offline')
    expect(status()).toBe('sensor offline')
    hear('devices/n1/status', 'offline')
    expect(status()).toBe('offline')
    hear('devices/n1/status', '')
    hear('sensors/n1/status', 'online')
    expect(status()).toBe('')
  })

  it('an empty message takes the value away', () => {
    const { readings, hear } = open()
    hear('sensors/n1/temperature', '20')
    hear('sensors/n1/temperature', '')
    expect(readings.rows(NOW)).toEqual([])
  })

  it('a publisher of records only is heard; what waited in an outbox does not replace what is newer', () => {
    const { readings, hear } = open()
    const record = (second: number, temperature: number) =>
      hear(
        'sensors/n1/data',
        JSON.stringify({ timestamp: `2026-06-01T11:59:0${second}Z`, node: 'n1', run: 'r', seq: second, temperature }),
      )
    record(5, 21)
    record(2, 99)
    expect(readings.rows(NOW)).toMatchObject([
      { metric: 'temperature', value: 21, at: Date.parse('2026-06-01T11:59:05Z') },
    ])
    record(7, 22)
    expect(readings.rows(NOW)[0]?.value).toBe(22)
  })

  it('a record of a clock that is not set, or ahead of ours, is as old as its arrival', () => {
    const { readings, hear } = open()
    hear('sensors/n1/data', '{"timestamp":"1970-01-01T00:00:00Z","clock":"unsynchronised","temperature":1}')
    hear('sensors/n2/data', '{"timestamp":"2040-01-01T00:00:00Z","temperature":1}')
    expect(readings.rows(NOW).map(({ at }) => at)).toEqual([NOW, NOW])
  })

  it.each([
    ['no JSON', 'x{'],
    ['no object', '[1,2]'],
    ['no numbers', '{"temperature":"21","humidity":null,"pressure":{"a":1}}'],
    ['nothing', ''],
  ])('a record that is %s gives no row', (_, payload) => {
    const { readings, hear } = open()
    expect(hear('sensors/n1/data', payload)).toEqual([])
    expect(readings.rows(NOW)).toEqual([])
  })

  it('text in the place of a number stays text, and is safe to print', () => {
    const { readings, hear } = open()
    hear('sensors/n1/temperature', `\u001b[31m${'x'.repeat(100_000)}`)
    const [row] = readings.rows(NOW)
    expect(String(row?.value).length).toBeLessThan(200)
    const text = [...rowLines(readings.rows(NOW), NOW), ...readings.rows(NOW).map((one) => rowLine(one, NOW))].join('|')
    expect(text).not.toContain('\u001b')
    expect(text).toContain('\ufffd[31m')
    expect(rowJson(readings.rows(NOW)[0] ?? { node: '', status: '', alerts: [] }, NOW)).not.toContain('\u001b')
  })

  it('names in topics are shown safely, too', () => {
    const { readings, hear } = open()
    hear('sensors/n\u001b[1m/\u0007/\u009bm', '1')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
    expect(rowLines(readings.rows(NOW), NOW).join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
  })

  it('an alert stands at its metric, or in a row of its own, until it ends', () => {
    const { readings, hear } = open()
    hear('sensors/n1/fridge/temperature', '12')
    hear(
      'alerts/n1/warm',
      '{"node":"n1","alert":"warm","since":"2026-06-01T11:00:00Z","sensor":"fridge","metric":"temperature"}',
    )
    hear('alerts/n1/door', 'not even JSON')
    expect(readings.rows(NOW)).toMatchObject([
      { node: 'n1', alerts: ['door'] },
      { node: 'n1', sensor: 'fridge', metric: 'temperature', alerts: ['warm'] },
    ])
    expect(readings.counts.alerts).toBe(2)
    expect(hear('alerts/n1/warm', '')).toMatchObject([{ value: 'ended', alerts: ['warm'] }])
    hear('alerts/n1/door', '')
    expect(readings.rows(NOW)).toMatchObject([{ metric: 'temperature', alerts: [] }])
  })

  it('pins have the names, units and node that the node’s info gives them', () => {
    const { readings, hear } = open()
    hear('gpio/20/total', '12.5')
    hear('gpio/17/state', '1')
    const pins = [
      { pin: 17, name: 'LED', topics: { state: 'gpio/17/state' } },
      { pin: 20, unit: 'mm', rate_unit: 'mm/h', topics: { total: 'gpio/20/total' } },
    ]
    hear('devices/n1/info', JSON.stringify({ pins }))
    expect(readings.rows(NOW)).toMatchObject([
      { node: 'n1', metric: 'gpio 17', name: 'LED', value: 1 },
      { node: 'n1', metric: 'gpio 20 total', value: 12.5, unit: 'mm' },
    ])
    expect(rowLines(readings.rows(NOW), NOW)[1]).toContain('gpio 17 (LED)')
    hear('devices/n1/info', '')
    expect(readings.rows(NOW)[0]).toMatchObject({ node: '', metric: 'gpio 17' })
  })

  it('units that a publisher names are taken', () => {
    const { readings, hear } = open()
    hear('devices/n1/info', '{"units":{"flow":"l/min"},"sensors":[{"id":"tank","units":{"level":"cm"}},7]}')
    hear('sensors/n1/flow', '2')
    hear('sensors/n1/tank/level', '80')
    expect(readings.rows(NOW).map(({ unit }) => unit)).toEqual(['l/min', 'cm'])
  })

  it.each(['null', '[]', '{"pins":7,"sensors":"x","units":3}', '{"pins":[null,{"topics":5}]}', '\u0000'])(
    'an info of %j does no harm',
    (payload) => {
      const { readings, hear } = open()
      hear('devices/n1/info', payload)
      hear('sensors/n1/temperature', '1')
      expect(readings.rows(NOW)).toMatchObject([{ node: 'n1', value: 1 }])
    },
  )

  it('holds no more than its most, goes on with what it has, and counts the rest', () => {
    const { readings, hear } = open(3)
    for (let n = 0; n < 10; n += 1) hear(`sensors/n${n}/temperature`, '1')
    hear('sensors/n0/temperature', '2')
    hear(`sensors/${'x'.repeat(1000)}/temperature`, '1')
    expect(readings.rows(NOW).map(({ node, value }) => [node, value])).toEqual([
      ['n0', 2],
      ['n1', 1],
      ['n2', 1],
    ])
    expect(readings.counts).toMatchObject({ values: 3, leftOut: 8 })
  })

  it('a node and its own sensor are told of once where both say the same, and again when either changes that', () => {
    const { hear } = open()
    const told = (topic: string, payload: string) => hear(topic, payload).map(({ status }) => status)
    expect(told('devices/n1/status', 'online')).toEqual(['online'])
    expect(told('sensors/n1/status', 'online')).toEqual([])
    expect(told('sensors/n1/attic/status', 'online')).toEqual(['online'])
    expect(told('sensors/n1/status', 'offline')).toEqual(['sensor offline'])
    expect(told('devices/n1/status', 'offline')).toEqual(['offline'])
    expect(told('sensors/n1/status', 'online')).toEqual([])
    expect(told('devices/n1/status', 'online')).toEqual(['online'])
  })

  it('a node that has said nothing but its status has a row', () => {
    const { readings, hear } = open()
    hear('devices/n2/status', 'offline')
    hear('devices/n10/status', 'online')
    hear('devices/n3/status', '{"state":"on"}')
    expect(readings.rows(NOW)).toMatchObject([
      { node: 'n2', status: 'offline' },
      { node: 'n10', status: 'online' },
    ])
    expect(readings.counts).toMatchObject({ nodes: 2, offline: 1 })
  })

  it('is text for people and JSON for scripts', () => {
    const { readings, hear } = open()
    hear('devices/n1/status', 'online')
    hear('sensors/n1/temperature', '21.5')
    hear('sensors/n1/attic/humidity', '40', { retained: true })
    const rows = readings.rows(NOW + 65_000)
    expect(rowLines(rows, NOW + 65_000)).toEqual([
      'NODE  SENSOR  METRIC       VALUE  UNIT   AGE  STATUS  ALERTS',
      'n1            temperature   21.5  °C      1m  online',
      'n1    attic   humidity        40  %     kept  online',
    ])
    expect(rows.map((row) => rowLine(row, NOW + 65_000))).toEqual([
      '2026-06-01T12:01:05.000Z  n1  -  temperature  21.5 °C  1m  online',
      '2026-06-01T12:01:05.000Z  n1  attic  humidity  40 %  kept  online',
    ])
    expect(rows.map((row) => JSON.parse(rowJson(row, NOW + 65_000)))).toEqual([
      {
        ...{ time: '2026-06-01T12:01:05.000Z', node: 'n1', metric: 'temperature', value: 21.5, unit: '°C' },
        ...{ alerts: [], age: 65, status: 'online' },
      },
      {
        ...{ time: '2026-06-01T12:01:05.000Z', node: 'n1', sensor: 'attic', metric: 'humidity', value: 40, unit: '%' },
        ...{ alerts: [], status: 'online' },
      },
    ])
  })
})
