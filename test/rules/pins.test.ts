/** Rules on pins: levels, levels that last, presses of a button told apart. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { OutputConfig, StateInputConfig } from '../../src/config/schema.ts'
import { createMockGpio } from '../../src/gpio/mock.ts'
import { watchInput } from '../../src/inputs.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { openOutput, PIN } from '../fakes/output-bench.ts'
import { partOf } from '../fakes/part.ts'
import { recordLog } from '../fakes/recording-log.ts'
import { type RulesBench, startRules } from '../fakes/rules-bench.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

/** Each pattern switches a pin of its own. */
const BUTTON = `
  - { id: single, when: { pin: 27, becomes: on, presses: 1 }, then: { set: { pin: 17, state: toggle } } }
  - { id: double, when: { pin: 27, becomes: on, presses: 2 }, then: { set: { pin: 22, state: toggle } } }
  - { id: long, when: { pin: 27, becomes: on, held: 2s }, then: { set: { pin: 23, state: toggle } } }
`

const DOOR =
  '  - { when: { pin: 27, becomes: on, held: 5m }, then: [{ alert: door }, { set: { pin: 17, state: on } }] }'

describe('a button', () => {
  const folders: string[] = []
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true })
  })

  it.each<{ output: Partial<OutputConfig> }>([
    { output: {} },
    { output: { max_on: MINUTE } },
    { output: { max_on: MINUTE, initial: 'keep' } },
    { output: { initial: 'last' } },
    { output: { min_interval: 1 } },
  ])('switches an LED with $output in the turn in which its edge is accepted, without a broker', async ({ output }) => {
    const folder = mkdtempSync(join(tmpdir(), 'sensor-node-button-'))
    folders.push(folder)
    const { log } = recordLog()
    const clock = new FakeClock()
    const board = createMockGpio({ clock, log })
    const { outputs } = await openOutput(output, { clock, board, folder })
    const { rules } = await startRules(
      '  - { when: { pin: 27, becomes: on }, then: { set: { pin: 17, state: toggle } } }',
      {
        clock,
        set: (pin, command) => outputs.command(pin, command),
      },
    )
    const stop = new AbortController()
    const config = { pin: 27, mode: 'state', active_low: true, debounce: 0, pull: 'up' } as const
    const { level: onState, pinFault: onFault, pinOpened: onOpened } = rules
    void watchInput(
      { gpio: board, clock, log, onOpened, onState, onFault },
      partOf<StateInputConfig>(config, stop.signal),
    )
    await clock.advance(0)
    const seen: number[] = []
    for (const level of [0, 1, 0, 1, 0] as const) {
      board.drive(27, level)
      seen.push(board.physical(PIN)) // nothing was awaited, no microtask has run
      await clock.advance(1)
    }
    expect(seen).toEqual([1, 1, 0, 0, 1])
    stop.abort()
    await board.close()
  })

  it('tells a single, a double and a long press apart, and only one of them happens', async () => {
    const bench = await startRules(BUTTON)
    bench.rules.level(27, 0)
    await bench.press(27, 100, SECOND)
    expect(bench.ordered()).toEqual(['17 toggle'])
    await bench.press(27, 100, 300)
    expect(bench.ordered()).toEqual([])
    await bench.press(27, 100, SECOND)
    expect(bench.ordered()).toEqual(['22 toggle'])
    bench.rules.level(27, 1)
    await bench.clock.advance(2 * SECOND)
    expect(bench.ordered()).toEqual(['23 toggle'])
    await bench.clock.advance(10 * SECOND)
    bench.rules.level(27, 0)
    await bench.clock.advance(10 * SECOND)
    expect(bench.ordered()).toEqual([])
  })

  it('that is pressed slowly twice is pressed once, two times', async () => {
    const bench = await startRules(BUTTON)
    bench.rules.level(27, 0)
    await bench.press(27, 100, 501)
    await bench.press(27, 100, 501)
    expect(bench.ordered()).toEqual(['17 toggle', '17 toggle'])
  })

  it.each([
    ['', 499, '22 toggle'],
    ['', 501, ''],
    [', within: 1s', 999, '22 toggle'],
  ])('has presses that follow each other within its time%s: %i ms', async (within, gapMs, order) => {
    const rule = `  - { when: { pin: 27, becomes: on, presses: 2${within} }, then: { set: { pin: 22, state: toggle } } }`
    const bench = await startRules(rule)
    bench.rules.level(27, 0)
    await bench.press(27, 100, gapMs)
    await bench.press(27, 100, 5 * SECOND)
    expect(bench.ordered().join()).toBe(order)
  })

  it('with nothing but double presses is served at the second edge, and by four presses twice', async () => {
    const bench = await startRules(
      '  - { when: { pin: 27, becomes: on, presses: 2 }, then: { set: { pin: 22, state: on } } }',
    )
    bench.rules.level(27, 0)
    await bench.press(27)
    bench.rules.level(27, 1)
    expect(bench.ordered()).toEqual(['22 on'])
    bench.rules.level(27, 0)
    await bench.press(27)
    expect(bench.ordered()).toEqual([])
    await bench.press(27)
    expect(bench.ordered()).toEqual(['22 on'])
  })

  it('can be pressed twice and held', async () => {
    const bench = await startRules(`${BUTTON}
  - { id: both, when: { pin: 27, becomes: on, presses: 2, held: 2s }, then: [{ set: { pin: 24, state: on } }, { alert: both }] }
`)
    bench.rules.level(27, 0)
    await bench.press(27, 100, 200)
    bench.rules.level(27, 1)
    await bench.clock.advance(2 * SECOND)
    expect(bench.ordered()).toEqual(['24 on'])
    expect(bench.retained()).toEqual(['alerts/pi/both'])
    await bench.clock.advance(MINUTE)
    bench.rules.level(27, 0)
    expect(bench.retained()).toEqual([])
    await bench.clock.advance(MINUTE)
    await bench.press(27, 100, 200)
    await bench.press(27, 1999, SECOND)
    expect(bench.ordered()).toEqual(['22 toggle'])
  })

  it('pressed more often than any rule wants gives what comes first, and then begins anew', async () => {
    const bench = await startRules(BUTTON.replace('held: 2s', 'presses: 3'))
    bench.rules.level(27, 0)
    for (let time = 0; time < 4; time += 1) await bench.press(27)
    await bench.clock.advance(SECOND)
    expect(bench.ordered()).toEqual(['23 toggle', '17 toggle'])
  })

  it('whose rule says nothing of presses is pressed once where another rule counts presses', async () => {
    const bench = await startRules(BUTTON.replace(', presses: 1', ''))
    bench.rules.level(27, 0)
    await bench.press(27, 100, 200)
    await bench.press(27, 100, SECOND)
    expect(bench.ordered()).toEqual(['22 toggle'])
    await bench.press(27, 100, SECOND)
    expect(bench.ordered()).toEqual(['17 toggle'])
  })

  it('that is pressed while off is told from one that is pressed while on', async () => {
    const bench = await startRules(
      '  - { when: { pin: 27, becomes: off, presses: 2 }, then: { set: { pin: 22, state: on } } }',
    )
    bench.rules.level(27, 1)
    for (const level of [0, 1, 0] as const) {
      expect(bench.ordered()).toEqual([])
      bench.rules.level(27, level)
    }
    expect(bench.ordered()).toEqual(['22 on'])
  })

  it('has an alert for a minute, and longer where it is pressed again', async () => {
    const bench = await startRules('  - { when: { pin: 27, becomes: on, presses: 1 }, then: { alert: bell } }')
    bench.rules.level(27, 0)
    bench.told()
    await bench.press(27)
    expect(bench.told()).toEqual(['alerts/pi/bell count 1', 'sensors/pi/alert begin bell 1'])
    await bench.clock.advance(50 * SECOND)
    await bench.press(27)
    expect(bench.told()).toEqual(['alerts/pi/bell count 2', 'sensors/pi/alert repeat bell 2'])
    await bench.clock.advance(59 * SECOND)
    expect(bench.told()).toEqual([])
    await bench.clock.advance(SECOND)
    expect(bench.told()).toEqual(['sensors/pi/alert end bell 2', 'alerts/pi/bell cleared'])
  })

  it('makes no more of any presses than one thing each, and never misses one that is alone', async () => {
    const patterns: Record<string, string> = { single: '17', double: '22', long: '23' }
    const gesture = fc.record({
      kind: fc.constantFrom('single', 'double', 'long'),
      ms: fc.integer({ min: 1, max: 1999 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(gesture, { maxLength: 12 }), async (gestures) => {
        const bench = await startRules(BUTTON)
        bench.rules.level(27, 0)
        for (const { kind, ms } of gestures) {
          if (kind === 'long') await bench.press(27, 2000 + ms, SECOND)
          else if (kind === 'single') await bench.press(27, ms, SECOND)
          else {
            await bench.press(27, ms, 1 + (ms % 499))
            await bench.press(27, ms, SECOND)
          }
        }
        expect(bench.ordered()).toEqual(gestures.map(({ kind }) => `${patterns[kind]} toggle`))
        await bench.rules.close()
        expect(bench.clock.sleeping).toBe(0)
      }),
      { numRuns: 30 },
    )
  })
})

