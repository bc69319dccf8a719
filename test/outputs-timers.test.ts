/** What an output does later by itself: the end of a `for`, `max_on`, `on_disconnect`. */
import { describe, expect, it } from 'vitest'
import type { Command } from '../src/command.ts'
import { broken, off, on, openOutput, PIN, toggle } from './fakes/output-bench.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 86_400_000

describe('for', () => {
  it.each<[string, Command, Command[], number, number]>([
    ['on', { state: 'on', forMs: 5 * SECOND }, [], 1, 0],
    ['off', { state: 'off', forMs: 5 * SECOND }, [on], 0, 1],
    ['toggle from off', { state: 'toggle', forMs: 5 * SECOND }, [], 1, 0],
    ['toggle from on', { state: 'toggle', forMs: 5 * SECOND }, [on], 0, 1],
    ['on while it is on already', { state: 'on', forMs: 5 * SECOND }, [on], 1, 0],
  ])(
    '%s: the pin has the level for that long, then the opposite of what the command gave',
    async (_, command, before, during, after) => {
      const { send, states, clock } = await openOutput()
      for (const earlier of before) await send(earlier)
      await send(command)
      await clock.advance(5 * SECOND - 1)
      expect(states.at(-1)).toBe(`17=${during}`)
      const told = states.length
      await clock.advance(1)
      expect(states.slice(told)).toEqual([`17=${after}`])
      expect(clock.sleeping).toBe(0)
    },
  )

  it.each<[string, Command]>([
    ['on', on],
    ['off', off],
    ['toggle', toggle],
  ])('is cancelled by a later %s, even one that changes nothing', async (_, later) => {
    const { send, states, clock } = await openOutput()
    await send({ state: 'on', forMs: 5 * SECOND })
    await send(later)
    const told = states.length
    await clock.advance(DAY)
    expect(states.length).toBe(told)
    expect(clock.sleeping).toBe(0)
  })

  it('is replaced by a later one', async () => {
    const { send, states, clock } = await openOutput()
    await send({ state: 'on', forMs: 5 * SECOND })
    await clock.advance(3 * SECOND)
    await send({ state: 'on', forMs: 5 * SECOND })
    await clock.advance(4 * SECOND)
    expect(states).toEqual(['17=0', '17=1', '17=1'])
    await clock.advance(SECOND)
    expect(states.at(-1)).toBe('17=0')
  })

  it('is not cancelled by a command that was refused, nor by one that the pin failed', async () => {
    const { send, states, clock, board } = await openOutput({ max_on: 10 * MINUTE })
    await send({ state: 'on', forMs: 5 * SECOND })
    await expect(send({ state: 'on', forMs: 11 * MINUTE })).rejects.toMatchObject({ kind: 'refused' })
    board.fail(PIN, broken)
    await expect(send(on)).rejects.toBe(broken)
    board.fail(PIN)
    await clock.advance(5 * SECOND)
    expect(states.at(-1)).toBe('17=0')
  })

  it('of 60 days is 60 days, not 25', async () => {
    const { send, states, clock } = await openOutput()
    await send({ state: 'on', forMs: 60 * DAY })
    await clock.advance(60 * DAY - 1)
    expect(states.at(-1)).toBe('17=1')
    await clock.advance(1)
    expect(states.at(-1)).toBe('17=0')
  })

  it('whose end the pin fails stays owed, and is tried until it works', async () => {
    const { send, states, clock, board, told } = await openOutput()
    await send({ state: 'on', forMs: 5 * SECOND })
    board.fail(PIN, broken)
    await clock.advance(5 * SECOND + 2.5 * SECOND)
    expect(told('error').length).toBe(2)
    board.fail(PIN)
    await clock.advance(0.5 * SECOND)
    expect(states.at(-1)).toBe('17=0')
    expect(clock.sleeping).toBe(0)
  })

  it('that ends while a later command waits for a slow pin is cancelled by it', async () => {
    const { send, states, clock, gpio } = await openOutput()
    await send({ state: 'on', forMs: 5 * SECOND })
    const release = gpio.stall(PIN)
    const later = send(on)
    await clock.advance(6 * SECOND)
    release()
    await later
    await clock.advance(DAY)
    expect(states).toEqual(['17=0', '17=1', '17=1'])
  })

  it('that is owed is cancelled by a later command all the same', async () => {
    const { send, states, clock, board } = await openOutput()
    await send({ state: 'on', forMs: 5 * SECOND })
    board.fail(PIN, broken)
    await clock.advance(5 * SECOND)
    board.fail(PIN)
    await send(on)
    await clock.advance(DAY)
    expect(states.at(-1)).toBe('17=1')
  })
})

