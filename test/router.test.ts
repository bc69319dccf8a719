import { describe, expect, it } from 'vitest'
import type { Command } from '../src/command.ts'
import { GpioError, Refused } from '../src/errors.ts'
import { createRouter } from '../src/router.ts'
import { createTelemetry, type Incoming, type Message } from '../src/telemetry.ts'
import { FakeClock } from './fakes/fake-clock.ts'
import { type RecordingLog, recordLog } from './fakes/recording-log.ts'

const MINUTE = 60_000
const telemetry = createTelemetry({
  node: 'n1',
  run: 'r',
  topics: { sensors: 's', devices: 'd', gpio: 'gpio', alerts: 'a' },
})

interface Bench extends RecordingLog {
  readonly clock: FakeClock
  readonly published: Message[]
  readonly commands: [pin: number, command: Command][]
  /** What the pins answer to the next commands. */
  fail: Error | undefined
  /** Commands are carried out after this. */
  turn: Promise<void>
  clockIsRight: boolean
  /** Sends `payload` to `gpio/<level>/command`. */
  send(level: string, payload: string | Uint8Array, retained?: boolean, more?: Partial<Incoming>): Promise<void>
  errors(): { topic: string; error: string; command: string }[]
}

/** Outputs 17 and 0, input 27. */
function bench(): Bench {
  const clock = new FakeClock()
  const recording = recordLog()
  const published: Message[] = []
  const commands: Bench['commands'] = []
  const directions = new Map<number, 'output' | 'input'>([
    [17, 'output'],
    [0, 'output'],
    [27, 'input'],
  ])
  const route = createRouter({
    telemetry,
    pins: {
      async command(pin, command, check) {
        await made.turn
        check()
        if (made.fail !== undefined) throw made.fail
        commands.push([pin, command])
        return command.state === 'off' ? 0 : 1
      },
      directionOf: (pin) => directions.get(pin),
    },
    publish: (message) => published.push(message),
    clock,
    clockIsRight: () => made.clockIsRight,
    log: recording.log,
  })
  const made: Bench = {
    ...recording,
    clock,
    published,
    commands,
    fail: undefined,
    turn: Promise.resolve(),
    clockIsRight: true,
    send: (level, payload, retained = false, more = {}) =>
      route({
        topic: `gpio/${level}/command`,
        payload: typeof payload === 'string' ? new TextEncoder().encode(payload) : payload,
        retained,
        ...more,
      }),
    errors: () =>
      published.map(({ topic, payload }) => ({
        topic,
        ...(JSON.parse(payload) as { error: string; command: string }),
      })), // made by telemetry
  }
  return made
}

