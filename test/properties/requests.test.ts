/** Requests come from strangers, too. Each gets one answer, which is small, and goes nowhere that it must not go. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { LOG_LEVELS } from '../../src/log-level.ts'
import { parseRequest } from '../../src/request.ts'
import { ACTION_NAMES, actions } from '../../src/requests/index.ts'
import { settled } from '../fakes/fake-clock.ts'
import { almost, anyBytes, anyText, holds } from '../fakes/properties.ts'
import { requestsBench } from '../fakes/requests-bench.ts'

const EXAMPLES = [
  ...ACTION_NAMES.map((action) => JSON.stringify({ action })),
  ...['{"id":"a1","action":"ping"}', '{"id":7,"action":"read","sensor":"attic"}', '{"action":"ping","action":"read"}'],
  ...['{"action":"log_level","level":"debug"}', '{"action":"ping","__proto__":{"id":1}}', '{"__proto__":"ping"}'],
  ...['{"action":"ping","ts":"2026-01-01T00:00:00Z","ttl":"10s"}', '\uFEFF{"action":"ping"}', '["ping"]', 'null'],
]
const value = fc.oneof(
  fc.constantFrom<unknown>(...ACTION_NAMES, ...LOG_LEVELS, 'attic', '', 0, -1, 1.5, null, true, '10s'),
  fc.jsonValue({ maxDepth: 2 }),
)
const key = fc.oneof(
  fc.constantFrom('action', 'id', 'sensor', 'level', 'ts', 'ttl', '__proto__', 'constructor', 'toString'),
  anyText,
)
const json = fc.dictionary(key, value, { maxKeys: 5 }).map((object) => JSON.stringify(object))
const payload: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 6, arbitrary: fc.oneof(almost(EXAMPLES), json).map((text) => new TextEncoder().encode(text)) },
  { weight: 1, arbitrary: anyBytes },
)
const replyTo = fc.option(
  fc.oneof(fc.constantFrom('me/answers', 'devices/n1/request', 'gpio/17/command', '#', ''), anyText),
  { nil: undefined },
)

holds('any bytes are a request that can be carried out, or a reason why not', payload, (bytes) => {
  const parsed = parseRequest(bytes, ACTION_NAMES)
  if ('refusal' in parsed) {
    expect(parsed.refusal.length).toBeGreaterThan(10)
    expect(parsed.refusal.length).toBeLessThan(1500)
  } else {
    expect(ACTION_NAMES).toContain(parsed.action)
    expect(actions[parsed.action].args().strict().parse(parsed.args)).toEqual(parsed.args)
  }
  if (parsed.id !== undefined) expect(['string', 'number']).toContain(typeof parsed.id)
})

holds(
  'any bytes on the topic of requests get one answer, and only a right one does anything',
  fc.record({ bytes: payload, retained: fc.boolean(), replyTo }),
  async ({ bytes, retained, replyTo: to }) => {
    const bench = requestsBench()
    const { sensor } = bench.sensor('attic')
    await bench.clock.advance(2000)
    bench.send(bytes, { retained, ...(to === undefined ? {} : { replyTo: to }) })
    await settled()
    const parsed = parseRequest(bytes, ACTION_NAMES)
    const answers = bench.answers()
    expect(answers).toHaveLength(retained && bytes.length === 0 ? 0 : 1)
    for (const [index, { status, id }] of answers.entries()) {
      const topic = bench.published[index]?.topic
      expect(topic).not.toMatch(/^(devices\/n1\/(?!response)|gpio\/17\/command)|[#+\0]|^$/)
      if ('refusal' in parsed || retained) expect(status).toBe('error')
      if (id !== undefined) expect(id).toBe(parsed.id)
    }
    const right = answers[0]?.status === 'ok'
    if (!right || !('args' in parsed) || parsed.action !== 'read') expect(sensor.reads).toHaveLength(1)
    if (!right || !('args' in parsed) || parsed.action !== 'log_level') expect(bench.log.level).toBe('trace')
  },
)