describe('the first level', () => {
  it.each([0, 1] as const)('is no press and no change, at the start and after the line was lost: %i', async (first) => {
    const bench = await startRules(`
  - { when: { pin: 27, becomes: on }, then: { set: { pin: 17, state: toggle } } }
  - { when: { pin: 27, becomes: off }, then: { set: { pin: 22, state: toggle } } }
  - { when: { pin: 5, becomes: on, presses: 1 }, then: { set: { pin: 23, state: toggle } } }
`)
    const other = first === 0 ? 1 : 0
    for (const pin of [27, 5]) bench.rules.level(pin, first)
    expect(bench.ordered()).toEqual([])
    for (const pin of [27, 5]) bench.rules.pinFault(pin, 'GPIO27 is lost')
    await bench.clock.advance(MINUTE)
    for (const pin of [27, 5]) bench.rules.pinFault(pin, undefined)
    await bench.clock.advance(30)
    for (const pin of [27, 5]) bench.rules.level(pin, other)
    await bench.clock.advance(MINUTE)
    expect(bench.ordered()).toEqual([])
    for (const pin of [27, 5]) bench.rules.level(pin, first)
    for (const pin of [27, 5]) bench.rules.level(pin, other)
    expect(bench.ordered().length).toBe(3)
  })

  it('after a fault that changed nothing is what it was: the next change is one', async () => {
    const bench = await startRules('  - { when: { pin: 27, becomes: on }, then: { set: { pin: 17, state: toggle } } }')
    bench.rules.level(27, 0)
    bench.rules.pinFault(27, 'GPIO27 is lost')
    bench.rules.pinFault(27, undefined)
    await bench.clock.advance(2 * SECOND)
    bench.rules.level(27, 1)
    expect(bench.ordered()).toEqual(['17 toggle'])
  })

  it('of an input that was opened again is no press, whatever it is now', async () => {
    const bench = await startRules('  - { when: { pin: 27, becomes: on }, then: { set: { pin: 17, state: toggle } } }')
    for (const level of [0, 1, 0, 1] as const) {
      bench.rules.pinOpened(27)
      bench.rules.level(27, level)
    }
    expect(bench.ordered()).toEqual([])
  })

  it('of a door that is open raises the alert, and switches nothing; closing it ends the alert', async () => {
    const bench = await startRules(DOOR)
    bench.rules.level(27, 1)
    await bench.clock.advance(5 * MINUTE)
    expect([bench.retained(), bench.ordered()]).toEqual([['alerts/pi/door'], []])
    bench.rules.level(27, 0)
    expect(bench.retained()).toEqual([])
  })

  it('an alert goes on while the line of its door is lost, and one that waits waits anew', async () => {
    const bench = await startRules(DOOR)
    bench.rules.level(27, 0)
    bench.rules.level(27, 1)
    await bench.clock.advance(4 * MINUTE)
    bench.rules.pinFault(27, 'GPIO27 is lost')
    await bench.clock.advance(10 * MINUTE)
    expect(bench.retained()).toEqual([])
    bench.rules.pinFault(27, undefined)
    await bench.clock.advance(5 * MINUTE)
    expect(bench.retained()).toEqual(['alerts/pi/door'])
    bench.rules.pinFault(27, 'GPIO27 is lost')
    await bench.clock.advance(10 * MINUTE)
    expect(bench.retained()).toEqual(['alerts/pi/door'])
  })
})

