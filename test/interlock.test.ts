/** Outputs of one interlock: never two on at once, with a pause between, whatever happens. Checked on the wires. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Command } from '../src/command.ts'
import { broken, off, on, toggle } from './fakes/output-bench.ts'
import { type OutputsBench, openOutputs, type PinConfig, shortestGap, timesHigh } from './fakes/outputs-bench.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const PAUSE = 500
const UP = 23
const DOWN = 24
const TILT = 25
const ALL = [UP, DOWN, TILT] as const

const motor = (...configs: Partial<PinConfig>[]): PinConfig[] =>
  ALL.map((pin, index) => ({ pin, interlock: 'motor', interlock_pause: PAUSE, ...configs[index] }))

/** A motor at rest. */
const open = async (...configs: Partial<PinConfig>[]): Promise<OutputsBench> => {
  const bench = await openOutputs(motor(...configs))
  await bench.clock.advance(MINUTE)
  return bench
}

describe('an interlock', () => {
  it('brings the others off at once, lets the pause pass, and then brings the pin on', async () => {
    const bench = await open()
    await bench.send(UP, on)
    const answer = bench.ask(DOWN, on)
    await bench.clock.advance(0)
    expect(bench.high()).toEqual([])
    await bench.clock.advance(PAUSE - 1)
    expect(bench.high()).toEqual([])
    await bench.clock.advance(1)
    expect(bench.high()).toEqual([DOWN])
    expect(await answer).toBe('ok')
    expect(bench.states.slice(3)).toEqual(['23=1', '23=0', '24=1'])
  })

  it('waits for what is left of the pause only, and not at all where the others have been off for long', async () => {
    const bench = await open()
    await bench.send(UP, on)
    await bench.send(UP, off)
    await bench.clock.advance(PAUSE - 100)
    const answer = bench.ask(DOWN, on)
    await bench.clock.advance(99)
    expect(bench.high()).toEqual([])
    await bench.clock.advance(1)
    expect(bench.high()).toEqual([DOWN])
    await answer
    await bench.send(DOWN, off)
    await bench.clock.advance(PAUSE)
    await bench.send(UP, on)
    expect(bench.high()).toEqual([UP])
  })

  it('does not hold a pin up that goes on again itself', async () => {
    const bench = await open()
    for (const command of [on, off, on, toggle, toggle]) await bench.send(UP, command)
    expect(bench.high()).toEqual([UP])
  })

  it('lets pins of other groups, and of none, alone', async () => {
    const bench = await openOutputs([
      ...motor(),
      { pin: 17 },
      { pin: 22, interlock: 'valve' },
      { pin: 27, interlock: 'valve' },
    ])
    await bench.clock.advance(MINUTE)
    for (const pin of [17, 22, UP]) await bench.send(pin, on)
    expect(bench.high()).toEqual([UP, 17, 22])
  })

  it.each<[string, Command]>([
    ['off', off],
    ['toggle', toggle],
  ])('an "on" that waits is called off by %s: the motor does not twitch', async (_, later) => {
    const bench = await open()
    await bench.send(UP, on)
    const answers = [bench.ask(DOWN, on), bench.ask(DOWN, on)]
    await bench.clock.advance(100)
    const last = bench.ask(DOWN, later)
    await bench.clock.advance(MINUTE)
    expect(await Promise.all(answers)).toEqual(['called off by a later command', 'called off by a later command'])
    expect(await last).toBe('ok')
    expect([timesHigh(bench, DOWN), bench.high()]).toEqual([[], []])
    expect(bench.states.at(-1)).toBe('24=0')
  })

  it('a toggle after a toggle that was called off counts from what that one would have left', async () => {
    const bench = await open()
    await bench.send(UP, on)
    const answers = [toggle, toggle, toggle].map((command) => bench.ask(DOWN, command))
    await bench.clock.advance(MINUTE)
    expect(await Promise.all(answers)).toEqual(['called off by a later command', 'ok', 'ok'])
    expect(bench.high()).toEqual([DOWN])
  })

  it('the newest "on" counts: one that waits is called off by that for another pin', async () => {
    const bench = await open()
    await bench.send(UP, on)
    const first = bench.ask(DOWN, on)
    await bench.clock.advance(100)
    const second = bench.ask(TILT, on)
    await bench.clock.advance(PAUSE)
    expect([await first, await second]).toEqual(['called off by a later order for pin 25', 'ok'])
    expect(bench.high()).toEqual([TILT])
  })

  it('a refused command brings nothing off', async () => {
    const bench = await open({}, { max_on: SECOND })
    await bench.send(UP, on)
    expect(await bench.ask(DOWN, { state: 'on', forMs: MINUTE })).toContain('max_on')
    expect(bench.high()).toEqual([UP])
  })

  it('a for counts from when the pin went on', async () => {
    const bench = await open()
    await bench.send(UP, on)
    void bench.send(DOWN, { state: 'on', forMs: SECOND })
    await bench.clock.advance(MINUTE)
    expect(timesHigh(bench, DOWN).at(-1)).toBe(SECOND)
    expect(bench.clock.sleeping).toBe(0)
  })

  it('a for of a pin that was brought off is over: it does not come back', async () => {
    const bench = await open()
    await bench.send(UP, { state: 'on', forMs: 10 * SECOND })
    await bench.send(TILT, { state: 'off', forMs: 10 * SECOND })
    void bench.send(DOWN, on)
    await bench.clock.advance(MINUTE)
    expect(bench.high()).toEqual([DOWN])
  })

  it('the end of an off for, and on_disconnect: on, bring the others off, too', async () => {
    const bench = await open({}, {}, { on_disconnect: { state: 'on', after: 10 * SECOND } })
    await bench.send(UP, on)
    await bench.send(UP, { state: 'off', forMs: 20 * SECOND })
    bench.outputs.connected(false)
    await bench.clock.advance(11 * SECOND)
    expect(bench.high()).toEqual([TILT])
    await bench.clock.advance(MINUTE)
    expect(bench.high()).toEqual([TILT]) // which ended the for
    expect(shortestGap(bench, ALL)).toBeGreaterThanOrEqual(PAUSE)
  })

  it('is no reason to go off later: max_on, a for and on_disconnect pass a pin that waits', async () => {
    const bench = await open({ max_on: 10 * SECOND, interlock_pause: MINUTE }, { interlock_pause: MINUTE })
    await bench.send(UP, on)
    await bench.clock.advance(10 * SECOND)
    expect(bench.high()).toEqual([])
    const waits = bench.ask(DOWN, on)
    await bench.clock.advance(SECOND)
    expect(await bench.ask(TILT, off)).toBe('ok')
    await bench.send(DOWN, off)
    expect(await waits).toBe('called off by a later command')
  })
})

