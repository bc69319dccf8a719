/** What every GPIO backend does alike. Each backend's own test runs this over a bench of its own. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { GpioError } from '../../src/errors.ts'
import type { Gpio, InputOptions, Level } from '../../src/gpio/gpio.ts'
import type { FakeClock } from '../fakes/fake-clock.ts'

/** In what backends differ by their nature. */
export interface Traits {
  /**
   * What becomes of an output when its process ends: it stays driven, and the next start adopts it, or the kernel takes
   * the line back.
   */
  readonly orphans: 'driven' | 'released'
  /** The debounce time of the tests, ms, and how long before it nothing, and after it everything, has certainly been told. */
  readonly debounce: { readonly ms: number; readonly early: number; readonly late: number }
}

/** Debouncing by our own clock is exact. */
const EXACT: Traits = { orphans: 'driven', debounce: { ms: 20, early: 19, late: 2 } }

/** A board with a process on it. Levels are the wire's. */
export interface Bench {
  gpio: Gpio
  /** Turning it also lets what the board has caused reach the process. */
  clock: Pick<FakeClock, 'advance' | 'sleeping'>
  drive(line: number, level: Level): void
  physical(line: number): Level
  /** Every change of level or direction so far. */
  moves(line: number): { direction: 'in' | 'out'; level: Level }[]
  hold(line: number, consumer: string): () => void
  /** The process ends, by itself or by force, and `gpio` and `clock` are those of the next one. */
  restart(): Promise<void>
}

const LINE = 17

