import { describe, expect, it } from 'vitest'
import type { Command } from '../src/command.ts'
import type { OutputConfig } from '../src/config/schema.ts'
import type { Gpio } from '../src/gpio/gpio.ts'
import { createMockGpio } from '../src/gpio/mock.ts'
import { LastLevels } from '../src/last-levels.ts'
import { Outputs } from '../src/outputs.ts'
import { FakeClock, settled } from './fakes/fake-clock.ts'
import { broken, nothingKept, off, on, openOutput, ordinary, PIN, toggle } from './fakes/output-bench.ts'
import { recordLog } from './fakes/recording-log.ts'
import { createStallingGpio } from './fakes/stalling-gpio.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 86_400_000

describe('commands', () => {
  it('drive the pin, and are followed by its state, changed or not', async () => {
    const { send, states, board } = await openOutput()
    for (const command of [on, on, off, toggle, toggle, off]) await send(command)
    expect(states).toEqual(['17=0', '17=1', '17=1', '17=0', '17=1', '17=0', '17=0'])
    expect(board.physical(PIN)).toBe(0)
  })

  it('are carried out in their order, however slow the pin is', async () => {
    const { send, states, gpio } = await openOutput()
    const release = gpio.stall(PIN)
    const all = Promise.all([send(on), send(toggle), send(toggle), send(off), send(toggle)])
    release()
    await all
    expect(states.slice(1)).toEqual(['17=1', '17=0', '17=1', '17=0', '17=1'])
  })

  it.each<[string, Partial<OutputConfig>]>([
    ['plain', {}],
    ['limited', { max_on: MINUTE }],
    ['slow', { min_interval: SECOND }],
    ['on at the low level', { active_low: true }],
  ])('move the wire of a pin that is at rest before they return: %s', async (_, config) => {
    const { outputs, board } = await openOutput(config)
    const before = board.physical(PIN)
    const done = outputs.command(PIN, toggle)
    expect(board.physical(PIN)).toBe(before === 0 ? 1 : 0)
    expect(await done).toBe(1)
  })

  it('wait behind the one that is under way, in their order', async () => {
    const { outputs, board, gpio } = await openOutput()
    const release = gpio.stall(PIN)
    const all = [outputs.command(PIN, on), outputs.command(PIN, off), outputs.command(PIN, toggle)]
    release()
    expect(board.physical(PIN)).toBe(0)
    expect(await Promise.all(all)).toEqual([1, 0, 1])
    expect(board.history(PIN).map(({ level }) => level)).toEqual([0, 1, 0, 1])
  })

  it('are logical: with active_low the wire is low while the thing is on', async () => {
    const { send, states, board } = await openOutput({ active_low: true })
    expect(board.physical(PIN)).toBe(1)
    await send(on)
    expect(board.physical(PIN)).toBe(0)
    expect(states).toEqual(['17=0', '17=1'])
  })

  it('for a pin that is no output are refused', async () => {
    const { outputs } = await openOutput()
    await expect(outputs.command(5, on)).rejects.toMatchObject({ kind: 'refused' })
    expect([outputs.has(PIN), outputs.has(5)]).toEqual([true, false])
  })

  it('that the pin fails are answered with the error, told as a fault once, and the end of it is told, too', async () => {
    const { send, states, faults, board, told } = await openOutput()
    board.fail(PIN, broken)
    await expect(send(on)).rejects.toBe(broken)
    await expect(send(on)).rejects.toBe(broken)
    expect(states).toEqual(['17=0'])
    board.fail(PIN)
    await send(on)
    expect(faults).toEqual([
      [PIN, broken.message],
      [PIN, broken.message],
      [PIN, undefined],
    ])
    expect(told('warn')).toEqual(['warn output failed'])
    expect(told('info')).toContain('info output recovered')
  })
})