describe('an interlock with a pin that fails', () => {
  it.each([
    ['is on', on],
    ['was off', off],
  ])('refuses "on" for the others, with the reason, while nobody knows that it is off: it %s', async (_, before) => {
    const bench = await open()
    await bench.send(UP, before)
    bench.board.fail(UP, broken)
    expect(await bench.ask(DOWN, on)).toBe(`pin 23 of the interlock motor can't be brought off: ${broken.message}`)
    expect(bench.high()).toEqual(before === on ? [UP] : [])
    bench.board.fail(UP)
    const answer = bench.ask(DOWN, on)
    await bench.clock.advance(MINUTE)
    expect([await answer, bench.high()]).toEqual(['ok', [DOWN]])
  })

  it('refuses while a pin is not open, and takes commands as soon as it is', async () => {
    let free = (): void => {}
    const bench = await openOutputs([{ pin: 17 }])
    const next = await bench.kill(0, {
      pins: motor(),
      arrange: (board) => {
        free = board.hold(UP, 'gpioset')
      },
    })
    expect(await next.ask(DOWN, on)).toContain(
      "pin 23 of the interlock motor can't be brought off: pin 23 can't be used",
    )
    free()
    await next.clock.advance(MINUTE)
    expect(await next.ask(DOWN, on)).toBe('ok')
  })

  it('refuses where a pin does not answer, after a second', async () => {
    const bench = await open()
    await bench.send(UP, on)
    bench.gpio.stall(UP)
    const answer = bench.ask(DOWN, on)
    await bench.clock.advance(SECOND)
    expect(await answer).toBe("pin 23 of the interlock motor can't be brought off: it does not answer")
    expect(bench.high()).toEqual([UP])
  })

  it('a pin that hangs holds no other one on', async () => {
    const bench = await open({}, { max_on: 10 * SECOND })
    await bench.send(DOWN, on)
    bench.gpio.stall(UP)
    void bench.ask(UP, off)
    await bench.clock.advance(10 * SECOND)
    expect(bench.high()).toEqual([])
  })

  it('a wire that somebody else has driven high is brought off before another goes on', async () => {
    const bench = await open()
    const output = await bench.board.restart().output(UP, { initial: 1, activeLow: false })
    expect([output.line, bench.high()]).toEqual([UP, [UP]])
    const next = await bench.kill()
    await next.clock.advance(MINUTE)
    await next.send(DOWN, on)
    expect(next.high()).toEqual([DOWN])
  })
})

