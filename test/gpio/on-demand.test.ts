import { describe, expect, it } from 'vitest'
import { GpioError } from '../../src/errors.ts'
import type { Gpio } from '../../src/gpio/gpio.ts'
import { createMockGpio, type MockBoard } from '../../src/gpio/mock.ts'
import { GpioOnDemand } from '../../src/gpio/on-demand.ts'
import { silentLog } from '../../src/log.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { recordLog } from '../fakes/recording-log.ts'
import { kindOf, listener } from './contract.ts'

const OUTPUT = { initial: 0, activeLow: false } as const

function setUp(failures = 0) {
  const { log, lines } = recordLog()
  const made: MockBoard[] = []
  let left = failures
  const choose = async () => {
    const create = async (): Promise<Gpio> => {
      if (left > 0) {
        left -= 1
        throw new GpioError('not-found', 'no header')
      }
      const board = createMockGpio({ clock: new FakeClock(), log: silentLog() })
      made.push(board)
      return board
    }
    return left > 0
      ? { backend: 'chardev', reason: 'no sysfs', create }
      : { backend: 'onoff', reason: 'sysfs is there', create }
  }
  const told = () => lines.map(({ backend, reason }) => [backend, reason])
  return { gpio: new GpioOnDemand('auto', choose, log), made, told }
}

describe('a backend on demand', () => {
  it('is not chosen before the first pin, and has the asked name till then', () => {
    const { gpio, made, told } = setUp()
    expect([gpio.backend, gpio.reason, made, told()]).toEqual(['auto', undefined, [], []])
  })

  it('is made once for all pins, told once, and known by name and reason', async () => {
    const { gpio, made, told } = setUp()
    const counting = gpio.counter(5, { activeLow: false, debounceMs: 0, edge: 'rising' })
    await Promise.all([gpio.output(17, OUTPUT), gpio.input(27, listener()), counting])
    await gpio.output(18, OUTPUT)
    expect([made.length, told()]).toEqual([1, [['onoff', 'sysfs is there']]])
    expect([gpio.backend, gpio.reason]).toEqual(['onoff', 'sysfs is there'])
  })

  it('is chosen anew by the next pin where it could not be had, and told when the choice is another', async () => {
    const { gpio, told } = setUp(2)
    expect(await kindOf(gpio.output(17, OUTPUT))).toBe('not-found')
    expect([gpio.backend, gpio.reason]).toEqual(['chardev', 'no sysfs'])
    expect(await kindOf(gpio.output(17, OUTPUT))).toBe('not-found')
    await gpio.output(17, OUTPUT)
    expect(gpio.backend).toBe('onoff')
    expect(told()).toEqual([
      ['chardev', 'no sysfs'],
      ['onoff', 'sysfs is there'],
    ])
  })

  it('gives nothing after close, whether it was made or not', async () => {
    for (const first of [true, false]) {
      const { gpio, made } = setUp()
      if (first) await gpio.output(17, OUTPUT)
      await gpio.close()
      await expect(gpio.output(18, OUTPUT)).rejects.toThrow('closed')
      expect(made.length).toBe(first ? 1 : 0)
      for (const board of made) expect(await kindOf(board.output(19, OUTPUT))).toBe('misuse')
    }
  })

  it('opens no line that waited for the backend when it was closed', async () => {
    const { gpio, made } = setUp()
    const opening = gpio.output(17, OUTPUT)
    await Promise.all([gpio.close(), expect(opening).rejects.toThrow('closed')])
    expect(made.length).toBe(1)
    for (const board of made) expect(board.history(17)).toEqual([])
  })
})
