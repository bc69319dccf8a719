import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { type Entry, Outbox } from '../src/outbox.ts'

interface Bench {
  readonly outbox: Outbox
  overflows: number
  put(...numbers: number[]): void
  /** Hands out as many as there are, at most `count`. */
  take(count?: number): Entry[]
}

function bench(maxRecords: number): Bench {
  const outbox = new Outbox({
    maxRecords,
    onOverflow: () => {
      made.overflows += 1
    },
  })
  const made: Bench = {
    outbox,
    overflows: 0,
    put(...numbers) {
      for (const number of numbers) outbox.put({ topic: 't', payload: String(number), qos: 1, retain: false })
    },
    take(count = Number.POSITIVE_INFINITY) {
      const entries: Entry[] = []
      while (entries.length < count) {
        const entry = outbox.next()
        if (entry === undefined) break
        entries.push(entry)
      }
      return entries
    },
  }
  return made
}

const numbers = (entries: readonly Entry[]): number[] => entries.map(({ message }) => Number(message.payload))

function at<T>(list: readonly T[], index: number): T {
  const item = list[index]
  if (item === undefined) throw new Error(`there is no item ${index}`)
  return item
}

describe('the outbox', () => {
  it('hands records out once, in the order in which they came, and keeps them until they are acknowledged', () => {
    const { outbox, put, take } = bench(10)
    put(1, 2, 3)
    const taken = take()
    expect(numbers(taken)).toEqual([1, 2, 3])
    expect(take()).toEqual([])
    expect(outbox.depth).toBe(3)
    for (const entry of taken) outbox.acknowledged(entry)
    expect(outbox.depth).toBe(0)
    expect(outbox.dropped).toEqual({})
  })

  it('is empty at first', () => {
    const { outbox } = bench(1)
    expect(outbox.next()).toBeUndefined()
    expect(outbox.depth).toBe(0)
    outbox.rewind()
    expect(outbox.next()).toBeUndefined()
  })

  it('takes acknowledgements in any order, and a second one of the same record for nothing', () => {
    const { outbox, put, take } = bench(10)
    put(1, 2, 3, 4)
    const taken = take()
    outbox.acknowledged(at(taken, 2))
    outbox.acknowledged(at(taken, 0))
    outbox.acknowledged(at(taken, 2))
    expect(outbox.depth).toBe(2)
    outbox.rewind()
    expect(numbers(take())).toEqual([2, 4])
  })

  it('hands out again what was not acknowledged when the connection went, in order and before what is newer', () => {
    const { outbox, put, take } = bench(10)
    put(1, 2, 3, 4, 5)
    const taken = take(4)
    outbox.acknowledged(at(taken, 0))
    outbox.acknowledged(at(taken, 1))
    outbox.rewind()
    put(6)
    expect(numbers(take())).toEqual([3, 4, 5, 6])
  })

  it('an acknowledgement that comes after the rewind still counts', () => {
    const { outbox, put, take } = bench(10)
    put(1, 2, 3)
    const taken = take()
    outbox.rewind()
    outbox.acknowledged(at(taken, 1))
    expect(numbers(take())).toEqual([1, 3])
    expect(outbox.depth).toBe(2)
  })

  it('what the broker refuses for good is dropped and counted by its reason', () => {
    const { outbox, put, take } = bench(10)
    put(1, 2, 3)
    const taken = take()
    outbox.refused(at(taken, 0), 'refused-149')
    outbox.refused(at(taken, 1), 'refused-149')
    outbox.refused(at(taken, 2), 'refused-151')
    outbox.refused(at(taken, 2), 'refused-151')
    expect(outbox.dropped).toEqual({ 'refused-149': 2, 'refused-151': 1 })
    expect(outbox.depth).toBe(0)
    outbox.rewind()
    expect(take()).toEqual([])
  })
})

