import { describe, expect, it } from 'vitest'
import { parseRequest } from '../src/request.ts'
import { ACTION_NAMES, actions } from '../src/requests/index.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const parse = (request: unknown, allowed = ACTION_NAMES as readonly (typeof ACTION_NAMES)[number][]) =>
  parseRequest(bytes(typeof request === 'string' ? request : JSON.stringify(request)), allowed)

describe('a request', () => {
  it.each([
    [{ action: 'ping' }, { action: 'ping', args: {} }],
    [
      { id: 'a1', action: 'info' },
      { id: 'a1', action: 'info', args: {} },
    ],
    [
      { id: 7, action: 'read' },
      { id: 7, action: 'read', args: {} },
    ],
    [
      { id: '1', action: 'read', sensor: 'attic' },
      { id: '1', action: 'read', args: { sensor: 'attic' } },
    ],
    [
      { action: 'log_level', level: 'debug' },
      { action: 'log_level', args: { level: 'debug' } },
    ],
    [
      { action: 'ping', ts: '2026-01-01T01:00:00+01:00', ttl: '10s' },
      { action: 'ping', args: {}, validity: { at: Date.UTC(2026, 0, 1), ttlMs: 10_000 } },
    ],
  ])('%j is understood', (request, understood) => {
    expect(parse(request)).toEqual(understood)
    expect(parse(` ${JSON.stringify(request)}\n`)).toEqual(understood)
  })

  it.each<[string, string | object, string]>([
    ['that is empty', '  ', 'the request is empty; it may look like {"id":"1","action":"ping"}'],
    ['that is cut off', '{"action":', 'the request is not valid JSON; it may look like {"id":"1","action":"ping"}'],
    ['that is a word', 'ping', 'the request is not valid JSON; it may look like {"id":"1","action":"ping"}'],
    ['that is text in quotes', '"ping"', 'the request must be a JSON object; it may look like'],
    ['that is a list', '[{"action":"ping"}]', 'the request must be a JSON object; it may look like'],
    ['that is null', 'null', 'the request must be a JSON object; it may look like'],
    ['without an action', { id: '1' }, '"action" is missing; there are "ping", "info", "read", "log_level", "reload"'],
    ['with an action that is no text', { action: 5 }, '"action" must be text; there are "ping"'],
    ['for an action that is not there', { action: 'dance' }, 'there is no action "dance"; there are "ping"'],
    [
      'with a slip in the action',
      { action: 'pnig' },
      'there is no action "pnig"; did you mean ping?; there are "ping"',
    ],
    ['with an action in capitals', { action: 'PING' }, 'there is no action "PING"; did you mean ping?'],
    ['for what every object has', { action: 'constructor' }, 'there is no action "constructor"; there are'],
    [
      'with an unknown key',
      { action: 'ping', loud: true },
      'unknown key "loud"; there are "action", "id", "ts", "ttl"',
    ],
    ['with a slip in a key', { action: 'read', sensr: 'x' }, 'unknown key "sensr"; did you mean sensor?; there are'],
    ['with a key of another action', { action: 'ping', sensor: 'x' }, 'unknown key "sensor"; there are "action"'],
    ['for a sensor that is no text', { action: 'read', sensor: 5 }, '"sensor" must be the id of a sensor'],
    ['for a sensor without a name', { action: 'read', sensor: '' }, '"sensor" must be the id of a sensor'],
    ['without the level', { action: 'log_level' }, '"level" must be one of trace, debug, info'],
    ['for a level that is none', { action: 'log_level', level: 'loud' }, '"level" must be one of trace, debug, info'],
    ['with a ttl and no time', { action: 'ping', ttl: '5s' }, '"ttl" needs "ts" beside it'],
    ['with a time without a zone', { action: 'ping', ts: '2026-01-01T00:00:00' }, '"ts" must be a time with its zone'],
    ['with two faults', { action: 'read', sensor: 5, ttl: 'x' }, '"ttl" must be a duration above 0'],
  ])('%s is refused', (_, request, reason) => {
    expect(parse(request)).toMatchObject({ refusal: expect.stringContaining(reason) })
  })

  it.each([[''], ['x'.repeat(129)], [1.5], [true], [null], [['1']], [{}]])(
    'with the id %j is refused, and is answered without it',
    (id) => {
      const parsed = parse({ id, action: 'ping' })
      expect(parsed).toEqual({
        action: 'ping',
        refusal: '"id" must be a text of 1 to 128 characters, or a whole number',
      })
    },
  )

  it('that is too long is not even decoded', () => {
    const long = { action: 'ping', id: '1', more: 'x'.repeat(1000) }
    expect(parse(long)).toEqual({ refusal: 'a request has at most 1024 bytes; this one is longer' })
    expect(parse({ action: 'ping', id: 'x'.repeat(128) })).toMatchObject({ action: 'ping', args: {} })
  })

  it('that is not text is refused', () => {
    expect(parseRequest(new Uint8Array([0x7b, 0xff, 0x7d]), ACTION_NAMES)).toEqual({
      refusal: 'the request is not text',
    })
  })

  it('whose words are long shows the beginning of them only', () => {
    const long = parse({ action: 'x'.repeat(500), ['k'.repeat(400)]: 1 })
    expect(long).toEqual({
      refusal: `there is no action "${'x'.repeat(32)}"; there are "ping", "info", "read", "log_level", "reload"`,
    })
  })

  it('for an action that is not allowed here says so, and what is', () => {
    expect(parse({ id: 1, action: 'reload' }, ['ping', 'info'])).toEqual({
      id: 1,
      refusal: 'the action "reload" is not allowed here (remote.actions); there are "ping", "info"',
    })
    expect(parse({ action: 'raed' }, ['ping'])).toEqual({ refusal: 'there is no action "raed"; there are "ping"' })
  })
})

it('no action takes an argument that every request has', () => {
  for (const { args } of Object.values(actions))
    expect(Object.keys(args().shape).filter((key) => ['id', 'action', 'ts', 'ttl'].includes(key))).toEqual([])
})
