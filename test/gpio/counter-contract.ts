/** What every GPIO backend that counts does alike. Each backend's own test runs this over a bench of its own. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { CounterOptions, Gpio, Level } from '../../src/gpio/gpio.ts'
import { kindOf } from './contract.ts'

/** A board with a process on it. Levels are the wire's. */
export interface CounterBench {
  readonly gpio: Gpio
  /** Resolves when the process could know. */
  drive(line: number, level: Level): Promise<void>
  /** Lets time pass, ms. */
  pass(ms: number): Promise<void>
  hold(line: number, consumer: string): () => void
}

const LINE = 17
const OPTIONS: CounterOptions = { activeLow: false, debounceMs: 0, edge: 'rising' }

export function counterContract(name: string, createBench: () => Promise<CounterBench>): void {
  let bench: CounterBench
  beforeEach(async () => {
    bench = await createBench()
  })
  const drive = async (...levels: readonly Level[]): Promise<void> => {
    for (const level of levels) await bench.drive(LINE, level)
  }

  describe(`${name}: counters`, () => {
    it.each([
      { activeLow: false, edge: 'rising', counted: 'high' },
      { activeLow: false, edge: 'falling', counted: 'low' },
      { activeLow: true, edge: 'rising', counted: 'low' },
      { activeLow: true, edge: 'falling', counted: 'high' },
    ] as const)(
      'a $edge edge is one at which the wire goes $counted (active low: $activeLow)',
      async ({ activeLow, edge, counted }) => {
        const [there, rest] = counted === 'high' ? ([1, 0] as const) : ([0, 1] as const)
        await drive(rest)
        const counter = await bench.gpio.counter(LINE, { ...OPTIONS, activeLow, edge })
        const counts = []
        for (const level of [there, rest, there, rest]) {
          await drive(level)
          counts.push((await counter.read()).count)
        }
        expect(counts).toEqual([1, 1, 2, 2])
      },
    )

    it('the level that the wire has when it is opened is no pulse', async () => {
      await drive(1)
      const counter = await bench.gpio.counter(LINE, OPTIONS)
      await drive(0)
      expect(await counter.read()).toEqual({ count: 0, newestMs: undefined, unseen: 0, outages: 0 })
    })

    it('a counter that is released can be read no more; the next one on its line begins at 0', async () => {
      const counter = await bench.gpio.counter(LINE, OPTIONS)
      await drive(1, 0)
      await bench.gpio.release(LINE)
      expect(await kindOf(counter.read())).toBe('misuse')
      const next = await bench.gpio.counter(LINE, OPTIONS)
      await drive(1, 0)
      expect(await next.read()).toMatchObject({ count: 1 })
    })

    it('pulses that nobody reads are there at the next read', async () => {
      const counter = await bench.gpio.counter(LINE, OPTIONS)
      for (let pulse = 0; pulse < 200; pulse += 1) await drive(1, 0)
      expect(await counter.read()).toMatchObject({ count: 200, unseen: 0, outages: 0 })
    })

    it('the time of the newest pulse moves with the pulses, not with the reads', async () => {
      const counter = await bench.gpio.counter(LINE, OPTIONS)
      await drive(1, 0)
      const { newestMs: first = Number.NaN } = await counter.read()
      await bench.pass(300)
      await drive(1, 0)
      await bench.pass(300)
      const { newestMs: second = Number.NaN } = await counter.read()
      expect(second - first).toBeGreaterThanOrEqual(300)
      expect((await counter.read()).newestMs).toBe(second)
    })

    it('what is shorter than the debounce is not counted, and what is longer is once', async () => {
      const counter = await bench.gpio.counter(LINE, { ...OPTIONS, debounceMs: 100 })
      await drive(1, 0)
      await bench.pass(400)
      expect((await counter.read()).count).toBe(0)
      await drive(1, 0, 1)
      await bench.pass(400)
      await drive(0)
      await bench.pass(400)
      expect((await counter.read()).count).toBe(1)
    })

    it('a line that somebody else holds is refused', async () => {
      const release = bench.hold(LINE, 'gpioset')
      expect(await kindOf(bench.gpio.counter(LINE, OPTIONS))).toBe('busy')
      release()
      expect(await (await bench.gpio.counter(LINE, OPTIONS)).read()).toMatchObject({ count: 0 })
    })

    it('a line has one use', async () => {
      await bench.gpio.counter(LINE, OPTIONS)
      expect(await kindOf(bench.gpio.counter(LINE, OPTIONS))).toBe('misuse')
      expect(await kindOf(bench.gpio.output(LINE, { initial: 0, activeLow: false }))).toBe('misuse')
    })

    it('after close it is not read', async () => {
      const counter = await bench.gpio.counter(LINE, OPTIONS)
      await bench.gpio.close()
      expect(await kindOf(counter.read())).toBe('misuse')
    })
  })
}