export function gpioContract(name: string, createBench: () => Promise<Bench>, traits = EXACT): void {
  const { orphans, debounce } = traits
  const debounceMs = debounce.ms
  let bench: Bench
  beforeEach(async () => {
    bench = await createBench()
  })

  const move = (direction: 'in' | 'out', level: Level) => ({ direction, level })

  describe(`${name}: outputs`, () => {
    it.each([
      { initial: 0, activeLow: false, wire: 0 },
      { initial: 1, activeLow: false, wire: 1 },
      { initial: 0, activeLow: true, wire: 1 },
      { initial: 1, activeLow: true, wire: 0 },
      { initial: 'keep', activeLow: false, wire: 0 },
      { initial: 'keep', activeLow: true, wire: 1 },
    ] as const)('an output begins at $initial (active low: $activeLow) with one move of the wire', async (given) => {
      const output = await bench.gpio.output(LINE, given)
      expect(bench.moves(LINE)).toEqual([move('out', given.wire)])
      expect(await output.read()).toBe(given.initial === 'keep' ? 0 : given.initial)
    })

    it('an output is read back after each write, and the wire shows the level', async () => {
      const output = await bench.gpio.output(LINE, { initial: 0, activeLow: true })
      await output.write(1)
      expect([await output.read(), bench.physical(LINE)]).toEqual([1, 0])
      await output.write(0)
      expect([await output.read(), bench.physical(LINE)]).toEqual([0, 1])
    })

    it('a write to a line on which nothing is under way is done when it returns', async () => {
      const output = await bench.gpio.output(LINE, { initial: 0, activeLow: false })
      const first = output.write(1)
      expect(bench.physical(LINE)).toBe(1)
      await first
      const second = output.write(0)
      expect(bench.physical(LINE)).toBe(0)
      await second
    })

    it('writes that are not waited for happen in their order', async () => {
      const output = await bench.gpio.output(LINE, { initial: 0, activeLow: false })
      await Promise.all([output.write(1), output.write(0), output.write(1)])
      expect(bench.moves(LINE).map(({ level }) => level)).toEqual([0, 1, 0, 1])
    })

    it('lines that are opened at the same time do not mix', async () => {
      const open = (line: number, initial: Level) => bench.gpio.output(line, { initial, activeLow: false })
      const [a, b] = await Promise.all([open(22, 1), open(23, 0)])
      await Promise.all([a.write(0), b.write(1)])
      expect([a.line, b.line, bench.physical(22), bench.physical(23)]).toEqual([22, 23, 0, 1])
    })

    it('after close an output can be neither read nor written', async () => {
      const output = await bench.gpio.output(LINE, { initial: 1, activeLow: false })
      await bench.gpio.close()
      expect(await kindOf(output.write(0))).toBe('misuse')
      expect(await kindOf(output.read())).toBe('misuse')
    })

    it('what was an input before a crash becomes an output in one move', async () => {
      await bench.gpio.input(LINE, listener())
      await bench.restart()
      const output = await bench.gpio.output(LINE, { initial: 1, activeLow: false })
      expect([await output.read(), bench.moves(LINE)]).toEqual([1, [move('out', 1)]])
    })
  })

  if (orphans === 'driven')
    describe(`${name}: outputs whose process ended`, () => {
      it('after close an output keeps its level', async () => {
        await bench.gpio.output(LINE, { initial: 1, activeLow: false })
        await bench.gpio.close()
        expect([bench.physical(LINE), bench.moves(LINE)]).toEqual([1, [move('out', 1)]])
      })

      it.each([{ clean: true }, { clean: false }])(
        'the next start keeps an output untouched (clean stop: $clean)',
        async (end) => {
          await bench.gpio.output(LINE, { initial: 1, activeLow: true })
          if (end.clean) await bench.gpio.close()
          await bench.restart()
          const output = await bench.gpio.output(LINE, { initial: 'keep', activeLow: true })
          expect(await output.read()).toBe(1)
          expect(bench.moves(LINE)).toEqual([move('out', 0)])
        },
      )

      it.each([
        { initial: 1, activeLow: false, moves: [] },
        { initial: 0, activeLow: false, moves: [0] },
        { initial: 0, activeLow: true, moves: [] },
        { initial: 1, activeLow: true, moves: [0] },
      ] as const)('after a crash a high wire goes straight to $initial (active low: $activeLow)', async (given) => {
        await bench.gpio.output(LINE, { initial: 1, activeLow: false })
        await bench.restart()
        const output = await bench.gpio.output(LINE, given)
        expect(bench.moves(LINE).slice(1)).toEqual(given.moves.map((level) => move('out', level)))
        expect(await output.read()).toBe(given.initial)
      })

      it('keep holds the wire, not the logical level, where active_low was changed in between', async () => {
        await bench.gpio.output(LINE, { initial: 1, activeLow: false })
        await bench.restart()
        const output = await bench.gpio.output(LINE, { initial: 'keep', activeLow: true })
        expect([await output.read(), bench.moves(LINE)]).toEqual([0, [move('out', 1)]])
      })
    })

  if (orphans === 'released')
    describe(`${name}: outputs whose process ended`, () => {
      it.each([{ clean: true }, { clean: false }])(
        'the kernel takes the line back, and it is free for others (clean stop: $clean)',
        async (end) => {
          await bench.gpio.output(LINE, { initial: 1, activeLow: false })
          if (end.clean) await bench.gpio.close()
          else await bench.restart()
          expect([bench.physical(LINE), bench.moves(LINE)]).toEqual([0, [move('out', 1), move('in', 0)]])
          bench.hold(LINE, 'another')()
        },
      )

      it.each([
        { initial: 0, activeLow: false, wire: 0 },
        { initial: 1, activeLow: false, wire: 1 },
        { initial: 0, activeLow: true, wire: 1 },
        { initial: 1, activeLow: true, wire: 0 },
      ] as const)('the next start goes straight to $initial (active low: $activeLow)', async (given) => {
        await bench.gpio.output(LINE, { initial: 1, activeLow: false })
        await bench.restart()
        const output = await bench.gpio.output(LINE, given)
        expect(bench.moves(LINE).slice(2)).toEqual([move('out', given.wire)])
        expect(await output.read()).toBe(given.initial)
      })
    })

  describe(`${name}: inputs`, () => {
    it.each([
      { wire: 1, activeLow: false, level: 1 },
      { wire: 1, activeLow: true, level: 0 },
      { wire: 0, activeLow: true, level: 1 },
    ] as const)(
      'a wire at $wire is $level from the first moment (active low: $activeLow), without an event',
      async (given) => {
        bench.drive(LINE, given.wire)
        const heard = listener({ activeLow: given.activeLow })
        const input = await bench.gpio.input(LINE, heard)
        await bench.clock.advance(5000)
        expect([input.line, input.level, heard.levels]).toEqual([LINE, given.level, []])
      },
    )

    it('an input drives nothing', async () => {
      bench.drive(LINE, 1)
      await bench.gpio.input(LINE, listener())
      expect(bench.moves(LINE)).toEqual([move('in', 1)])
    })

    it('both edges are told, once each, after the level has rested', async () => {
      const heard = listener({ debounceMs })
      const input = await bench.gpio.input(LINE, heard)
      for (const level of [1, 0, 1] as const) {
        bench.drive(LINE, level)
        await bench.clock.advance(debounce.early)
        expect(heard.levels.at(-1) ?? 0).not.toBe(level)
        await bench.clock.advance(debounce.late)
        expect([heard.levels.at(-1), input.level]).toEqual([level, level])
      }
      await bench.clock.advance(10_000)
      expect(heard.levels).toEqual([1, 0, 1])
    })

    it('levels that are told are logical', async () => {
      const heard = listener({ activeLow: true, debounceMs: 0 })
      await bench.gpio.input(LINE, heard)
      bench.drive(LINE, 1)
      await bench.clock.advance(0)
      bench.drive(LINE, 0)
      await bench.clock.advance(0)
      expect(heard.levels).toEqual([0, 1])
    })

    it('without debouncing each change is told at once', async () => {
      const heard = listener({ debounceMs: 0 })
      await bench.gpio.input(LINE, heard)
      for (const level of [1, 0, 1, 0] as const) {
        bench.drive(LINE, level)
        await bench.clock.advance(0)
      }
      expect(heard.levels).toEqual([1, 0, 1, 0])
    })

    it('a glitch that is shorter than the debounce time is not told', async () => {
      const heard = listener({ debounceMs })
      await bench.gpio.input(LINE, heard)
      bench.drive(LINE, 1)
      await bench.clock.advance(15)
      bench.drive(LINE, 0)
      await bench.clock.advance(10_000)
      expect(heard.levels).toEqual([])
    })

    it.each([{ rest: 1 }, { rest: 0 }] as const)(
      'chatter is silent, and the rest at $rest is told soon after it',
      async ({ rest }) => {
        const before = rest === 1 ? 0 : 1
        bench.drive(LINE, before)
        const heard = listener({ debounceMs })
        await bench.gpio.input(LINE, heard)
        for (let toggles = 0; toggles < 100; toggles += 1) {
          bench.drive(LINE, toggles % 2 === 0 ? rest : before)
          await bench.clock.advance(10)
        }
        bench.drive(LINE, rest)
        expect(heard.levels).toEqual([])
        await bench.clock.advance(debounce.early + debounce.late)
        expect(heard.levels).toEqual([rest])
        await bench.clock.advance(10_000)
        expect(heard.levels).toEqual([rest])
      },
    )

    it('a handler that throws stops nothing', async () => {
      const levels: Level[] = []
      const onChange = (level: Level): void => {
        levels.push(level)
        throw new Error('a handler of ours is broken')
      }
      const heard = listener({ debounceMs: 0 })
      await bench.gpio.input(LINE, { ...heard, onChange })
      bench.drive(LINE, 1)
      await bench.clock.advance(0)
      bench.drive(LINE, 0)
      await bench.clock.advance(0)
      expect([levels, heard.faults]).toEqual([[1, 0], []])
    })

    it('after close an input tells nothing, and nothing of it is left running', async () => {
      const heard = listener({ debounceMs })
      await bench.gpio.input(LINE, heard)
      bench.drive(LINE, 1)
      await bench.clock.advance(10)
      await bench.gpio.close()
      bench.drive(LINE, 0)
      await bench.clock.advance(10_000)
      expect([heard.levels, heard.faults, bench.clock.sleeping]).toEqual([[], [], 0])
    })

    it('after close an input is free for others', async () => {
      await bench.gpio.input(LINE, listener())
      await bench.gpio.close()
      bench.hold(LINE, 'another')()
      await bench.restart()
      expect((await bench.gpio.input(LINE, listener())).line).toBe(LINE)
    })
  })

  describe(`${name}: lines that are given back`, () => {
    it('an output that is released keeps its level or is the kernel’s, and can be used no more', async () => {
      const output = await bench.gpio.output(LINE, { initial: 1, activeLow: false })
      const other = await bench.gpio.output(22, { initial: 1, activeLow: false })
      await bench.gpio.release(LINE)
      expect(await kindOf(output.read())).toBe('misuse')
      expect(await kindOf(output.write(0))).toBe('misuse')
      expect(bench.moves(LINE)[0]).toEqual(move('out', 1))
      if (orphans === 'driven') expect(bench.moves(LINE)).toEqual([move('out', 1)])
      expect([await other.read(), bench.moves(22)]).toEqual([1, [move('out', 1)]])
    })

    if (orphans === 'driven') {
      it('an output that is released and opened to be kept does not move', async () => {
        await bench.gpio.output(LINE, { initial: 1, activeLow: false })
        await bench.gpio.release(LINE)
        const output = await bench.gpio.output(LINE, { initial: 'keep', activeLow: true })
        expect([await output.read(), bench.moves(LINE)]).toEqual([0, [move('out', 1)]])
      })
    }

    it('an input that is released tells nothing more, and leaves nothing running', async () => {
      const heard = listener({ debounceMs })
      await bench.gpio.input(LINE, heard)
      bench.drive(LINE, 1)
      await bench.clock.advance(10)
      await bench.gpio.release(LINE)
      bench.drive(LINE, 0)
      await bench.clock.advance(10_000)
      expect([heard.levels, heard.faults, bench.clock.sleeping]).toEqual([[], [], 0])
    })

    it('a line that is released can be opened anew, also as the other thing', async () => {
      await bench.gpio.output(LINE, { initial: 1, activeLow: false })
      await bench.gpio.release(LINE)
      expect((await bench.gpio.input(LINE, listener())).line).toBe(LINE)
      await bench.gpio.release(LINE)
      const output = await bench.gpio.output(LINE, { initial: 0, activeLow: false })
      await output.write(1)
      expect([await output.read(), bench.physical(LINE)]).toEqual([1, 1])
    })

    it('a line that is not open, or was released, or whose backend was closed, is released in vain', async () => {
      await bench.gpio.release(LINE)
      await bench.gpio.output(LINE, { initial: 1, activeLow: false })
      await Promise.all([bench.gpio.release(LINE), bench.gpio.release(LINE)])
      expect(bench.moves(LINE)[0]).toEqual(move('out', 1))
      await bench.gpio.close()
      await bench.gpio.release(LINE)
      expect(await kindOf(bench.gpio.output(LINE, { initial: 1, activeLow: false }))).toBe('misuse')
    })
  })

  describe(`${name}: refusals`, () => {
    it.each(['output', 'input'] as const)(
      'a line that is held is refused as an %s, with the name of the holder',
      async (use) => {
        const release = bench.hold(LINE, 'gpioset')
        const open = () =>
          use === 'input'
            ? bench.gpio.input(LINE, listener())
            : bench.gpio.output(LINE, { initial: 1, activeLow: false })
        const error = await errorOf(open())
        expect([error.name, error.kind, bench.moves(LINE)]).toEqual(['GpioError', 'busy', []])
        expect(error.message).toContain('"gpioset"')
        expect(error.message).toContain('GPIO17')
        release()
        expect((await open()).line).toBe(LINE)
      },
    )

    it('a line that is open is refused, whatever it is opened as, and goes on undisturbed', async () => {
      const options = { initial: 1, activeLow: false } as const
      const output = await bench.gpio.output(LINE, options)
      expect(await kindOf(bench.gpio.output(LINE, { ...options, initial: 0 }))).toBe('misuse')
      expect(await kindOf(bench.gpio.input(LINE, listener()))).toBe('misuse')
      expect([await output.read(), bench.moves(LINE)]).toEqual([1, [move('out', 1)]])
    })

    it('of two that open one line at the same time, exactly one gets it', async () => {
      const open = () => bench.gpio.output(LINE, { initial: 1, activeLow: false })
      const results = await Promise.allSettled([open(), open()])
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    })

    it.each([-1, 28, 1.5, Number.NaN])('line %s, which the header does not have, is refused', async (line) => {
      expect(await kindOf(bench.gpio.output(line, { initial: 0, activeLow: false }))).toBe('misuse')
      expect(await kindOf(bench.gpio.input(line, listener()))).toBe('misuse')
    })

    it('nothing can be opened after close, and a second close does nothing', async () => {
      await bench.gpio.close()
      await bench.gpio.close()
      expect(await kindOf(bench.gpio.output(LINE, { initial: 1, activeLow: false }))).toBe('misuse')
      expect(bench.moves(LINE)).toEqual([])
    })
  })
}

/** Options of an input that note what they hear. */
export function listener(options: Partial<InputOptions> = {}) {
  const levels: Level[] = []
  const faults: Error[] = []
  const onChange = (level: Level): void => void levels.push(level)
  const onFault = (error: Error): void => void faults.push(error)
  const onRecovered = (): void => {}
  return { activeLow: false, debounceMs: 20, onChange, onFault, onRecovered, ...options, levels, faults }
}

export async function errorOf(work: Promise<unknown>): Promise<GpioError> {
  const error = await work.then(
    () => expect.fail('nothing was refused'),
    (thrown: unknown) => thrown,
  )
  return error as GpioError // `name` and `kind` are what the tests compare
}

export async function kindOf(work: Promise<unknown>): Promise<string> {
  return (await errorOf(work)).kind
}
