import { describe, expect, it } from 'vitest'
import { GpioError } from '../../src/errors.ts'
import { createMockGpio, type MockBoard } from '../../src/gpio/mock.ts'
import { silentLog } from '../../src/log.ts'
import { FakeClock, settled } from '../fakes/fake-clock.ts'
import { type Bench, gpioContract, kindOf, listener } from './contract.ts'
import { counterContract } from './counter-contract.ts'

function createBoard(): { board: MockBoard; clock: FakeClock } {
  const clock = new FakeClock()
  return { board: createMockGpio({ clock, log: silentLog() }), clock }
}

gpioContract('mock', async () => {
  const { board: first, clock } = createBoard()
  let board = first
  const bench: Bench = {
    gpio: board,
    clock,
    drive: (line, level) => board.drive(line, level),
    physical: (line) => board.physical(line),
    moves: (line) => board.history(line).map(({ direction, level }) => ({ direction, level })),
    hold: (line, consumer) => board.hold(line, consumer),
    restart: async () => {
      board = board.restart()
      bench.gpio = board
    },
  }
  return bench
})

counterContract('mock', async () => {
  const { board, clock } = createBoard()
  return {
    gpio: board,
    drive: async (line, level) => board.drive(line, level),
    pass: (ms) => clock.advance(ms),
    hold: (line, consumer) => board.hold(line, consumer),
  }
})

describe('the board in memory', () => {
  it('a counter whose line fails tells it, and an outage when the line is back', async () => {
    const { board, clock } = createBoard()
    const counter = await board.counter(17, { activeLow: false, debounceMs: 0, edge: 'rising' })
    board.fail(17, new GpioError('io', 'no'))
    expect(await kindOf(counter.read())).toBe('io')
    await clock.advance(5000)
    board.fail(17)
    await clock.advance(60_000)
    expect(await counter.read()).toMatchObject({ count: 0, outages: 1 })
    await board.close()
  })

  it('wires that nobody drives are at the pulls of a Pi: up to GPIO8 high, above low', () => {
    const { board } = createBoard()
    expect([0, 8, 9, 27].map((line) => board.physical(line))).toEqual([1, 1, 0, 0])
  })

  it('an input has the pull that it asks for, and none asked for changes nothing', async () => {
    const { board } = createBoard()
    const levels = []
    for (const [line, pull] of [
      [17, 'up'],
      [3, 'down'],
      [18, 'none'],
      [4, 'none'],
      [5, undefined],
    ] as const) {
      levels.push((await board.input(line, listener({ pull }))).level)
    }
    expect(levels).toEqual([1, 0, 0, 1, 1])
    board.drive(17, 0)
    expect(board.physical(17)).toBe(0)
  })

  it('a wire that is let go of falls back to its pull, and an input hears it', async () => {
    const { board, clock } = createBoard()
    const heard = listener()
    board.drive(3, 0)
    await board.input(3, heard)
    board.drive(3, 'pull')
    await clock.advance(20)
    expect([board.physical(3), heard.levels]).toEqual([1, [1]])
  })

  it('the history has each change with its time, in order, and nothing that changed nothing', async () => {
    const { board, clock } = createBoard()
    board.drive(17, 1)
    board.drive(17, 1)
    await clock.advance(5)
    const output = await board.output(17, { initial: 1, activeLow: false })
    await clock.advance(5)
    await output.write(0)
    await output.write(0)
    expect(board.history(17)).toEqual([
      { at: 0, direction: 'in', level: 1 },
      { at: 5, direction: 'out', level: 1 },
      { at: 10, direction: 'out', level: 0 },
    ])
  })

  it('a history does not grow for ever', () => {
    const { board } = createBoard()
    for (let toggles = 1; toggles <= 1500; toggles += 1) board.drive(17, toggles % 2 === 1 ? 1 : 0)
    expect([board.history(17).length, board.history(17).at(-1)?.level]).toEqual([1000, 0])
  })

  it('without debouncing no edge is missed, however fast', async () => {
    const { board } = createBoard()
    const heard = listener({ debounceMs: 0 })
    await board.input(17, heard)
    for (const level of [1, 0, 1, 0, 1] as const) board.drive(17, level)
    await settled()
    expect(heard.levels).toEqual([1, 0, 1, 0, 1])
  })

  it('driving an output from outside is a short and refused, letting go of it is not', async () => {
    const { board } = createBoard()
    await board.output(17, { initial: 1, activeLow: false })
    expect(() => board.drive(17, 0)).toThrow(GpioError)
    board.drive(17, 'pull')
    expect(board.physical(17)).toBe(1)
  })

  it('nobody else can hold a line that we have', async () => {
    const { board } = createBoard()
    await board.output(17, { initial: 1, activeLow: false })
    expect(() => board.hold(17, 'another')).toThrow('"another"')
  })

  it('a line outside the header is refused on the side of the board, too', () => {
    const { board } = createBoard()
    expect(() => board.drive(28, 1)).toThrow('GPIO27')
    expect(() => board.physical(-1)).toThrow(GpioError)
  })

  it('a line that fails refuses reads and writes with that very error, moves nothing, and works again after', async () => {
    const { board } = createBoard()
    const output = await board.output(17, { initial: 0, activeLow: false })
    const lost = new GpioError('lost', 'the chip is gone')
    board.fail(17, lost)
    await expect(output.read()).rejects.toBe(lost)
    await expect(output.write(1)).rejects.toBe(lost)
    expect(board.physical(17)).toBe(0)
    board.fail(17)
    await output.write(1)
    expect(await output.read()).toBe(1)
  })

  it('a line that fails can not be opened, and can be once it does not', async () => {
    const { board } = createBoard()
    board.fail(17, new GpioError('permission', 'no'))
    expect(await kindOf(board.output(17, { initial: 0, activeLow: false }))).toBe('permission')
    expect(await kindOf(board.input(17, listener()))).toBe('permission')
    board.fail(17)
    expect((await board.input(17, listener())).level).toBe(0)
  })

  it('an input that fails tells it once, and the level that it finds when it is back', async () => {
    const { board, clock } = createBoard()
    const heard = listener()
    await board.input(17, heard)
    board.fail(17, new GpioError('lost', 'the chip is gone'))
    board.drive(17, 1)
    await clock.advance(60_000)
    expect([heard.faults.map(({ message }) => message), heard.levels]).toEqual([['the chip is gone'], []])
    board.fail(17)
    await clock.advance(31_000)
    expect([heard.faults.length, heard.levels]).toEqual([1, [1]])
  })

  it('a dead process can not write any more, and hears nothing', async () => {
    const { board, clock } = createBoard()
    const heard = listener({ debounceMs: 0 })
    const output = await board.output(17, { initial: 1, activeLow: false })
    await board.input(27, heard)
    const next = board.restart()
    expect(await kindOf(output.write(0))).toBe('misuse')
    next.drive(27, 1)
    await clock.advance(5000)
    expect([next.physical(17), heard.levels, clock.sleeping]).toEqual([1, [], 0])
  })
})