describe('max_on', () => {
  const limited = { max_on: 10 * MINUTE }

  it('switches off after that long, counted from when it went on: a second on changes nothing', async () => {
    const { send, states, clock } = await openOutput(limited)
    await send(on)
    await clock.advance(9 * MINUTE)
    await send(on)
    expect(clock.sleeping).toBe(1)
    await clock.advance(MINUTE - 1)
    expect(states.at(-1)).toBe('17=1')
    await clock.advance(1)
    expect(states.at(-1)).toBe('17=0')
    expect(clock.sleeping).toBe(0)
  })

  it('begins anew each time that it goes on', async () => {
    const { send, states, clock } = await openOutput(limited)
    await send(on)
    await clock.advance(9 * MINUTE)
    await send(off)
    await send(on)
    await clock.advance(9 * MINUTE)
    expect(states.at(-1)).toBe('17=1')
    await clock.advance(MINUTE)
    expect(states.at(-1)).toBe('17=0')
  })

  it('refuses a for beyond it, pin untouched, and takes one that is just as long', async () => {
    const { send, states } = await openOutput(limited)
    const tooLong = send({ state: 'on', forMs: 10 * MINUTE + 1 })
    await expect(tooLong).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining('10m') })
    expect(states).toEqual(['17=0'])
    await send({ state: 'on', forMs: 10 * MINUTE })
    expect(states.at(-1)).toBe('17=1')
  })

  it('limits what a for off, or the start, switched on as well', async () => {
    const made = await openOutput(limited)
    await made.send(on)
    await made.send({ state: 'off', forMs: SECOND })
    await made.clock.advance(SECOND)
    expect(made.states.at(-1)).toBe('17=1')
    const next = await made.restart({ ...limited, initial: 'keep' })
    expect(next.states).toEqual(['17=1'])
    await next.clock.advance(10 * MINUTE)
    expect(next.states).toEqual(['17=1', '17=0'])
  })

  it('ends a for that would have gone on', async () => {
    const { send, states, clock } = await openOutput(limited)
    await send(on)
    await clock.advance(5 * MINUTE)
    await send({ state: 'on', forMs: 8 * MINUTE })
    await clock.advance(5 * MINUTE)
    expect(states.at(-1)).toBe('17=0')
    const told = states.length
    await clock.advance(DAY)
    expect(states.length).toBe(told)
    expect(clock.sleeping).toBe(0)
  })

  it('whose switching off fails is tried until it works: a pump must not stay on', async () => {
    const { send, states, clock, board } = await openOutput(limited)
    await send(on)
    board.fail(PIN, broken)
    await clock.advance(10 * MINUTE + 30 * SECOND)
    expect(states.at(-1)).toBe('17=1')
    board.fail(PIN)
    await clock.advance(MINUTE)
    expect(states.at(-1)).toBe('17=0')
  })
})

describe('on_disconnect', () => {
  const rule = { on_disconnect: { state: 'off', after: 60 * SECOND } } as const

  it('takes its level when the broker has been away for the grace time', async () => {
    const { send, outputs, states, clock } = await openOutput(rule)
    await send(on)
    outputs.connected(false)
    await clock.advance(60 * SECOND - 1)
    expect(states.at(-1)).toBe('17=1')
    await clock.advance(1)
    expect(states.at(-1)).toBe('17=0')
  })

  it('a return within the grace time changes nothing, and each absence has its own', async () => {
    const { send, outputs, states, clock } = await openOutput(rule)
    await send(on)
    for (let times = 0; times < 5; times += 1) {
      outputs.connected(false)
      await clock.advance(59 * SECOND)
      outputs.connected(true)
      await clock.advance(SECOND)
    }
    expect(states).toEqual(['17=0', '17=1'])
    expect(clock.sleeping).toBe(0)
  })

  it('may switch on', async () => {
    const { outputs, states, clock } = await openOutput({ on_disconnect: { state: 'on', after: 0 } })
    outputs.connected(false)
    await clock.advance(0)
    expect(states).toEqual(['17=0', '17=1'])
  })

  it('is not undone when the broker comes back', async () => {
    const { send, outputs, states, clock } = await openOutput(rule)
    await send(on)
    outputs.connected(false)
    await clock.advance(MINUTE)
    outputs.connected(true)
    await clock.advance(DAY)
    expect(states.at(-1)).toBe('17=0')
  })

  it.each<[string, Command]>([
    ['on', { state: 'on', forMs: 10 * MINUTE }],
    ['off, where the pin has the level already', { state: 'off', forMs: 10 * MINUTE }],
  ])('ends a for that is under way: %s', async (_, pulse) => {
    const { send, outputs, states, clock } = await openOutput(rule)
    await send(pulse)
    outputs.connected(false)
    await clock.advance(DAY)
    expect(states.at(-1)).toBe('17=0')
    expect(clock.sleeping).toBe(0)
  })

  it('that finds the line not open yet is not told as done: the line begins as it orders', async () => {
    let free = (): void => {}
    const { outputs, states, clock, told, board } = await openOutput(
      { ...rule, initial: 'on' },
      {
        arrange: (held) => {
          free = held.hold(PIN, 'gpio-keys')
        },
      },
    )
    outputs.connected(false)
    await clock.advance(61 * SECOND)
    expect(told('info')).not.toContain('info output switched')
    free()
    await clock.advance(10 * MINUTE)
    expect(states).toEqual(['17=0'])
    expect(board.history(PIN).map(({ level }) => level)).toEqual([0])
  })

  it('concerns no pin without it', async () => {
    const { outputs, clock } = await openOutput()
    outputs.connected(false)
    expect(clock.sleeping).toBe(0)
  })
})

describe('a write that moved the wire, and failed all the same', () => {
  it('has an end by max_on, though the pin was never known to be on', async () => {
    const { send, clock, board, gpio } = await openOutput(
      { max_on: 10 * MINUTE },
      {
        arrange(made, wrapped) {
          const output = wrapped.output
          wrapped.output = async (line, options) => {
            const inner = await output(line, options)
            const write = async (level: 0 | 1): Promise<void> => {
              await inner.write(level)
              if (level === 1) throw broken
            }
            return { ...inner, write }
          }
          expect(made.physical(PIN)).toBe(0)
        },
      },
    )
    expect(gpio.backend).toBe('mock')
    await expect(send(on)).rejects.toBe(broken)
    expect(board.physical(PIN)).toBe(1)
    await clock.advance(10 * MINUTE)
    expect(board.physical(PIN)).toBe(0)
  })
})