describe('a command', () => {
  it('for an output is carried out, and answered by nothing but its state', async () => {
    const { send, commands, published, told } = bench()
    await send('17', ' ON ')
    await send('0', '{"state":"off","for":"5s"}')
    expect(commands).toEqual([
      [17, { state: 'on' }],
      [0, { state: 'off', forMs: 5000 }],
    ])
    expect(published).toEqual([])
    expect(told('warn')).toEqual([])
  })

  it('that can not be checked, by a fault of ours, is refused, and the next one is carried out', async () => {
    class Broken extends Uint8Array {
      #asked = 0
      override get length(): number {
        this.#asked += 1
        if (this.#asked === 1) throw new Error('Cannot find module\nRequire stack')
        return this.byteLength
      }
    }
    const { send, commands, errors } = bench()
    await send('17', new Broken(new TextEncoder().encode('{"state":"on"}')))
    expect(commands).toEqual([])
    expect(errors()).toMatchObject([
      { topic: 'gpio/17/error', error: 'internal error: Cannot find module', command: '{"state":"on"}' },
    ])
    await send('17', 'on')
    expect(commands).toEqual([[17, { state: 'on' }]])
  })

  it.each<[string, string, string]>([
    ['99', 'on', 'pin 99 is not in the configuration of this node'],
    ['5', 'on', 'pin 5 is not in the configuration of this node'],
    ['017', 'on', 'pin 017 is not in the configuration of this node'],
    ['00', 'on', 'pin 00 is not in the configuration of this node'],
    ['1e1', 'on', 'pin 1e1 is not in the configuration of this node'],
    ['0x11', 'on', 'pin 0x11 is not in the configuration of this node'],
    ['-17', 'on', 'pin -17 is not in the configuration of this node'],
    ['LED', 'on', 'pin LED is not in the configuration of this node'],
    ['constructor', 'on', 'pin constructor is not in the configuration of this node'],
    ['27', 'on', 'pin 27 is an input'],
    ['27', 'dance', 'pin 27 is an input'],
    ['17', 'dance', 'the command must be one of on, off, toggle'],
    ['17', '', 'the command is empty'],
    ['17', '{"state":"on","x":1}', 'unknown key "x"'],
  ])('on %s, %j, is refused with its reason, pins untouched', async (level, payload, reason) => {
    const { send, commands, errors, lines } = bench()
    await send(level, payload)
    expect(commands).toEqual([])
    expect(errors()).toEqual([
      { topic: `gpio/${level}/error`, error: expect.stringContaining(reason), command: payload, node: 'n1' },
    ])
    expect(lines).toEqual([
      {
        level: 'warn',
        msg: 'command refused',
        topic: `gpio/${level}/command`,
        reason: expect.stringContaining(reason),
        command: payload,
      },
    ])
  })

  it.each(['', '17 ', ' 17', '+', '#', 'x'.repeat(33), 'größe', '1７', 'a b', '17\n', "17'; reboot; '"])(
    'on the level %j gets a log line, not a topic',
    async (level) => {
      const { send, commands, published, told } = bench()
      await send(level, 'on')
      await send(level, 'on', true)
      expect(commands).toEqual([])
      expect(published).toEqual([])
      expect(told('warn')).toEqual(['warn command refused'])
    },
  )

  it('of a level of 32 characters gets its topic', async () => {
    const { send, errors } = bench()
    await send('x'.repeat(32), 'on')
    expect(errors()[0]?.topic).toBe(`gpio/${'x'.repeat(32)}/error`)
  })

  it('of a megabyte is refused, and 64 characters of it are told', async () => {
    const { send, commands, errors } = bench()
    await send('17', new Uint8Array(1_000_000).fill(0x41))
    expect(commands).toEqual([])
    expect(errors()).toMatchObject([{ error: expect.stringContaining('at most 1024 bytes'), command: 'A'.repeat(64) }])
  })

  it('on any other topic is no business of ours', async () => {
    const { lines, published, commands, clock } = bench()
    const route = createRouter({
      telemetry,
      pins: { command: async () => 1, directionOf: () => 'output' },
      publish: (message) => published.push(message),
      clock,
      clockIsRight: () => true,
      log: recordLog().log,
    })
    for (const topic of ['gpio/17/state', 'elsewhere/17/command'])
      await route({ topic, payload: new TextEncoder().encode('on'), retained: false })
    expect([lines, published, commands]).toEqual([[], [], []])
  })

  it.each<[string, Error]>([
    ['that the pin refuses', new Refused('"for" is longer than this pin’s max_on')],
    ['that the hardware fails', new GpioError('io', 'GPIO17 could not be set to 1')],
    ['that meets a bug of ours', new TypeError('x is undefined')],
  ])('%s is answered with the reason, and never throws', async (_, error) => {
    const made = bench()
    made.fail = error
    await made.send('17', 'on')
    expect(made.errors()).toMatchObject([{ topic: 'gpio/17/error', error: error.message }])
    expect(made.told('warn')).toEqual(['warn command refused'])
  })
})

describe('a retained command', () => {
  it.each(['17', '27', '5'])('on pin %s is refused with the line that clears it', async (level) => {
    const { send, commands, errors } = bench()
    await send(level, 'on', true)
    expect(commands).toEqual([])
    expect(errors()).toMatchObject([
      {
        topic: `gpio/${level}/error`,
        error: expect.stringContaining(`mosquitto_pub -r -n -t 'gpio/${level}/command'`),
      },
    ])
  })

  it('that is empty is the clearing itself: neither error nor log', async () => {
    const { send, commands, published, lines } = bench()
    for (const level of ['17', '27', '99', 'LED', '+']) await send(level, '', true)
    expect([commands, published, lines]).toEqual([[], [], []])
  })
})

describe('a repeated refusal', () => {
  it('is answered each time, and logged once a minute with how many were left out', async () => {
    const { send, published, lines, clock } = bench()
    for (let times = 0; times < 5; times += 1) await send('17', 'dance')
    await clock.advance(MINUTE - 1)
    await send('17', 'dance')
    expect(published.length).toBe(6)
    expect(lines.length).toBe(1)
    await clock.advance(1)
    await send('17', 'dance')
    expect(lines.length).toBe(2)
    expect(lines[1]).toMatchObject({ level: 'warn', topic: 'gpio/17/command', suppressed: 5 })
    await clock.advance(MINUTE)
    await send('17', 'dance')
    expect(lines[2]).not.toHaveProperty('suppressed')
  })

  it('with another reason, or on another pin, is another one', async () => {
    const { send, lines } = bench()
    await send('17', 'dance')
    await send('17', '')
    await send('0', 'dance')
    await send('17', 'sing')
    expect(lines.map(({ topic, command }) => `${topic} ${command}`)).toEqual([
      ...['gpio/17/command dance', 'gpio/17/command ', 'gpio/0/command dance'],
    ])
  })

  it('a flood of different ones does not fill the log either', async () => {
    const { send, lines, published, clock } = bench()
    for (let number = 0; number < 3000; number += 1) await send(`x${number}`, 'on')
    expect(published.length).toBe(3000)
    expect(lines.length).toBeLessThanOrEqual(257)
    const before = lines.length
    await clock.advance(MINUTE)
    await send('17', 'dance')
    expect(lines.length).toBe(before + 1)
    expect(lines.at(-1)).toMatchObject({ topic: 'gpio/17/command' })
  })

  it('after a flood the number of those that were left out is told', async () => {
    const { send, lines, clock } = bench()
    for (let number = 0; number < 2000; number += 1) await send(`x${Math.floor(number / 2)}`, 'on')
    await clock.advance(MINUTE)
    for (let number = 0; number < 257; number += 1) await send(`y${number}`, 'on')
    const told = lines.reduce((sum, { suppressed }) => sum + 1 + (typeof suppressed === 'number' ? suppressed : 0), 0)
    expect(told).toBe(2257)
  })
})

describe('an answer', () => {
  const results = ({ published }: Bench): unknown[] =>
    published.filter(({ topic }) => !topic.endsWith('/error')).map(({ topic, payload }) => [topic, JSON.parse(payload)])

  it('to a command with an id goes to the pin’s result topic, with the state', async () => {
    const made = bench()
    await made.send('17', '{"state":"on","id":"a"}')
    await made.send('17', '{"state":"off","id":7}')
    expect(results(made)).toEqual([
      ['gpio/17/result', { id: 'a', ok: true, state: 1, node: 'n1' }],
      ['gpio/17/result', { id: 7, ok: true, state: 0, node: 'n1' }],
    ])
    expect(made.published.every(({ qos, retain }) => qos === 1 && !retain)).toBe(true)
  })

  it('to one that is refused has the error, which is told for everybody, too', async () => {
    const made = bench()
    made.fail = new Refused('the relay is tired')
    await made.send('17', '{"state":"on","id":"a"}')
    await made.send('17', '{"state":"dance","id":"b"}')
    await made.send('27', '{"state":"on","id":"c"}')
    await made.send('17', '{"state":"on","id":"d"}', true)
    expect(results(made)).toEqual([
      ['gpio/17/result', { id: 'a', ok: false, error: 'the relay is tired', node: 'n1' }],
      ['gpio/17/result', { id: 'b', ok: false, error: expect.stringContaining('"state" must be'), node: 'n1' }],
      ['gpio/27/result', { id: 'c', ok: false, error: 'pin 27 is an input', node: 'n1' }],
      ['gpio/17/result', { id: 'd', ok: false, error: expect.stringContaining('retained'), node: 'n1' }],
    ])
    expect(made.published.filter(({ topic }) => topic.endsWith('/error'))).toHaveLength(4)
  })

  it('goes where the sender wants it instead, with what it knows it by', async () => {
    const made = bench()
    const correlation = new Uint8Array([0, 255, 7])
    await made.send('17', 'on', false, { replyTo: 'replies/me', correlation })
    await made.send('17', '{"state":"off","id":"a"}', false, { replyTo: 'replies/me' })
    await made.send('17', 'dance', false, { replyTo: 'replies/me', correlation })
    expect(results(made)).toEqual([
      ['replies/me', { ok: true, state: 1, node: 'n1' }],
      ['replies/me', { id: 'a', ok: true, state: 0, node: 'n1' }],
      ['replies/me', { ok: false, error: expect.stringContaining('must be one of'), node: 'n1' }],
    ])
    const answers = made.published.filter(({ topic }) => topic === 'replies/me')
    expect(answers.map((message) => message.correlation)).toEqual([correlation, undefined, correlation])
  })

  it.each<[string, Partial<Incoming>]>([
    ['nowhere', { replyTo: '' }],
    ['to many', { replyTo: 'a/#' }],
    ['to some', { replyTo: 'a/+/b' }],
    ['to the broker’s own topics', { replyTo: '$SYS/a' }],
    ['to a shared subscription', { replyTo: '$share/g/a' }],
    ['to a topic with a NUL', { replyTo: 'a\0b' }],
    ['to a topic with a line break', { replyTo: 'a\nb' }],
    ['to a topic that is longer than any', { replyTo: 'x'.repeat(257) }],
    ['to the pin’s own command: a loop', { replyTo: 'gpio/17/command' }],
    ['to another pin’s command', { replyTo: 'gpio/0/command' }],
    ['to a command one level deeper', { replyTo: 'gpio/other/17/command' }],
    ['to the state of a pin', { replyTo: 'gpio/17/state' }],
    ['to the status of the node', { replyTo: 'd/status' }],
    ['to the total of a counter', { replyTo: 'gpio/5/total' }],
    ['to a sensor’s topic', { replyTo: 's/temperature' }],
    ['to an alert', { replyTo: 'a/fire' }],
    ['with a megabyte to know it by', { replyTo: 'r', correlation: new Uint8Array(1e6) }],
  ])('that would go %s refuses the command, and moves no pin', async (_, more) => {
    const made = bench()
    await made.send('17', '{"state":"on","id":"a"}', false, more)
    expect(made.commands).toEqual([])
    expect(made.published.map(({ topic }) => topic)).toEqual(['gpio/17/error'])
    expect(made.errors()[0]?.error).toMatch(/^the command can’t be answered: its (response topic|correlation data)/)
  })

  it('may go to a topic beside the pin’s own', async () => {
    const made = bench()
    for (const replyTo of [
      'd/response/operator',
      'gpio/17/response',
      'gpio/17/result',
      'gpiox/command',
      'x'.repeat(256),
    ])
      await made.send('17', 'on', false, { replyTo })
    expect(made.commands).toHaveLength(5)
    expect(made.errors()).toHaveLength(5)
  })
})

describe('a command that is too late', () => {
  const aged = (clock: FakeClock, ageMs: number, ttl: string): string =>
    JSON.stringify({ state: 'on', ts: new Date(clock.now() - ageMs).toISOString(), ttl })

  it.each([
    [0, '10s'],
    [9999, '10s'],
    [-9000, '10s'],
  ])('is not one that is %i ms old and good for %s', async (ageMs, ttl) => {
    const { send, clock, commands } = bench()
    await send('17', aged(clock, ageMs, ttl))
    expect(commands).toHaveLength(1)
  })

  it.each([
    [10_000, '10s', 'was given 10 s ago, and it was good for 10s only'],
    [3_600_000, '1m', 'was given 3600 s ago'],
    [-10_001, '10s', '"ts" is 11 s ahead of this node’s clock'],
    [-86_400_000, '1h', 'ahead of this node’s clock'],
  ])('is one that is %i ms old and good for %s', async (ageMs, ttl, words) => {
    const { send, clock, commands, errors } = bench()
    await send('17', aged(clock, ageMs, ttl))
    expect(commands).toEqual([])
    expect(errors()[0]?.error).toContain(words)
  })

  it('can’t be told by a clock that is not set', async () => {
    const made = bench()
    made.clockIsRight = false
    await made.send('17', aged(made.clock, 0, '10s'))
    await made.send('17', '{"state":"on","ts":"2026-01-01T00:00:00Z"}')
    expect(made.commands).toHaveLength(1)
    expect(made.errors()[0]?.error).toContain('this node’s clock is not set yet')
  })

  it.each<[string, (clock: FakeClock) => [string, Partial<Incoming>]]>([
    ['by ttl', (clock) => [aged(clock, 4000, '10s'), {}]],
    ['by the message’s expiry', () => ['on', { expiresMs: 6000 }]],
    ['by the sooner of both', (clock) => [aged(clock, 0, '1h'), { expiresMs: 6000 }]],
  ])('is one that waited for its turn too long, %s', async (_, make) => {
    for (const [waited, carriedOut] of [
      [5999, 1],
      [6000, 0],
    ] as const) {
      const made = bench()
      let begin = (): void => {}
      made.turn = new Promise((resolve) => {
        begin = resolve
      })
      const [payload, more] = make(made.clock)
      const sent = made.send('17', payload, false, more)
      await made.clock.advance(waited)
      begin()
      await sent
      expect(made.commands).toHaveLength(carriedOut)
      if (carriedOut === 0) expect(made.errors()[0]?.error).toBe('the command expired before its turn came')
    }
  })
})
