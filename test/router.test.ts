import { describe, expect, it } from 'vitest'
import type { Command } from '../src/command.ts'
import { GpioError, Refused } from '../src/errors.ts'
import { createRouter } from '../src/router.ts'
import { createTelemetry, type Message } from '../src/telemetry.ts'
import { FakeClock } from './fakes/fake-clock.ts'
import { type RecordingLog, recordLog } from './fakes/recording-log.ts'

const MINUTE = 60_000
const telemetry = createTelemetry({ node: 'n1', run: 'r', topics: { sensors: 's', devices: 'd', gpio: 'gpio' } })

interface Bench extends RecordingLog {
  readonly clock: FakeClock
  readonly published: Message[]
  readonly commands: [pin: number, command: Command][]
  /** What the pins answer to the next commands. */
  fail: Error | undefined
  /** Sends `payload` to `gpio/<level>/command`. */
  send(level: string, payload: string | Uint8Array, retained?: boolean): Promise<void>
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
      async command(pin, command) {
        if (made.fail !== undefined) throw made.fail
        commands.push([pin, command])
      },
      directionOf: (pin) => directions.get(pin),
    },
    publish: (message) => published.push(message),
    clock,
    log: recording.log,
  })
  const made: Bench = {
    ...recording,
    clock,
    published,
    commands,
    fail: undefined,
    send: (level, payload, retained = false) =>
      route(
        `gpio/${level}/command`,
        typeof payload === 'string' ? new TextEncoder().encode(payload) : payload,
        retained,
      ),
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
      pins: { command: async () => {}, directionOf: () => 'output' },
      publish: (message) => published.push(message),
      clock,
      log: recordLog().log,
    })
    await route('gpio/17/state', new TextEncoder().encode('on'), false)
    await route('elsewhere/17/command', new TextEncoder().encode('on'), false)
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
