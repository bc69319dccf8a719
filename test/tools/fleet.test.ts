/** What `fleet` knows, from what nodes say of themselves. */
import { describe, expect, it } from 'vitest'
import { createFleet, notOnline } from '../../src/tools/fleet.ts'
import { createReader } from '../../src/tools/topics.ts'

const NOW = Date.parse('2026-06-01T12:00:00Z')

function open(mostNodes?: number) {
  const fleet = createFleet(mostNodes)
  const meaningOf = createReader()
  const hear = (topic: string, payload: unknown, retained = true, at = NOW) => {
    const meaning = meaningOf(topic)
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload)
    return meaning && fleet.hear(meaning, Buffer.from(text), retained, at)
  }
  return { fleet, hear }
}

const HEALTH = {
  timestamp: '2026-06-01T11:59:30Z',
  sensors: [
    { id: 'attic', type: 'dht11', status: 'offline', error: 'no answer' },
    { type: 'bme280', status: 'online', error: 'older' },
  ],
  pins: { 22: 'busy' },
  outbox: { depth: 7, dropped: { 'too old': 3, full: 0 } },
  last_error: 'the broker cut the connection',
}

describe('fleet', () => {
  it('a node of ours is known by status, info and health', () => {
    const { fleet, hear } = open()
    hear('devices/n1/status', 'online')
    hear('devices/n1/info', { version: '1.2.3', started: '2026-06-01T10:00:00Z' })
    hear('devices/n1/health', HEALTH)
    expect(fleet.nodes(NOW)).toEqual([
      {
        ...{ node: 'n1', status: 'online', since: Date.parse('2026-06-01T10:00:00Z'), sinceBy: 'started' },
        ...{ version: '1.2.3', lastSeen: Date.parse('2026-06-01T11:59:30Z'), queue: 7 },
        faults: [
          ...['attic offline: no answer', 'pin 22: busy', '3 dropped (too old)'],
          'last error: the broker cut the connection',
        ],
      },
    ])
  })

  it('a publisher of a status only is in it, with nothing invented', () => {
    const { fleet, hear } = open()
    hear('devices/esp/status', 'online')
    hear('devices/old/status', 'offline')
    expect(fleet.nodes(NOW)).toEqual([
      { node: 'esp', status: 'online', faults: [] },
      { node: 'old', status: 'offline', faults: [] },
    ])
  })

  it('a change that is heard tells since when; the will is not the node’s own word', () => {
    const { fleet, hear } = open()
    hear('devices/n1/status', 'online')
    hear('devices/n1/status', 'offline', false, NOW + 1000)
    expect(fleet.node('n1', NOW)).toMatchObject({ status: 'offline', since: NOW + 1000, sinceBy: 'heard' })
    expect(fleet.node('n1', NOW)).not.toHaveProperty('lastSeen')
    hear('devices/n1/status', 'online', false, NOW + 5000)
    expect(fleet.node('n1', NOW)).toMatchObject({ status: 'online', since: NOW + 5000, lastSeen: NOW + 5000 })
    // The tool's own connection was away: what is kept says the same.
    hear('devices/n1/status', 'online', true, NOW + 9000)
    expect(fleet.node('n1', NOW)).toMatchObject({ since: NOW + 5000 })
    // It was not: the change was not heard.
    hear('devices/n1/status', 'offline', true, NOW + 9000)
    expect(fleet.node('n1', NOW)).not.toHaveProperty('since')
  })

  it('the start of a node that is offline is not since when it is', () => {
    const { fleet, hear } = open()
    hear('devices/n1/status', 'offline')
    hear('devices/n1/info', { started: '2026-06-01T10:00:00Z' })
    expect(fleet.node('n1', NOW)).not.toHaveProperty('since')
  })

  it('a node that says online and reports no more stays online, and is called silent', () => {
    const { fleet, hear } = open()
    hear('devices/n1/status', 'online')
    hear('devices/n1/health', { timestamp: '2026-06-01T11:00:00Z' })
    expect(fleet.node('n1', NOW)).toMatchObject({ status: 'online', faults: ['silent'] })
  })

  it.each(['maybe', '', '{"status":"online"}', '\u001b[2J'])('a status of %j is not taken for online', (status) => {
    const { fleet, hear } = open()
    hear('devices/n1/info', { version: '1' })
    hear('devices/n1/status', status)
    expect(fleet.node('n1', NOW).status).toBe('unknown')
  })

  it.each([
    ...['null', '[]', 'x', '{"outbox":7,"sensors":{},"pins":[1]}', '{"timestamp":5,"outbox":{"depth":"many"}}'],
    '{"sensors":[null,{"status":"offline"}]}',
  ])('a health report of %s does no harm', (payload) => {
    const { fleet, hear } = open()
    hear('devices/n1/status', 'online')
    hear('devices/n1/health', payload)
    hear('devices/n1/info', payload)
    expect(fleet.node('n1', NOW)).toMatchObject({ node: 'n1', status: 'online' })
    expect(fleet.node('n1', NOW)).not.toHaveProperty('queue')
  })

  it('what a node says is kept short, however long it is', () => {
    const { fleet, hear } = open()
    const sensors = Array.from({ length: 5000 }, () => ({
      id: 'x'.repeat(1000),
      status: 'offline',
      error: 'y'.repeat(1000),
    }))
    hear('devices/n1/health', { sensors })
    expect(JSON.stringify(fleet.node('n1', NOW)).length).toBeLessThan(10_000)
  })

  it('a node whose messages are cleared is gone', () => {
    const { fleet, hear } = open()
    hear('devices/n1/status', 'online')
    hear('devices/n1/status', '')
    hear('devices/n2/status', '')
    expect(fleet.nodes(NOW)).toEqual([])
  })

  it('holds no more than its most, and counts the rest', () => {
    const { fleet, hear } = open(2)
    for (const node of ['a', 'b', 'c', 'd']) hear(`devices/${node}/status`, 'online')
    hear('devices/a/status', 'offline')
    expect(fleet.nodes(NOW).map(({ node, status }) => [node, status])).toEqual([
      ['a', 'offline'],
      ['b', 'online'],
    ])
    expect(fleet.turnedAway).toBe(2)
  })

  it('whoever is expected is missing unless it is online', () => {
    const { fleet, hear } = open()
    hear('devices/a/status', 'online')
    hear('devices/b/status', 'offline')
    hear('devices/c/status', 'maybe')
    expect(notOnline(['d', 'a', 'b', 'c'], fleet.nodes(NOW))).toEqual(['d', 'b', 'c'])
  })
})
