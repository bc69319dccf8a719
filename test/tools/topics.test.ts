/** What topics of any publisher of the contract mean. */
import { describe, expect, it } from 'vitest'
import { createReader, filtersOf } from '../../src/tools/topics.ts'

describe('topics of the contract', () => {
  const read = createReader()

  it.each([
    ['devices/n1/status', { kind: 'status', node: 'n1' }],
    ['devices/n1/info', { kind: 'info', node: 'n1' }],
    ['devices/n1/health', { kind: 'health', node: 'n1' }],
    ['sensors/n1/temperature', { kind: 'metric', node: 'n1', sensor: undefined, metric: 'temperature' }],
    ['sensors/n1/attic/temperature', { kind: 'metric', node: 'n1', sensor: 'attic', metric: 'temperature' }],
    ['sensors/n1/data', { kind: 'data', node: 'n1', sensor: undefined }],
    ['sensors/n1/attic/data', { kind: 'data', node: 'n1', sensor: 'attic' }],
    ['sensors/n1/status', { kind: 'sensor-status', node: 'n1', sensor: undefined }],
    ['sensors/n1/attic/alert', { kind: 'alert-event', node: 'n1', sensor: 'attic' }],
    ['alerts/n1/fridge', { kind: 'alert', node: 'n1', name: 'fridge' }],
    ['gpio/17/state', { kind: 'pin', node: undefined, pin: '17', what: 'state' }],
    ['gpio/n1/17/state', { kind: 'pin', node: 'n1', pin: '17', what: 'state' }],
    ['gpio/n1/17/total', { kind: 'pin', node: 'n1', pin: '17', what: 'total' }],
  ])('%s is understood', (topic, meaning) => {
    expect(read(topic)).toEqual(meaning)
  })

  it.each([
    ...['', 'devices', 'devices/n1', 'devices/n1/request', 'devices/n1/status/x', 'devices//status'],
    ...['sensors/n1', 'sensors/n1/', 'sensors//temperature', 'sensors/n1/a/b/c', 'sensor/n1/temperature'],
    ...['alerts/n1', 'alerts/n1/a/b', 'gpio/17/command', 'gpio/17', 'gpio/a/b/17/state', 'gpio//17/state'],
  ])('%j means nothing', (topic) => {
    expect(read(topic)).toBeUndefined()
  })

  it('prefixes of one’s own are understood, with the node as a level or a part of one', () => {
    const own = createReader({
      sensors: 'home/pi-{node}-x/s',
      devices: 'd/{node}',
      gpio: 'g/{node}/pins',
      alerts: 'a/b/{node}',
    })
    expect(own('home/pi-n1-x/s/temperature')).toMatchObject({ kind: 'metric', node: 'n1', metric: 'temperature' })
    expect(own('home/pi--x/s/temperature')).toBeUndefined()
    expect(own('home/pi-n1/s/temperature')).toBeUndefined()
    expect(own('g/n1/pins/4/state')).toMatchObject({ kind: 'pin', node: 'n1', pin: '4' })
    expect(own('g/4/state')).toBeUndefined()
    expect(own('a/b/n1/hot')).toMatchObject({ kind: 'alert', node: 'n1', name: 'hot' })
  })

  it('a prefix without a node leaves it open', () => {
    const own = createReader({ sensors: 'here', devices: 'me', gpio: 'gpio', alerts: 'alerts' })
    expect(own('here/temperature')).toEqual({
      kind: 'metric',
      node: undefined,
      sensor: undefined,
      metric: 'temperature',
    })
    expect(own('me/status')).toEqual({ kind: 'status', node: undefined })
  })

  it('the filters hear every node', () => {
    expect(filtersOf(['devices', 'alerts'])).toEqual([
      'devices/+/status',
      'devices/+/info',
      'devices/+/health',
      'alerts/+/+',
    ])
    expect(filtersOf(['sensors'], { sensors: 'x/pi-{node}', devices: 'd', gpio: 'g', alerts: 'a' })).toEqual(['x/+/#'])
    expect(filtersOf(['gpio'])).toContain('gpio/+/+/state')
    expect(filtersOf(['counters'])).toEqual(['gpio/+/data', 'gpio/+/+/data'])
  })
})
