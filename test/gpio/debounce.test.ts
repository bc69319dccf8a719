import { describe, expect, it } from 'vitest'
import { GpioError } from '../../src/errors.ts'
import { Debounce, RECONCILE_MS } from '../../src/gpio/debounce.ts'
import type { Level } from '../../src/gpio/gpio.ts'
import { silentLog } from '../../src/log.ts'
import { FakeClock, settled } from '../fakes/fake-clock.ts'
import { listener } from './contract.ts'

/** A wire whose edges are told only where the test says so. */
function setUp(debounceMs: number) {
  const clock = new FakeClock()
  const heard = listener({ debounceMs })
  const wire = { level: 0 as Level, failure: undefined as GpioError | undefined, reads: 0, recoveries: [] as number[] }
  const read = async (): Promise<Level> => {
    wire.reads += 1
    if (wire.failure !== undefined) throw wire.failure
    return wire.level
  }
  const recover = async (): Promise<void> => {
    wire.recoveries.push(clock.monotonic())
    if (wire.failure !== undefined) throw wire.failure
  }
  const debounce = new Debounce({ ...heard, line: 17, clock, log: silentLog(), source: { read, recover }, initial: 0 })
  debounce.start()
  const move = (level: Level): void => {
    wire.level = level
    debounce.edge()
  }
  return { clock, heard, wire, debounce, move }
}

/**
 * A wire behind a kernel: an edge's event comes `lagMs` after it, and never where the wire was read in between. A
 * read takes 1 ms and gives the level of its end.
 */
function setUpKernel(lagMs: number) {
  const clock = new FakeClock()
  const heard = listener({ debounceMs: 20 })
  const wire = { level: 0 as Level, edges: 0, edgesRead: 0 }
  const read = async (): Promise<Level> => {
    await clock.sleep(1)
    wire.edgesRead = wire.edges
    return wire.level
  }
  const source = { read, recover: async () => {} }
  const debounce = new Debounce({ ...heard, line: 17, clock, log: silentLog(), source, initial: 0 })
  debounce.start()
  const move = (level: Level): void => {
    wire.level = level
    wire.edges += 1
    const edge = wire.edges
    void clock.sleep(lagMs).then(() => {
      if (wire.edgesRead < edge) debounce.edge()
    })
  }
  return { clock, heard, wire, move }
}