describe('a full outbox', () => {
  it('drops the oldest, and counts', () => {
    const { outbox, put, take } = bench(3)
    put(1, 2, 3, 4, 5)
    expect(outbox.depth).toBe(3)
    expect(outbox.dropped).toEqual({ full: 2 })
    expect(numbers(take())).toEqual([3, 4, 5])
  })

  it('drops the oldest that is not under way, since what is will very likely arrive', () => {
    const { outbox, put, take } = bench(4)
    put(1, 2, 3, 4)
    const taken = take(2)
    put(5)
    expect(outbox.depth).toBe(4)
    expect(numbers(take())).toEqual([4, 5])
    for (const entry of taken) outbox.acknowledged(entry)
    expect(outbox.depth).toBe(2)
    expect(outbox.dropped).toEqual({ full: 1 })
  })

  it('drops the oldest of all where everything is under way, and its late acknowledgement changes nothing', () => {
    const { outbox, put, take } = bench(2)
    put(1, 2)
    const taken = take()
    put(3)
    outbox.acknowledged(at(taken, 0))
    expect(outbox.depth).toBe(2)
    expect(outbox.dropped).toEqual({ full: 1 })
    outbox.rewind()
    expect(numbers(take())).toEqual([2, 3])
  })

  it('never has more than it may where records were acknowledged out of order before a rewind', () => {
    const { outbox, put, take } = bench(3)
    put(1, 2, 3)
    outbox.acknowledged(at(take(), 1))
    outbox.rewind()
    take(1)
    put(4, 5)
    expect(outbox.depth).toBe(3)
    expect(outbox.dropped).toEqual({ full: 1 })
    expect(numbers(take())).toEqual([4, 5])
  })

  it('tells of a run of drops once, and again only after it was empty', () => {
    const made = bench(2)
    made.put(1, 2, 3, 4, 5)
    expect(made.overflows).toBe(1)
    const taken = made.take()
    made.outbox.acknowledged(at(taken, 0))
    made.put(6, 7)
    expect(made.overflows).toBe(1)
    for (const entry of [...taken, ...made.take()]) made.outbox.acknowledged(entry)
    expect(made.outbox.depth).toBe(0)
    made.put(8, 9, 10)
    expect(made.overflows).toBe(2)
  })

  it('of one record has the newest, and tells of a run of drops once, too', () => {
    const made = bench(1)
    made.put(1, 2, 3, 4)
    expect(made.outbox.depth).toBe(1)
    expect(made.outbox.dropped).toEqual({ full: 3 })
    expect(made.overflows).toBe(1)
    expect(numbers(made.take())).toEqual([4])
  })
})

describe('over a long time', () => {
  it('twenty thousand records pass through in order', () => {
    const { outbox, put, take } = bench(100)
    let expected = 0
    for (let number = 0; number < 20_000; number += 1) {
      put(number)
      if (number % 7 !== 0) continue
      for (const entry of take()) {
        expect(Number(entry.message.payload)).toBe(expected)
        expected += 1
        outbox.acknowledged(entry)
      }
    }
    expect(outbox.dropped).toEqual({})
  })

  it('what is under way stays so, however much is dropped behind it', () => {
    const { outbox, put, take } = bench(4)
    put(1, 2, 3, 4)
    const underWay = take(2)
    for (let number = 5; number < 3005; number += 1) put(number)
    for (const entry of underWay) outbox.acknowledged(entry)
    expect(outbox.depth).toBe(2)
    expect(outbox.dropped).toEqual({ full: 3000 })
    expect(numbers(take())).toEqual([3003, 3004])
  })

  it('does what a plain list would do, whatever comes in whatever order', () => {
    let state = 7
    const random = (below: number): number => {
      state = (state * 48271) % 2147483647 // Park and Miller's generator
      return state % below
    }
    const made = bench(5)
    let list: { number: number; sent: boolean; entry?: Entry }[] = []
    let dropped = 0
    for (let step = 0; step < 10_000; step += 1) {
      const action = random(10)
      if (action < 4) {
        made.put(step)
        if (list.length === 5) {
          const victim = list.find(({ sent }) => !sent) ?? at(list, 0)
          list = list.filter((item) => item !== victim)
          dropped += 1
        }
        list.push({ number: step, sent: false })
      } else if (action < 7) {
        const expected = list.find(({ sent }) => !sent)
        const [entry] = made.take(1)
        expect(entry === undefined ? undefined : Number(entry.message.payload)).toBe(expected?.number)
        if (expected !== undefined && entry !== undefined) Object.assign(expected, { sent: true, entry })
      } else if (action < 9) {
        const underWay = list.filter(({ entry }) => entry !== undefined)
        const chosen = underWay[random(Math.max(1, underWay.length))]
        if (chosen?.entry === undefined) continue
        made.outbox.acknowledged(chosen.entry)
        list = list.filter((item) => item !== chosen)
      } else {
        made.outbox.rewind()
        for (const item of list) item.sent = false
      }
      expect(made.outbox.depth).toBe(list.length)
      expect(made.outbox.dropped).toEqual(dropped === 0 ? {} : { full: dropped })
    }
    expect(dropped).toBeGreaterThan(100)
  })

  it('memory stays bounded while a broker acknowledges nothing: what was dropped is let go', async () => {
    const { outbox, take } = bench(10)
    const kept: WeakRef<object>[] = []
    const put = (): void => {
      const message = { topic: 't', payload: 'x', qos: 1, retain: false } as const
      kept.push(new WeakRef(message))
      outbox.put(message)
    }
    put()
    take(1)
    for (let number = 0; number < 20_000; number += 1) put()
    await new Promise((resolve) => setImmediate(resolve)) // a WeakRef lives to the end of its turn
    collectGarbage()
    expect(outbox.depth).toBe(10)
    expect(kept.filter((reference) => reference.deref() !== undefined).length).toBeLessThan(5000)
  })
})

/** Asks V8 for a full collection, which Node.js offers behind a flag only. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  if (typeof gc !== 'function') throw new Error('this Node.js has no gc')
  gc()
}
