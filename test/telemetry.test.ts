import { describe, expect, it } from 'vitest'
import { createFilters } from '../src/filters.ts'
import { QUANTITY_NAMES, type Reading } from '../src/reading.ts'
import { createTelemetry, shown } from '../src/telemetry.ts'

const telemetry = createTelemetry({
  node: 'rpi001',
  run: 'k3f9',
  topics: { sensors: 'sensors/rpi001', devices: 'devices/rpi001', gpio: 'gpio', alerts: 'alerts/rpi001' },
})
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const reading: Reading = {
  at: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  values: { temperature: 21.5, humidity: 40.2, pressure: 1013.2 },
  due: ['temperature', 'pressure'],
  rejected: [],
}

describe('what a counter tells', () => {
  const count = { pulses: 1234, total: 344.7796, rate: 16.764 }

  it('is a total that stays, a rate that expires when nobody renews it, and a record', () => {
    const topic = (last: string): string => `gpio/5/${last}`
    expect(telemetry.count(5, count, 10_000)).toEqual([
      { topic: topic('total'), payload: '344.7796', qos: 1, retain: true },
      { topic: topic('rate'), payload: '16.764', qos: 1, retain: true, expiresMs: 30_000 },
    ])
    expect(telemetry.countRecord(5, reading.at, count, 41)).toEqual({
      topic: topic('data'),
      payload:
        '{"timestamp":"2026-01-02T03:04:05.678Z","node":"rpi001","pin":5,"run":"k3f9","seq":41,"pulses":1234,"total":344.7796,"rate":16.764}',
      qos: 1,
      retain: false,
    })
  })

  it('has no rate where none is known: absent, never 0', () => {
    const unknown = { pulses: 0, total: 0 }
    expect(telemetry.count(5, unknown, 10_000).map(({ topic }) => topic)).toEqual(['gpio/5/total'])
    expect(telemetry.countRecord(5, reading.at, unknown, 0).payload).not.toContain('rate')
  })
})

describe('the record of a read', () => {
  it('has the contract’s keys in the contract’s order, then the values in the sensor’s', () => {
    expect(telemetry.record(undefined, reading, 41)).toEqual({
      topic: 'sensors/rpi001/data',
      payload:
        '{"timestamp":"2026-01-02T03:04:05.678Z","node":"rpi001","run":"k3f9","seq":41,"temperature":21.5,"humidity":40.2,"pressure":1013.2}',
      qos: 1,
      retain: false,
    })
  })

  it('of a sensor with an id says so, in topic and text', () => {
    const { topic, payload } = telemetry.record('attic', reading, 0)
    expect(topic).toBe('sensors/rpi001/attic/data')
    expect(Object.keys(JSON.parse(payload) as object)).toEqual([
      ...['timestamp', 'node', 'sensor', 'run', 'seq'],
      ...['temperature', 'humidity', 'pressure'],
    ])
    expect(JSON.parse(payload)).toMatchObject({ sensor: 'attic', seq: 0 })
  })

  it('carries every valid value, due or not', () => {
    expect(JSON.parse(telemetry.record(undefined, { ...reading, due: [] }, 0).payload)).toMatchObject(reading.values)
  })

  it('says the same numbers as the metrics’ own topics, digit by digit', () => {
    const raws = [21.456, -0.001, 0, 1e-9, 1e21, 123456789.987, 0.1 + 0.2, 1 / 3, -40, 5e-324, 2 ** 53]
    for (const digits of [0, 1, 2, 10]) {
      for (const raw of raws) {
        const filtered = createFilters({ energy: { digits } }, 1000).apply({ energy: raw }, 0, 0)
        const [metric] = telemetry.metrics(undefined, filtered, () => undefined)
        const record = telemetry.record(undefined, filtered, 0).payload
        expect(record).toContain(`"energy":${metric?.payload}}`)
        expect(metric?.payload).not.toBe('-0')
      }
    }
  })

  it('no name of a quantity is a name that the contract uses itself', () => {
    const taken = ['timestamp', 'node', 'sensor', 'run', 'seq', 'data', 'status', 'alert']
    expect(QUANTITY_NAMES.filter((name) => taken.includes(name))).toEqual([])
  })
})

describe('the metrics of a read', () => {
  it('are those that are due: the number as text, retained, on their own topics', () => {
    expect(telemetry.metrics(undefined, reading, () => undefined)).toEqual([
      { topic: 'sensors/rpi001/temperature', payload: '21.5', qos: 1, retain: true },
      { topic: 'sensors/rpi001/pressure', payload: '1013.2', qos: 1, retain: true },
    ])
  })

  it('of a sensor with an id are below it', () => {
    const topics = telemetry.metrics('attic', reading, () => undefined).map(({ topic }) => topic)
    expect(topics).toEqual(['sensors/rpi001/attic/temperature', 'sensors/rpi001/attic/pressure'])
  })

  it('expire after three times the longest normal silence of each, and not at all where there is no end to it', () => {
    const silence = (quantity: string): number | undefined => (quantity === 'temperature' ? 60_000 : undefined)
    const expiries = telemetry.metrics(undefined, reading, silence).map((message) => message.expiresMs)
    expect(expiries).toEqual([180_000, undefined])
  })
})