describe('an interlock at the start and at the end', () => {
  it('initial: on goes on after the pause', async () => {
    const bench = await openOutputs(motor({ initial: 'on' }))
    await bench.clock.advance(PAUSE - 1)
    expect(timesHigh(bench, UP)).toEqual([])
    await bench.clock.advance(1)
    expect(bench.high()).toEqual([UP])
  })

  it('waits at the start until every pin is known', async () => {
    let free = (): void => {}
    const bench = await openOutputs([{ pin: 17 }])
    const next = await bench.kill(0, {
      pins: motor({ initial: 'on' }),
      arrange: (board) => {
        free = board.hold(TILT, 'gpioset')
      },
    })
    await next.clock.advance(MINUTE)
    expect(next.high()).toEqual([])
    free()
    await next.clock.advance(10 * MINUTE)
    expect(next.high()).toEqual([UP])
  })

  it('what a dead run left on stays on, without a twitch', async () => {
    const before = await open({ initial: 'keep' }, { initial: 'keep' })
    await before.send(DOWN, on)
    const moves = before.board.history(DOWN).length
    const after = await before.kill(SECOND)
    await after.clock.advance(MINUTE)
    expect(after.high()).toEqual([DOWN])
    expect(after.board.history(DOWN).length).toBe(moves)
  })

  it('two that are found on are both switched off, and the log says so', async () => {
    const before = await openOutputs([UP, DOWN].map((pin) => ({ pin })))
    for (const pin of [UP, DOWN]) await before.send(pin, on)
    const after = await before.kill(0, { pins: motor({ initial: 'keep' }, { initial: 'keep' }) })
    expect(after.high()).toEqual([])
    expect(after.told('error')).toEqual(['error more than one would be on at the start: all off'])
    await after.clock.advance(MINUTE)
    expect([after.high(), after.clock.sleeping]).toEqual([[], 0])
  })

  it.each<[string, Partial<PinConfig>]>([
    ['keep', { initial: 'keep' }],
    ['last', { initial: 'last' }],
  ])('initial: on beside one that is found on has all off: %s', async (_, config) => {
    const before = await openOutputs([{ pin: DOWN, ...config }])
    await before.send(DOWN, on)
    const after = await before.kill(0, { pins: motor({ initial: 'on' }, { initial: 'keep' }) })
    await after.clock.advance(MINUTE)
    expect(after.high()).toEqual([])
  })

  it('at the end a pin goes to its exit level alone', async () => {
    const bench = await open({ on_exit: 'on' }, { on_exit: 'keep' })
    await bench.send(DOWN, on)
    const ended = bench.end()
    await bench.clock.advance(PAUSE)
    await ended
    expect(bench.high()).toEqual([UP])
    expect(shortestGap(bench, ALL)).toBe(PAUSE)
  })

  it('at the end an "on" that waits is called off, and a pause that is too long for the end is not waited for', async () => {
    const bench = await open({ on_exit: 'on', interlock_pause: MINUTE })
    await bench.send(DOWN, on)
    const waits = bench.ask(TILT, on)
    const ended = bench.end()
    await bench.clock.advance(SECOND)
    await ended
    expect([await waits, bench.high(), bench.clock.sleeping]).toEqual(['the node is stopping', [], 0])
    expect(bench.told('error')).toEqual(['error output did not reach its exit level in time'])
  })
})

describe('whatever happens', () => {
  const DEAD_MS = 1000
  const MAX_ON = 5 * SECOND

  it.each([
    { seed: 1, failing: true },
    { seed: 2, failing: true },
    { seed: 3, failing: false },
  ])('never are two on, never without the pause, and none for longer than it may: $seed', async ({ seed, failing }) => {
    const folder = await mkdtemp(join(tmpdir(), 'interlock-'))
    const random = generator(seed)
    const pick = <T>(values: readonly [T, ...T[]]): T => values[Math.floor(random() * values.length)] ?? values[0]
    const commands = [on, on, off, toggle, { state: 'on', forMs: 700 }, { state: 'off', forMs: 700 }] as const
    const pins = motor(
      { initial: 'keep', max_on: MAX_ON },
      { initial: 'last', max_on: MAX_ON },
      { initial: 'keep', max_on: MAX_ON, on_disconnect: { state: 'on', after: SECOND } },
    )
    let bench = await openOutputs(pins, folder)
    for (let step = 0; step < 200; step += 1) {
      const pin = pick([UP, DOWN, TILT])
      const what = random()
      if (what < 0.7) void bench.ask(pin, pick(commands))
      else if (what < 0.8) bench.outputs.connected(random() < 0.5)
      else if (what < 0.85) bench = await bench.kill(Math.floor(random() * DEAD_MS))
      else if (failing && what < 0.9) bench.board.fail(pin, broken)
      else for (const line of ALL) bench.board.fail(line)
      if (random() < 0.7) await bench.clock.advance(pick([0, 1, 100, 499, 500, 501, 2000]))
    }
    const high = ALL.flatMap((line) => timesHigh(bench, line))
    expect(high.length).toBeGreaterThan(10)
    expect(shortestGap(bench, ALL)).toBeGreaterThanOrEqual(PAUSE)
    // While the process is dead nobody switches, and while a pin fails nobody can.
    if (!failing) expect(Math.max(...high)).toBeLessThanOrEqual(MAX_ON + DEAD_MS)
    await rm(folder, { recursive: true })
  })
})

/** The same numbers for the same seed (Park and Miller, 1988). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}
