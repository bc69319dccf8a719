/** Each reading once: by record where there is one, by metric where there is none. */
import { describe, expect, it } from 'vitest'
import { createIntake } from '../../src/logger/intake.ts'
import { createReader } from '../../src/tools/topics.ts'

const AT = Date.UTC(2026, 0, 1)
const record = (seq: number, more: object = { temperature: 21.5 }, run = 'k3f9') =>
  JSON.stringify({ timestamp: '2026-01-01T00:00:00Z', node: 'n', run, seq, ...more })

function intake(contents?: Parameters<typeof createIntake>[1]) {
  const all = createIntake(createReader(), contents)
  const take = (topic: string, payload: string | Buffer, at = AT, retained = false) =>
    all.take({ topic, payload: Buffer.from(payload), retained }, at)
  const written = (...args: Parameters<typeof take>) => take(...args).rows.map(({ metric, value }) => [metric, value])
  return { all, take, written }
}

describe('a record', () => {
  it('gives a row for each number in it, with its own time, device and sensor', () => {
    const { take } = intake()
    const text = record(0, { clock: 'unsynchronised', ts: 5, temperature: 21.5, humidity: 40, door: true, note: 'x' })
    expect(take('sensors/n/attic/data', text).rows).toEqual(
      [
        { metric: 'temperature', value: 21.5 },
        { metric: 'humidity', value: 40 },
        { metric: 'door', value: true },
      ].map((one) => ({
        ...{ timestamp: '2026-01-01T00:00:00.000Z', device: 'n', sensor: 'attic', run: 'k3f9', seq: 0 },
        ...one,
      })),
    )
  })

  it('that comes again is left out, also in another order, and after a restart', () => {
    const { all, take } = intake()
    for (const seq of [0, 2, 1]) expect(take('sensors/n/data', record(seq)).rows).toHaveLength(1)
    for (const seq of [2, 0, 1]) expect(take('sensors/n/data', record(seq))).toEqual({ rows: [], duplicate: true })
    const later = intake(all.contents())
    expect(later.take('sensors/n/data', record(1)).duplicate).toBe(true)
    expect(later.take('sensors/n/data', record(3)).rows).toHaveLength(1)
  })

  it('of another run, sensor or node is another record', () => {
    const { take } = intake()
    take('sensors/n/data', record(0))
    expect(take('sensors/n/data', record(0, { temperature: 1 }, 'next')).rows).toHaveLength(1)
    expect(take('sensors/n/attic/data', record(0)).rows).toHaveLength(1)
    expect(take('sensors/m/data', record(0)).rows).toHaveLength(1)
  })

  it('without run and seq is written each time: nobody can know', () => {
    const { written } = intake()
    for (let time = 0; time < 2; time += 1) expect(written('sensors/n/data', '{"temperature":1}')).toHaveLength(1)
  })

  it.each(['', '[]', '"x"', '{', 'null', '{}', '{"temperature":"hot"}', Buffer.from([0xff, 0xfe])])(
    'that is none (%j) is told, and nothing is written',
    (payload) => {
      expect(intake().take('sensors/n/data', payload)).toMatchObject({ rows: [], problem: expect.any(String) })
    },
  )

  it('with a time that is none has the time at which it came', () => {
    const text = JSON.stringify({ timestamp: 'noon', temperature: 1 })
    expect(intake().take('sensors/n/data', text).rows[0]?.timestamp).toBe('2026-01-01T00:00:00.000Z')
  })
})