describe('a level', () => {
  it('that is told again changes nothing', async () => {
    const bench = await startRules('  - { when: { pin: 17, becomes: on }, then: { set: { pin: 22, state: toggle } } }')
    for (const level of [0, 0, 1, 1, 1, 0, 1] as const) bench.rules.level(17, level)
    expect(bench.ordered()).toEqual(['22 toggle', '22 toggle'])
  })

  it('that must be held begins when it has stayed, and not where it left in between', async () => {
    const bench: RulesBench = await startRules(
      '  - { when: { pin: 27, becomes: off, held: 3s }, then: { set: { pin: 17, state: on } }, otherwise: { set: { pin: 17, state: off } } }',
    )
    bench.rules.level(27, 1)
    bench.rules.level(27, 0)
    await bench.clock.advance(2999)
    bench.rules.level(27, 1)
    bench.rules.level(27, 0)
    await bench.clock.advance(2999)
    expect(bench.ordered()).toEqual([])
    await bench.clock.advance(1)
    expect(bench.ordered()).toEqual(['17 on'])
    bench.rules.level(27, 1)
    expect(bench.ordered()).toEqual(['17 off'])
  })

  it('of a light follows a door in both directions', async () => {
    const bench = await startRules(
      '  - { when: { pin: 27, becomes: on }, then: { set: { pin: 17, state: on, for: 5s } }, otherwise: { set: { pin: 17, state: off } } }',
    )
    for (const level of [0, 1, 0, 1] as const) bench.rules.level(27, level)
    expect(bench.ordered()).toEqual(['17 on 5000', '17 off', '17 on 5000'])
  })
})
