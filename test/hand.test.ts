/** A simulated input is pressed by commands: the whole way, on a board in memory, with a clock that is turned. */
import { beforeEach, describe, expect, it } from 'vitest'
import { GpioError } from '../src/errors.ts'
import { createMockGpio, type MockBoard } from '../src/gpio/mock.ts'
import { createHand } from '../src/hand.ts'
import { FakeClock } from './fakes/fake-clock.ts'
import { recordLog } from './fakes/recording-log.ts'

const BUTTON = { pin: 27, active_low: true }

describe('the hand at a simulated input', () => {
  let clock: FakeClock
  let board: MockBoard
  let press: ReturnType<typeof createHand>
  let end: AbortController
  const bugs: unknown[] = []
  beforeEach(() => {
    clock = new FakeClock()
    board = createMockGpio({ clock, log: recordLog().log })
    end = new AbortController()
    bugs.length = 0
    press = createHand({ outside: board, clock, onBug: (error) => bugs.push(error) }, end.signal)
  })

  it('moves the wire to what the command means, not to what it says, where the input is active low', () => {
    expect(press(BUTTON, { state: 'on' })).toBe(1)
    expect(board.physical(27)).toBe(0)
    expect(press(BUTTON, { state: 'off' })).toBe(0)
    expect(board.physical(27)).toBe(1)
    expect(press({ pin: 5, active_low: false }, { state: 'on' })).toBe(1)
    expect(board.physical(5)).toBe(1)
  })

  it('toggles from the level that the wire has, whoever gave it', () => {
    board.drive(27, 0)
    expect(press(BUTTON, { state: 'toggle' })).toBe(0)
    expect(press(BUTTON, { state: 'toggle' })).toBe(1)
  })

  it('lets go after `for`, not sooner', async () => {
    press(BUTTON, { state: 'on', forMs: 200 })
    await clock.advance(199)
    expect(board.physical(27)).toBe(0)
    await clock.advance(1)
    expect(board.physical(27)).toBe(1)
  })

  it('forgets to let go when it presses again', async () => {
    press(BUTTON, { state: 'on', forMs: 200 })
    press(BUTTON, { state: 'on' })
    await clock.advance(1000)
    expect(board.physical(27)).toBe(0)
    expect(bugs).toEqual([])
  })

  it('lets go no more once the node stops, and that is no bug', async () => {
    press(BUTTON, { state: 'on', forMs: 200 })
    end.abort()
    await clock.advance(1000)
    expect(board.physical(27)).toBe(0)
    expect(bugs).toEqual([])
  })

  it('refuses a wire that somebody drives already, and goes on pressing the others', async () => {
    await board.output(27, { initial: 0, activeLow: false })
    expect(() => press(BUTTON, { state: 'on' })).toThrow(GpioError)
    expect(press({ pin: 5, active_low: false }, { state: 'on' })).toBe(1)
  })
})