describe('Debounce', () => {
  it('an edge to the level that was told already tells nothing', async () => {
    const { heard, debounce, wire } = setUp(0)
    debounce.edge(0)
    wire.level = 1
    debounce.edge(1)
    debounce.edge(1)
    await settled()
    expect(heard.levels).toEqual([1])
  })

  it('a read that an edge overtook is not told', async () => {
    const clock = new FakeClock()
    const heard = listener({ debounceMs: 0 })
    const reads: ((level: Level) => void)[] = []
    const read = () => new Promise<Level>((resolve) => void reads.push(resolve))
    const source = { read, recover: async () => {} }
    const debounce = new Debounce({ ...heard, line: 17, clock, log: silentLog(), source, initial: 1 })
    debounce.start()
    debounce.edge(0)
    await settled()
    debounce.edge(1)
    reads[0]?.(0)
    await settled()
    reads[1]?.(1)
    await settled()
    expect(heard.levels).toEqual([0, 1])
  })

  it('stop during a read ends it with that read, and does not wait until the level is stable', async () => {
    const clock = new FakeClock()
    const reads: ((level: Level) => void)[] = []
    const read = () => new Promise<Level>((resolve) => void reads.push(resolve))
    const source = { read, recover: async () => {} }
    const heard = listener({ debounceMs: 60_000 })
    const debounce = new Debounce({ ...heard, line: 17, clock, log: silentLog(), source, initial: 0 })
    debounce.start()
    debounce.edge()
    await settled()
    const stopped = debounce.stop()
    reads[0]?.(1)
    await settled()
    expect(clock.sleeping).toBe(0)
    await stopped
    expect(heard.levels).toEqual([])
  })

  it('a level that no edge told is found by the slow look, and debounced like any other', async () => {
    const { clock, heard, wire } = setUp(20)
    wire.level = 1
    await clock.advance(RECONCILE_MS + 19)
    expect(heard.levels).toEqual([])
    await clock.advance(1)
    expect(heard.levels).toEqual([1])
  })

  // Gaps between toggles and lags of events as measured on a 6.12 kernel.
  it.each([9, 10, 11, 13, 17].flatMap((gapMs) => [1, 2, 5, 8].map((lagMs) => ({ gapMs, lagMs }))))(
    'toggling every $gapMs ms is silent though reads eat edges, whose events are $lagMs ms late',
    async (given) => {
      const { clock, heard, wire, move } = setUpKernel(given.lagMs)
      for (let toggles = 1; toggles <= 101; toggles += 1) {
        move(toggles % 2 === 1 ? 1 : 0)
        await clock.advance(given.gapMs)
      }
      expect([wire.level, heard.levels]).toEqual([1, []])
      await clock.advance(20 + given.lagMs)
      expect(heard.levels).toEqual([1])
    },
  )

  it('a glitch during the read that ends the wait begins it anew', async () => {
    const { clock, heard, move } = setUpKernel(1.5)
    move(1)
    await clock.advance(22)
    move(0)
    await clock.advance(0.25)
    move(1)
    await clock.advance(15)
    expect(heard.levels).toEqual([])
    await clock.advance(10)
    expect(heard.levels).toEqual([1])
  })

  it('a change back during the wait counts although no edge told it', async () => {
    const { clock, heard, wire, move } = setUp(20)
    move(1)
    await clock.advance(10)
    wire.level = 0
    await clock.advance(5000)
    expect(heard.levels).toEqual([])
  })

  it('edges that tell no change keep a level from counting as rested', async () => {
    const { clock, heard, debounce, move } = setUp(20)
    move(1)
    for (let edges = 0; edges < 10; edges += 1) {
      await clock.advance(15)
      debounce.edge()
    }
    expect(heard.levels).toEqual([])
    await clock.advance(20)
    expect(heard.levels).toEqual([1])
  })

  it('a burst of edges costs a few reads, not one each', async () => {
    const { clock, wire, debounce } = setUp(20)
    await settled()
    wire.level = 1
    for (let edges = 0; edges < 1000; edges += 1) debounce.edge()
    await clock.advance(50)
    expect(wire.reads).toBeLessThan(6)
  })

  it('a wire that rests costs one read per second', async () => {
    const { clock, wire } = setUp(20)
    await clock.advance(60_000)
    expect(wire.reads).toBe(60)
  })

  it('the level is the settled one while the wire bounces', async () => {
    const { clock, debounce, move } = setUp(20)
    move(1)
    await clock.advance(10)
    expect(debounce.level).toBe(0)
    await clock.advance(10)
    expect(debounce.level).toBe(1)
  })

  it('with a long debounce time the slow look does not cut it short', async () => {
    const { clock, heard, move } = setUp(5000)
    move(1)
    await clock.advance(4999)
    expect(heard.levels).toEqual([])
    await clock.advance(1)
    expect(heard.levels).toEqual([1])
  })

  it('a fault is told once; it is tried again at once, and then ever more slowly', async () => {
    const { clock, heard, wire, debounce } = setUp(20)
    await settled()
    wire.failure = new GpioError('lost', 'unexported')
    debounce.edge()
    await clock.advance(40_000)
    expect(heard.faults).toEqual([wire.failure])
    expect(wire.recoveries).toEqual([0, 1000, 3000, 7000, 15_000, 31_000])
  })

  it('a line that comes back at its old level tells nothing; a new fault is told anew', async () => {
    const { clock, heard, wire } = setUp(20)
    for (let faults = 0; faults < 2; faults += 1) {
      wire.failure = new GpioError('lost', 'unexported')
      await clock.advance(2500)
      wire.failure = undefined
      await clock.advance(5000)
    }
    expect([heard.faults.length, heard.levels]).toEqual([2, []])
  })

  it('a fault in the middle of a wait does not lose the level', async () => {
    const { clock, heard, wire, move } = setUp(20)
    move(1)
    await clock.advance(10)
    wire.failure = new GpioError('lost', 'unexported')
    await clock.advance(500)
    wire.failure = undefined
    await clock.advance(1500)
    expect([heard.faults.length, heard.levels]).toEqual([1, [1]])
  })

  it('a fault handler that throws does not stop the recovery', async () => {
    const clock = new FakeClock()
    const levels: Level[] = []
    let failing = true
    const read = async (): Promise<Level> => {
      if (failing) throw new GpioError('lost', 'unexported')
      return 1
    }
    const broken = (): void => {
      throw new Error('a handler of ours is broken')
    }
    const handlers = { onFault: broken, onRecovered: broken }
    const source = { read, recover: async () => {} }
    const options = { line: 17, clock, log: silentLog(), source, initial: 0, debounceMs: 0, ...handlers } as const
    const debounce = new Debounce({ ...options, onChange: (level) => void levels.push(level) })
    debounce.start()
    await clock.advance(1500)
    failing = false
    await clock.advance(3000)
    expect(levels).toEqual([1])
    await debounce.stop()
  })

  it.each([
    { when: 'at rest', before: async () => {} },
    { when: 'while it waits for a level to rest', before: async (it: ReturnType<typeof setUp>) => it.move(1) },
    {
      when: 'while it tries to get a line back',
      before: async (it: ReturnType<typeof setUp>) => {
        it.wire.failure = new GpioError('lost', 'unexported')
        it.debounce.edge()
      },
    },
  ])('stop ends it $when, and leaves no timer', async ({ before }) => {
    const parts = setUp(20)
    await settled()
    await before(parts)
    await parts.clock.advance(5)
    await parts.debounce.stop()
    const { reads } = parts.wire
    parts.debounce.edge()
    await parts.clock.advance(60_000)
    expect([parts.clock.sleeping, parts.wire.reads - reads, parts.heard.levels]).toEqual([0, 0, []])
  })
})
