import { describe, expect, it } from 'vitest'
import type { StateInputConfig } from '../src/config/schema.ts'
import { GpioError } from '../src/errors.ts'
import type { Gpio, InputOptions as GpioInputOptions } from '../src/gpio/gpio.ts'
import { createMockGpio, type MockBoard } from '../src/gpio/mock.ts'
import { type InputOptions, watchInput } from '../src/inputs.ts'
import { FakeClock, settled } from './fakes/fake-clock.ts'
import { partOf } from './fakes/part.ts'
import { type RecordingLog, recordLog } from './fakes/recording-log.ts'

const SECOND = 1000
const PIN = 27
const broken = new GpioError('io', 'GPIO27 can’t be read: I/O error')

interface Bench extends RecordingLog {
  readonly clock: FakeClock
  readonly board: MockBoard
  readonly states: string[]
  readonly faults: [pin: number, reason: string | undefined][]
  end(): Promise<void>
}

async function open(
  pins: Partial<StateInputConfig>[] = [{}],
  arrange: (board: MockBoard) => void = () => {},
): Promise<Bench> {
  const clock = new FakeClock()
  const recording = recordLog()
  const board = createMockGpio({ clock, log: recording.log })
  arrange(board)
  const states: string[] = []
  const faults: Bench['faults'] = []
  const controller = new AbortController()
  const options: InputOptions = {
    gpio: board,
    clock,
    log: recording.log,
    onOpened: () => {},
    onState: (pin, level) => states.push(`${pin}=${level}`),
    onFault: (pin, reason) => faults.push([pin, reason]),
  }
  for (const given of pins) {
    const config = { pin: PIN, mode: 'state', active_low: false, debounce: 20, ...given } as const
    await new Promise<void>((started) => {
      void watchInput(options, partOf<StateInputConfig>(config, controller.signal, started))
    })
  }
  return {
    ...recording,
    ...{ clock, board, states, faults },
    async end() {
      controller.abort()
      await board.close()
      await settled()
    },
  }
}

describe('an input', () => {
  it('has the pull that its configuration says', async () => {
    const { states, end } = await open([{ pull: 'up' }, { pin: 3, pull: 'down' }, { pin: 4 }])
    expect(states).toEqual(['27=1', '3=0', '4=1'])
    await end()
  })

  it('tells its level at the start, and then each settled change', async () => {
    const { clock, board, states, end } = await open()
    expect(states).toEqual(['27=0'])
    board.drive(PIN, 1)
    await clock.advance(SECOND)
    board.drive(PIN, 0)
    await clock.advance(SECOND)
    expect(states).toEqual(['27=0', '27=1', '27=0'])
    await end()
  })

  it('is logical: with active_low it is 1 while the wire is low', async () => {
    const { states, end } = await open([{ active_low: true }])
    expect(states).toEqual(['27=1'])
    await end()
  })

  it('does not tell of a bounce that is shorter than its debounce', async () => {
    const { clock, board, states, end } = await open([{ debounce: 50 }])
    board.drive(PIN, 1)
    await clock.advance(30)
    board.drive(PIN, 0)
    await clock.advance(SECOND)
    expect(states).toEqual(['27=0'])
    await end()
  })

  it('that works has no fault to tell, neither at the start nor at its edges', async () => {
    const { clock, board, faults, told, end } = await open()
    board.drive(PIN, 1)
    await clock.advance(SECOND)
    expect(faults).toEqual([])
    expect(told('info', 'warn', 'error')).toEqual(['info input opened'])
    await end()
  })

  it('that can’t be opened is told once, does not stop the others, and is tried again with back-off until it works', async () => {
    let free = (): void => {}
    const made = await open([{}, { pin: 22 }], (board) => {
      free = board.hold(PIN, 'gpio-keys')
    })
    expect(made.states).toEqual(['22=0'])
    await made.clock.advance(6 * SECOND)
    expect(made.told('warn')).toEqual(['warn input failed'])
    expect(made.faults.length).toBe(3)
    expect(made.faults[0]?.[1]).toContain('gpio-keys')
    free()
    await made.clock.advance(60 * SECOND)
    expect(made.states).toEqual(['22=0', '27=0'])
    expect(made.faults.at(-1)).toEqual([PIN, undefined])
    expect(made.told('info')).toContain('info input recovered')
    await made.end()
  })

  it('that never works is not tried again after the end', async () => {
    const made = await open([{}], (board) => board.hold(PIN, 'gpio-keys'))
    await made.end()
    expect(made.clock.sleeping).toBe(0)
    expect(made.states).toEqual([])
  })

  it('that fails while it is watched is told, and told again when it is back', async () => {
    const { clock, board, states, faults, told, end } = await open()
    board.fail(PIN, broken)
    await clock.advance(60 * SECOND)
    expect(faults[0]).toEqual([PIN, broken.message])
    expect(told('warn')).toEqual(['warn input failed'])
    board.fail(PIN)
    board.drive(PIN, 1)
    await clock.advance(10 * 60 * SECOND)
    expect(states.at(-1)).toBe('27=1')
    expect(faults.at(-1)).toEqual([PIN, undefined])
    await end()
  })

  // Not yet: a backend tells nobody of an end that changes no level. This turns red when it does: then drop `fails`.
  it('that comes back with the level that it had is known to be back, too', async () => {
    const { clock, board, states, faults, end } = await open()
    board.fail(PIN, broken)
    await clock.advance(60 * SECOND)
    board.fail(PIN)
    await clock.advance(10 * 60 * SECOND)
    expect(faults.at(-1)).toEqual([PIN, undefined])
    expect(states.at(-1)).toBe('27=0')
    await end()
  })

  it('that opens only after its end is given back', async () => {
    const clock = new FakeClock()
    const { log } = recordLog()
    const board = createMockGpio({ clock, log })
    let late = (): void => {}
    const gate = new Promise<void>((resolve) => {
      late = resolve
    })
    const gpio: Gpio = Object.assign(Object.create(board), {
      async input(line: number, options: GpioInputOptions) {
        await gate
        return await board.input(line, options)
      },
      release: (line: number) => board.release(line),
    })
    const states: number[] = []
    const controller = new AbortController()
    const options = { gpio, clock, log, onOpened() {}, onState: (pin: number) => states.push(pin), onFault() {} }
    const config = { pin: PIN, mode: 'state', active_low: false, debounce: 20 } as const
    const watching = watchInput(options, partOf<StateInputConfig>(config, controller.signal))
    await settled()
    controller.abort()
    await watching // a driver that hangs does not hold it up
    late()
    await settled()
    board.hold(PIN, 'somebody else')()
    expect([states, clock.sleeping]).toEqual([[], 0])
  })

  it('leaves no timer behind', async () => {
    const { clock, board, end } = await open()
    board.drive(PIN, 1)
    await clock.advance(5)
    await end()
    expect(clock.sleeping).toBe(0)
  })
})