describe('the other messages', () => {
  it.each([
    ['status', telemetry.status('offline'), 'devices/rpi001/status', 'offline', 1, true],
    ['info', telemetry.info({ version: '1' }), 'devices/rpi001/info', '{"version":"1"}', 1, true],
    ['health', telemetry.health({ uptime: 5 }), 'devices/rpi001/health', '{"uptime":5}', 0, true],
    [
      'the node’s own sensor’s status',
      telemetry.sensorStatus(undefined, 'online'),
      'sensors/rpi001/status',
      'online',
      1,
      true,
    ],
    [
      'a sensor’s status',
      telemetry.sensorStatus('attic', 'offline'),
      'sensors/rpi001/attic/status',
      'offline',
      1,
      true,
    ],
    ['a pin that is on', telemetry.pinState(17, 1), 'gpio/17/state', '1', 1, true],
    ['a pin that is off', telemetry.pinState(0, 0), 'gpio/0/state', '0', 1, true],
  ])('%s', (_, message, topic, payload, qos, retain) => {
    expect(message).toEqual({ topic, payload, qos, retain })
  })

  it('topics of an output and of an input, for people', () => {
    expect(telemetry.pinTopics(17, 'output')).toEqual({
      command: 'gpio/17/command',
      state: 'gpio/17/state',
      result: 'gpio/17/result',
      error: 'gpio/17/error',
    })
    expect(telemetry.pinTopics(27, 'input')).toEqual({ state: 'gpio/27/state' })
  })

  it('topics of a counter, for people, are those that it publishes on', () => {
    const count = { pulses: 1234, total: 344.7796, rate: 16.764 }
    const messages = [...telemetry.count(5, count, 10_000), telemetry.countRecord(5, 0, count, 0)]
    expect(Object.values(telemetry.pinTopics(5, 'counter'))).toEqual(messages.map(({ topic }) => topic))
  })

  it('topics of a sensor, for people', () => {
    expect(telemetry.sensorTopics('attic', ['humidity'])).toEqual([
      ...['sensors/rpi001/attic/humidity', 'sensors/rpi001/attic/data', 'sensors/rpi001/attic/status'],
    ])
  })
})

describe('a command’s topic', () => {
  const own = createTelemetry({
    node: 'n',
    run: 'r',
    topics: { sensors: 's', devices: 'd', gpio: 'house/gpio/n', alerts: 'a' },
  })

  it.each([
    ['gpio/17/command', '17'],
    ['gpio/017/command', '017'],
    ['gpio//command', ''],
    ['gpio/+/command', '+'],
    ['gpio/17 /command', '17 '],
    ['gpio/17/state', undefined],
    ['gpio/17/command/more', undefined],
    ['gpio/17', undefined],
    ['gpio/command', undefined],
    ['gpiox/17/command', undefined],
    ['x/gpio/17/command', undefined],
    ['', undefined],
  ])('%s names the pin %s', (topic, pin) => {
    expect(telemetry.commandPin(topic)).toBe(pin)
  })

  it('follows a prefix of several levels', () => {
    expect(own.commandFilter).toBe('house/gpio/n/+/command')
    expect(own.commandPin('house/gpio/n/5/command')).toBe('5')
    expect(own.commandPin('house/gpio/other/5/command')).toBeUndefined()
  })
})

describe('the error of a command', () => {
  it('says why, repeats the command, and names the node', () => {
    expect(telemetry.commandError('17', 'no such word', bytes('dance'))).toEqual({
      topic: 'gpio/17/error',
      payload: '{"error":"no such word","command":"dance","node":"rpi001"}',
      qos: 1,
      retain: false,
    })
  })

  it.each(['99', '017', 'led-1', 'LED_1', 'x'.repeat(32)])('is told on the level %s', (level) => {
    expect(telemetry.commandError(level, 'x', bytes(''))?.topic).toBe(`gpio/${level}/error`)
  })

  it.each(['', '+', '#', '17 ', ' 17', 'a b', 'x'.repeat(33), 'süd', '17\n', '\0', '$SYS', 'ａ', '１７'])(
    'has no topic for the level %j',
    (level) => {
      expect(telemetry.commandError(level, 'x', bytes(''))).toBeUndefined()
    },
  )
})

describe('a command as it is shown', () => {
  it.each<[string, Uint8Array, string]>([
    ['short text stays as it is', bytes('dance'), 'dance'],
    ['64 characters stay', bytes('x'.repeat(64)), 'x'.repeat(64)],
    ['of 65 the last is cut', bytes('x'.repeat(64).concat('y')), 'x'.repeat(64)],
    ['characters are counted, not bytes', bytes('ü'.repeat(70)), 'ü'.repeat(64)],
    ['a character beyond the basic plane is one, and never cut in half', bytes('😀'.repeat(70)), '😀'.repeat(64)],
    ['bytes that are no text become U+FFFD', new Uint8Array([0x6f, 0xff, 0x6e]), 'o\uFFFDn'],
    ['a sequence that breaks off becomes U+FFFD', new Uint8Array([0x61, 0xe2, 0x82]), 'a\uFFFD'],
    ['a byte order mark is seen', new Uint8Array([0xef, 0xbb, 0xbf, 0x6f, 0x6e]), '\uFEFFon'],
    ['NUL is a character', new Uint8Array([0x6f, 0x00, 0x6e]), 'o\0n'],
    ['nothing is nothing', new Uint8Array(), ''],
  ])('%s', (_, payload, expected) => {
    expect(shown(payload)).toBe(expected)
  })

  it('of a megabyte is not decoded whole', () => {
    expect(shown(new Uint8Array(1_000_000).fill(0xff))).toBe('\uFFFD'.repeat(64))
  })
})