describe('a record of a counter', () => {
  const pulses = (node: string, seq: number, run = 'k3f9') =>
    JSON.stringify({ timestamp: '2026-01-01T00:00:00Z', node, pin: 20, run, seq, pulses: seq, total: seq / 2 })

  it('gives a row for each number but its pin, with the node that it names where the topic has none', () => {
    const { take } = intake()
    const rows = [
      { metric: 'pulses', value: 1 },
      { metric: 'total', value: 0.5 },
    ].map((one) => ({
      ...{ timestamp: '2026-01-01T00:00:00.000Z', device: 'n', sensor: 'gpio/20', run: 'k3f9', seq: 1 },
      ...one,
    }))
    expect(take('gpio/20/data', pulses('n', 1)).rows).toEqual(rows)
    expect(take('gpio/n/20/data', pulses('n', 1)).rows).toEqual(rows)
  })

  it('that comes again is left out, also after a restart, and by a journal', () => {
    const { all, take } = intake()
    const { place } = take('gpio/20/data', pulses('n', 0))
    expect(take('gpio/20/data', pulses('n', 0)).duplicate).toBe(true)
    expect(intake(all.contents()).take('gpio/20/data', pulses('n', 0)).duplicate).toBe(true)
    const later = intake()
    if (place !== undefined) later.all.restore(place.source, place)
    expect(later.take('gpio/20/data', pulses('n', 0)).duplicate).toBe(true)
  })

  it('of many nodes with one prefix: none makes another one’s be forgotten', () => {
    const { take } = intake()
    const nodes = Array.from({ length: 20 }, (_, index) => `n${index}`)
    for (const node of nodes) expect(take('gpio/20/data', pulses(node, 0, `run-${node}`)).rows).toHaveLength(2)
    for (const node of nodes) expect(take('gpio/20/data', pulses(node, 0, `run-${node}`)).duplicate).toBe(true)
  })

  it.each(['gpio/20/total', 'gpio/20/rate', 'gpio/20/state'])('is no %s', (topic) => {
    expect(intake().take(topic, '5').rows).toEqual([])
  })
})

describe('a metric', () => {
  it('of a sensor without records is written with the time at which it came', () => {
    const { take } = intake()
    expect(take('sensors/n/temperature', ' 21.50').rows).toEqual([
      { timestamp: '2026-01-01T00:00:00.000Z', device: 'n', sensor: '', metric: 'temperature', value: 21.5 },
    ])
    expect(take('sensors/n/attic/door', 'open').rows).toMatchObject([{ sensor: 'attic', value: 'open' }])
  })

  it('of a sensor with records is not written, before and after a restart', () => {
    const { all, written } = intake()
    written('sensors/n/data', record(0))
    expect(written('sensors/n/temperature', '21.5')).toEqual([])
    expect(intake(all.contents()).written('sensors/n/temperature', '21.5')).toEqual([])
    expect(written('sensors/n/attic/temperature', '21.5')).toHaveLength(1)
  })

  it('of a sensor whose birth names records is not written', () => {
    const { take, written } = intake()
    const birth = { sensors: [{ topics: ['sensors/n/temperature', 'sensors/n/data', 'sensors/n/status'] }] }
    take('devices/n/info', JSON.stringify(birth), AT, true)
    expect(written('sensors/n/temperature', '21.5')).toEqual([])
  })

  it('that comes just before the first record of its sensor is the same reading: written once', () => {
    const { written } = intake()
    expect(written('sensors/n/temperature', '21.5')).toHaveLength(1)
    expect(written('sensors/n/data', record(0, { temperature: 21.5, humidity: 40 }), AT + 20)).toEqual([
      ['humidity', 40],
    ])
    expect(written('sensors/n/data', record(1, { temperature: 21.5 }), AT + 1000)).toHaveLength(1)
  })

  it('long before the first record is another reading', () => {
    const { written } = intake()
    written('sensors/n/temperature', '21.5')
    expect(written('sensors/n/data', record(0), AT + 60_000)).toHaveLength(1)
  })

  it.each([
    ['retained: nobody knows of when', 'sensors/n/temperature', '21.5', true],
    ['empty: it takes back what was retained', 'sensors/n/temperature', '', false],
    ['a status', 'sensors/n/status', 'online', false],
    ['an event', 'sensors/n/attic/alert', '{}', false],
    ['elsewhere', 'gpio/17/state', '1', false],
    ['too deep', 'sensors/n/a/b/c', '1', false],
    ['endless', 'sensors/n/temperature', 'x'.repeat(2000), false],
    ['a birth that is none', 'devices/n/info', '{"sensors":[null,{"topics":5}]}', true],
  ])('or the like is not written where it is %s', (_, topic, payload, retained) => {
    expect(intake().take(topic, payload, AT, retained).rows).toEqual([])
  })
})

it('memory is bounded: of many runs the last ones, of many gaps the last ones', () => {
  const { all, take } = intake()
  for (let run = 0; run < 6; run += 1)
    for (let seq = 0; seq < 2000; seq += 2) take('sensors/n/data', record(seq, { temperature: 1 }, `run${run}`))
  const [[, runs] = ['', []]] = all.contents().seen
  expect(runs.map(([run]) => run)).toEqual(['run2', 'run3', 'run4', 'run5'])
  for (const [, ranges] of runs) expect(ranges).toHaveLength(256)
  expect(take('sensors/n/data', record(1998, { temperature: 1 }, 'run5')).duplicate).toBe(true)
})
