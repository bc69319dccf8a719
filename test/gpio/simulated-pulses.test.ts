import { describe, expect, it } from 'vitest'
import { GpioError } from '../../src/errors.ts'
import { createMockGpio } from '../../src/gpio/mock.ts'
import { withSimulatedPulses } from '../../src/gpio/simulated-pulses.ts'
import { silentLog } from '../../src/log.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { kindOf, listener } from './contract.ts'

const OPTIONS = { activeLow: false, debounceMs: 0, edge: 'rising' } as const

function setUp() {
  const clock = new FakeClock()
  const board = createMockGpio({ clock, log: silentLog() })
  return { clock, board, gpio: withSimulatedPulses(board, clock) }
}

describe('simulated pulses', () => {
  it('begin at none and come one by one, each at a time of its own that is past', async () => {
    const { clock, gpio } = setUp()
    const counter = await gpio.counter(5, OPTIONS)
    expect(await counter.read()).toEqual({ count: 0, newestMs: undefined, unseen: 0, outages: 0 })
    let last = { count: 0, newestMs: 0 }
    for (let second = 0; second < 300; second += 1) {
      await clock.advance(500)
      const { count, newestMs = 0 } = await counter.read()
      expect(count - last.count).toBeLessThanOrEqual(1)
      expect(newestMs).toBeLessThanOrEqual(clock.monotonic())
      if (count > last.count) expect(newestMs).toBeGreaterThan(last.newestMs)
      last = { count, newestMs }
    }
    expect(last.count).toBeGreaterThan(60)
    expect(last.count).toBeLessThan(100)
  })

  it('are pulses of the board behind: a line has one use, and one that fails fails', async () => {
    const { board, gpio } = setUp()
    const counter = await gpio.counter(5, OPTIONS)
    expect(await kindOf(gpio.counter(5, OPTIONS))).toBe('misuse')
    board.fail(5, new GpioError('io', 'no'))
    expect(await kindOf(counter.read())).toBe('io')
    await gpio.close()
  })

  it('leave inputs and outputs to the board', async () => {
    const { board, gpio } = setUp()
    await gpio.output(17, { initial: 1, activeLow: false })
    expect([gpio.backend, board.physical(17), (await gpio.input(27, listener())).level]).toEqual(['mock', 1, 0])
    await gpio.close()
    expect(await kindOf(gpio.input(22, listener()))).toBe('misuse')
  })
})