describe('opening', () => {
  it.each([
    ['off', 0],
    ['on', 1],
    ['keep', 0],
    ['last', 0],
  ] as const)(
    'with initial %s a fresh line begins at %i, without passing through the other level',
    async (initial, level) => {
      const { board, states, faults, told } = await openOutput({ initial })
      expect(board.history(PIN).map((move) => move.level)).toEqual([level])
      expect(states).toEqual([`17=${level}`])
      expect(faults).toEqual([])
      expect(told('info', 'warn')).toEqual(['info output opened'])
    },
  )

  it('with initial keep a line that a dead run left on stays on', async () => {
    const before = await openOutput()
    await before.send(on)
    const { states } = await before.restart({ initial: 'keep' })
    expect(states).toEqual(['17=1'])
  })

  it('with initial off a line that a dead run left on goes off', async () => {
    const before = await openOutput()
    await before.send(on)
    const { states } = await before.restart({ initial: 'off' })
    expect(states).toEqual(['17=0'])
  })

  it('with initial last takes the level that was ordered last', async () => {
    const last = new LastLevels(undefined, [], recordLog().log)
    last.remember(PIN, 1)
    const { states } = await openOutput({ initial: 'last' }, { last })
    expect(states).toEqual(['17=1'])
  })

  it('that fails is told, refuses commands with the reason, and is tried again with back-off until it works', async () => {
    let free = (): void => {}
    const made = await openOutput(
      { name: 'Pump' },
      {
        arrange: (board) => {
          free = board.hold(PIN, 'gpio-keys')
        },
      },
    )
    expect(made.states).toEqual([])
    await expect(made.send(on)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(/^pin 17 can't be used: .*gpio-keys/),
    })
    await made.clock.advance(6 * SECOND)
    expect(made.faults.length).toBe(3)
    expect(made.told('warn')).toEqual(['warn output failed'])
    free()
    await made.clock.advance(SECOND)
    expect(made.states).toEqual(['17=0'])
    expect(made.faults.at(-1)).toEqual([PIN, undefined])
    await made.send(on)
    expect(made.board.physical(PIN)).toBe(1)
  })

  it('that was opened at its level is known to have it, though reads fail', async () => {
    let stalled = (): void => {}
    const clock = new FakeClock()
    const board = createMockGpio({ clock, log: recordLog().log })
    const arrange = (_: unknown, gpio: { stall(pin: number): () => void }): void => {
      stalled = gpio.stall(PIN)
    }
    const opening = openOutput({ initial: 'on' }, { clock, board, arrange })
    await settled()
    board.fail(PIN, broken)
    stalled()
    const made = await opening
    expect(made.states).toEqual(['17=1'])
  })

  it('that fails at the first read is not claimed twice', async () => {
    let stalled = (): void => {}
    const clock = new FakeClock()
    const board = createMockGpio({ clock, log: recordLog().log })
    const opening = openOutput(
      { initial: 'keep' }, // the one level that is read, not given
      {
        ...{ clock, board },
        arrange: (_, gpio) => {
          stalled = gpio.stall(PIN)
        },
      },
    )
    await settled()
    board.fail(PIN, broken)
    stalled()
    const made = await opening
    expect(made.faults).toEqual([[PIN, broken.message]])
    made.board.fail(PIN)
    await made.clock.advance(SECOND)
    expect(made.states).toEqual(['17=0'])
  })

  it('that never works is not tried again after the end', async () => {
    const made = await openOutput({}, { arrange: (board) => board.hold(PIN, 'gpio-keys') })
    await made.end()
    await settled()
    expect(made.clock.sleeping).toBe(0)
    expect(made.board.history(PIN)).toEqual([])
  })
})

