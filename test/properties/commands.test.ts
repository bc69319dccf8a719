/** What comes from the broker is anything. A pin moves for a command, and for nothing else. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { parseCommand } from '../../src/command.ts'
import type { Level } from '../../src/gpio/gpio.ts'
import { createRouter } from '../../src/router.ts'
import { createTelemetry, type Message, shown } from '../../src/telemetry.ts'
import { type Verdict, verdictOn } from '../fakes/command-grammar.ts'
import { openOutput, PIN } from '../fakes/output-bench.ts'
import { almost, anyBytes, anyText, holds, piecesOf } from '../fakes/properties.ts'

const telemetry = createTelemetry({
  node: 'n1',
  run: 'r',
  topics: { sensors: 's', devices: 'd', gpio: 'gpio', alerts: 'a' },
})
const INPUT = 27
const OWN = `gpio/${PIN}/command`

const EXAMPLES = [
  ...['on', 'off', 'toggle', '1', '0', 'true', 'false', 'high', 'low', ' ON\n', '\tToggle '],
  ...['{"state":"on"}', '{"state":"on","for":"5s"}', '{"state":true}', '{"state":0}', '{ "state" : "toggle" }'],
  ...['{"state":"on","state":"off"}', '{"state":"on","__proto__":{"for":"1s"}}', '["on"]', '"on"', '{"state":["on"]}'],
  ...['{"state":"on","for":5}', '{"state":"on","for":"0s"}', '{"state":"on","id":"7","ttl":"10s"}', '\uFEFFon', 'on\0'],
]

const value = fc.oneof(
  fc.constantFrom<unknown>(
    'on',
    'OFF',
    'toggle',
    ' high',
    'open',
    0,
    1,
    2,
    true,
    false,
    null,
    '5s',
    '0s',
    '-1s',
    '9e9d',
  ),
  fc.jsonValue({ maxDepth: 2 }),
)
const key = fc.oneof(fc.constantFrom('state', 'for', 'State', '__proto__', 'constructor', 'id', 'ts', 'ttl'), anyText)
const json = fc.dictionary(key, value, { maxKeys: 4 }).map((object) => JSON.stringify(object))
const text = fc.oneof(
  almost(EXAMPLES),
  json,
  piecesOf(['on', 'of', 'f', '"', '{', '}', ':', 'state', '1', ' ', ',', '[']),
)
const payload: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 6, arbitrary: text.map((one) => new TextEncoder().encode(one)) },
  { weight: 1, arbitrary: anyBytes },
)

const level = fc.oneof(
  { weight: 6, arbitrary: fc.constant(String(PIN)) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(`0${PIN}`, `${PIN}.0`, `+${PIN}`, ` ${PIN}`, '1７', '0x11', '1.7e1', '+', '#', '', '-0'),
  },
  { weight: 1, arbitrary: fc.constantFrom(String(INPUT), '18', '99999999999999999999', 'constructor', '__proto__') },
  { weight: 1, arbitrary: anyText },
)
const topic = fc.oneof(
  { weight: 8, arbitrary: level.map((pin) => `gpio/${pin}/command`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(`${OWN}/`, `/${OWN}`, `x${OWN}`, `gpio/${PIN}/state`, `gpio/${PIN}`, '', '/'),
  },
  { weight: 1, arbitrary: anyText },
)

const message = fc.record({ topic, payload, retained: fc.boolean() })

holds(
  'any bytes on a command topic move a pin if, and only if, they are a command for it',
  fc.array(message, { minLength: 1, maxLength: 8 }),
  async (messages) => {
    const bench = await openOutput()
    const published: Message[] = []
    const route = createRouter({
      telemetry,
      pins: {
        command: (pin, command, check) => bench.outputs.command(pin, command, check),
        directionOf: (pin) => (bench.outputs.has(pin) ? 'output' : pin === INPUT ? 'input' : undefined),
      },
      publish: (answer) => published.push(answer),
      clock: bench.clock,
      clockIsRight: () => true,
      log: bench.log,
    })
    const lines = Array.from({ length: 28 }, (_, line) => line)
    const history = () => lines.map((line) => bench.board.history(line).length)
    for (const { topic, payload, retained } of messages) {
      const moved = history()
      const before = bench.board.physical(PIN)
      published.length = 0

      await route({ topic, payload, retained })

      const verdict: Verdict = topic === OWN && !retained ? verdictOn(payload) : { is: 'nothing' }
      if (verdict.is === 'nothing') expect(history()).toEqual(moved)
      if (verdict.is === 'command') expect(bench.board.physical(PIN)).toBe(levelAfter(verdict.state, before))
      // Only that one line may ever have moved.
      expect(history().filter((moves, line) => line !== PIN && moves !== moved[line])).toEqual([])
      // What is refused on a pin of the node is told there, once; who gave it an id is answered besides.
      const clearing = retained && payload.length === 0
      const errors = published.filter(({ topic: where }) => where.endsWith('/error'))
      if (topic === OWN && verdict.is === 'nothing' && !clearing) expect(errors).toHaveLength(1)
      expect(published.length - errors.length).toBeLessThanOrEqual(1)
      for (const answer of published) {
        expect(answer.topic).toMatch(/^gpio\/[A-Za-z0-9_-]{1,32}\/[a-z]+$/)
        expect([...String(JSON.parse(answer.payload).command ?? '')].length).toBeLessThanOrEqual(64)
      }
    }
    await bench.end()
  },
)

function levelAfter(state: 'on' | 'off' | 'toggle', before: Level): Level {
  if (state === 'toggle') return before === 1 ? 0 : 1
  return state === 'on' ? 1 : 0
}

holds('any bytes are a command or a reason why not', payload, (bytes) => {
  const parsed = parseCommand(bytes)
  const verdict = verdictOn(bytes)
  if ('refusal' in parsed) {
    expect(parsed.refusal).not.toBe('')
    expect(parsed.refusal.length).toBeLessThan(1000)
    expect(verdict.is).not.toBe('command')
  } else {
    expect(verdict.is).not.toBe('nothing')
    if (verdict.is === 'command') expect(parsed.command.state).toBe(verdict.state)
    const { forMs } = parsed.command
    if (forMs !== undefined) expect(forMs > 0 && Number.isFinite(forMs)).toBe(true)
  }
  expect([...shown(bytes)].length).toBeLessThanOrEqual(64)
})

holds('any topic is a command topic or none', topic, (any) => {
  const pin = telemetry.commandPin(any)
  if (pin === undefined) expect(any).not.toMatch(/^gpio\/[^/]*\/command$/)
  else expect(any).toBe(`gpio/${pin}/command`)
  if (pin === undefined) return
  const answer = telemetry.commandError(pin, 'no', new Uint8Array())
  if (answer !== undefined) expect(answer.topic).toMatch(/^gpio\/[A-Za-z0-9_-]{1,32}\/error$/)
})