describe('the end', () => {
  it.each([
    ['off', 0],
    ['on', 1],
    ['keep', 1],
  ] as const)('with on_exit %s leaves a pin that is on at %i, tells it, and leaves no timer', async (exit, level) => {
    const made = await openOutput({ on_exit: exit, on_disconnect: { state: 'off', after: MINUTE } })
    await made.send(on)
    made.outputs.connected(false)
    await made.end()
    expect(made.board.physical(PIN)).toBe(level)
    expect(made.states.at(-1)).toBe(`17=${level}`)
    expect(made.clock.sleeping).toBe(0)
  })

  it('with on_exit keep ends a for that it cuts short: what was ordered to stay stays', async () => {
    const made = await openOutput({ on_exit: 'keep' })
    await made.send({ state: 'on', forMs: MINUTE })
    await made.end()
    expect(made.board.physical(PIN)).toBe(0)
    expect(made.clock.sleeping).toBe(0)
  })

  it('with on_exit keep leaves a pin that nobody ordered as it began', async () => {
    const made = await openOutput({ initial: 'on', on_exit: 'keep' })
    await made.end()
    expect(made.board.physical(PIN)).toBe(1)
  })

  it('with on_exit keep keeps what a command that was still under way ordered', async () => {
    const made = await openOutput({ on_exit: 'keep', max_on: MINUTE })
    await made.send(off)
    const release = made.gpio.stall(PIN)
    const under = made.send(on)
    await settled()
    const ended = made.end()
    release()
    await Promise.all([under, ended])
    expect(made.board.physical(PIN)).toBe(1)
    expect(made.clock.sleeping).toBe(0)
  })

  it('refuses commands that come after it began', async () => {
    const made = await openOutput()
    const ended = made.end()
    await expect(made.send(on)).rejects.toMatchObject({ kind: 'refused', message: 'the node is stopping' })
    await ended
    expect(made.board.physical(PIN)).toBe(0)
  })

  it('a for that was under way into a slow pin when the end began starts no timer', async () => {
    const made = await openOutput({ max_on: MINUTE })
    const release = made.gpio.stall(PIN)
    const under = made.send({ state: 'on', forMs: 5 * SECOND })
    await settled()
    const ended = made.end()
    release()
    await Promise.all([under, ended])
    expect(made.board.physical(PIN)).toBe(0)
    expect(made.clock.sleeping).toBe(0)
  })

  it('does not wait for a pin that hangs longer than a second, and says so', async () => {
    const made = await openOutput({ on_exit: 'on' })
    made.gpio.stall(PIN)
    let over = false
    const ended = made.end().then(() => {
      over = true
    })
    await made.clock.advance(999)
    expect(over).toBe(false)
    await made.clock.advance(1)
    await ended
    expect(made.told('error')).toEqual(['error output did not reach its exit level in time'])
    expect(made.clock.sleeping).toBe(0)
  })

  it('that comes while a line is opened is no reason to leave it at its initial level', async () => {
    const clock = new FakeClock()
    const { log } = recordLog()
    const board = createMockGpio({ clock, log })
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const gpio: Gpio = {
      backend: 'slow',
      input: (line, options) => board.input(line, options),
      counter: (line, options) => board.counter(line, options),
      output: (line, options) => gate.then(() => board.output(line, options)),
      release: (line) => board.release(line),
      close: () => board.close(),
    }
    const pins: OutputConfig[] = [{ ...ordinary(PIN), initial: 'on' }]
    const last = new LastLevels(undefined, [], log)
    const outputs = new Outputs({
      pins,
      gpio,
      clock,
      log,
      last,
      times: nothingKept(log),
      onState: () => {},
      onFault: () => {},
    })
    const opened = outputs.open(new AbortController().signal)
    const ended = outputs.exit()
    open()
    await Promise.all([opened, ended])
    expect(board.physical(PIN)).toBe(0)
    expect(clock.sleeping).toBe(0)
  })

  it('ends the tries to open a line, whoever asked for it', async () => {
    let free = (): void => {}
    const made = await openOutput(
      { initial: 'on' },
      {
        arrange: (board) => {
          free = board.hold(PIN, 'gpio-keys')
        },
      },
    )
    await made.outputs.exit() // without the signal: the agent ends so after an error of its own
    free()
    await made.clock.advance(DAY)
    expect(made.board.history(PIN)).toEqual([])
  })

  it('with one pin that hangs or fails brings the others to their level', async () => {
    const clock = new FakeClock()
    const { log, told } = recordLog()
    const board = createMockGpio({ clock, log })
    const gpio = createStallingGpio(board)
    const pins = [17, 22, 23].map((pin): OutputConfig => ({ ...ordinary(pin), on_exit: 'on' }))
    const last = new LastLevels(undefined, [], log)
    const outputs = new Outputs({
      pins,
      gpio,
      clock,
      log,
      last,
      times: nothingKept(log),
      onState: () => {},
      onFault: () => {},
    })
    await outputs.open(new AbortController().signal)
    gpio.stall(17)
    board.fail(22, broken)
    const ended = outputs.exit()
    await clock.advance(SECOND)
    await ended
    expect([17, 22, 23].map((pin) => board.physical(pin))).toEqual([0, 0, 1])
    expect(told('error').length).toBe(2)
  })
})

describe('what was ordered last', () => {
  it.each<[string, Command[], number | undefined]>([
    ['is unknown before the first command', [], undefined],
    ['is the level of a command', [on], 1],
    ['is what a toggle gave', [on, toggle], 0],
    ['is where a for leads, not where it passes', [{ state: 'on', forMs: DAY }], 0],
    ['is where a for off leads', [on, { state: 'off', forMs: DAY }], 1],
  ])('%s', async (_, commands, level) => {
    const { send, last } = await openOutput()
    for (const command of commands) await send(command)
    expect(last.of(PIN)).toBe(level)
  })

  it('follows max_on and on_disconnect', async () => {
    const made = await openOutput({ max_on: MINUTE, on_disconnect: { state: 'on', after: SECOND } })
    await made.send(on)
    await made.clock.advance(MINUTE)
    expect(made.last.of(PIN)).toBe(0)
    made.outputs.connected(false)
    await made.clock.advance(SECOND)
    expect(made.last.of(PIN)).toBe(1)
  })
})
