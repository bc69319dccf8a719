import { describe, expect, it } from 'vitest'
import { StoreError } from '../../src/errors.ts'
import type { Entry } from '../../src/outbox.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { FakeDisk, outboxBench, payloads } from '../fakes/outbox-bench.ts'
import { createRandom } from '../fakes/random.ts'

const FULL = new StoreError('full', 'no room')

async function started(options: Partial<Parameters<typeof outboxBench>[0]> = {}) {
  const clock = options.clock instanceof FakeClock ? options.clock : new FakeClock()
  const disk = options.disk instanceof FakeDisk ? options.disk : new FakeDisk()
  const bench = outboxBench({ ...options, clock, disk })
  await bench.start()
  return { ...bench, clock, disk }
}

describe('while the broker is there', () => {
  it('a record that is acknowledged in time never touches the disk', async () => {
    const { keeper, outbox, put, take, counts, clock } = await started()
    keeper.connected(true)
    for (let round = 0; round < 100; round += 1) {
      put(round)
      await clock.advance(500)
      for (const entry of take()) outbox.acknowledged(entry)
      await clock.advance(500)
    }
    expect(counts.writes).toBe(0)
  })

  it('one that is not acknowledged within 2 s goes to disk, is safe from a power cut 1 s later, and is deleted when it is', async () => {
    const { keeper, outbox, put, take, disk, clock } = await started()
    keeper.connected(true)
    put('early')
    await clock.advance(1)
    take()
    await clock.advance(1998)
    expect(disk.written.rows.size).toBe(0)
    await clock.advance(1)
    expect(disk.written.rows.size).toBe(1)
    put('late')
    const [late] = take()
    await clock.advance(2000)
    expect(disk.written.rows.size).toBe(2)
    await clock.advance(1000)
    expect(disk.synced.rows.size).toBe(2)
    if (late !== undefined) outbox.acknowledged(late)
    await clock.advance(100)
    expect(disk.written.rows.size).toBe(1)
  })

  it('a broker that is slow with everything costs a write a second, not one for each record', async () => {
    const { keeper, put, take, counts, clock } = await started()
    keeper.connected(true)
    for (let round = 0; round < 600; round += 1) {
      put(round)
      take()
      await clock.advance(100)
    }
    expect(counts.writes).toBeLessThan(130) // a write and a sync a second, for a minute
  })
})

describe('while the broker is away', () => {
  it('every record goes to disk at once, with one sync a second', async () => {
    const { put, disk, counts, clock } = await started()
    for (let round = 0; round < 100; round += 1) {
      put(round)
      await clock.advance(100)
      expect(disk.written.rows.size).toBe(round + 1)
    }
    expect(counts.syncs).toBeGreaterThanOrEqual(9)
    expect(counts.syncs).toBeLessThanOrEqual(11)
    await clock.advance(1000)
    expect(disk.synced.rows.size).toBe(100)
  })

  it('with sync: 0s nothing is written without a sync', async () => {
    const { put, disk, counts, clock } = await started({ syncMs: 0 })
    for (let round = 0; round < 10; round += 1) {
      put(round)
      await clock.advance(10)
      expect(disk.synced.rows.size).toBe(round + 1)
    }
    expect(counts.syncs).toBe(counts.writes)
  })

  it('what waits for an acknowledgement goes to disk when the connection ends', async () => {
    const { keeper, put, take, disk, clock } = await started()
    keeper.connected(true)
    put(1, 2)
    take()
    await clock.advance(10)
    expect(disk.written.rows.size).toBe(0)
    keeper.connected(false)
    await clock.advance(0)
    expect(disk.written.rows.size).toBe(2)
  })

  it('nothing is written and nobody wakes while there is nothing to do', async () => {
    const { put, counts, clock } = await started()
    put(1)
    await clock.advance(2000)
    const { writes } = counts
    expect(clock.sleeping).toBe(0)
    await clock.advance(3_600_000)
    expect(counts.writes).toBe(writes)
  })

  it('memory holds a window, whatever the disk holds, and all comes back in order', async () => {
    const bench = await started()
    const { outbox, put, counts, clock, drain } = bench
    for (let round = 0; round < 60; round += 1) {
      put(...Array.from({ length: 200 }, (_, index) => round * 200 + index))
      await clock.advance(100)
    }
    expect(outbox.depth).toBe(12_000)
    const before = bench.take()
    expect(before.length).toBeLessThanOrEqual(2000)
    outbox.rewind()
    expect(await drain()).toEqual(Array.from({ length: 12_000 }, (_, index) => String(index)))
    expect(counts.largestRead).toBeLessThanOrEqual(1000)
    expect(outbox.bytes).toBe(0)
    expect(outbox.dropped).toEqual({})
  })

  it('a new record never overtakes what is on disk, also while that is being read', async () => {
    const { outbox, keeper, put, clock } = await started()
    put(...Array.from({ length: 5000 }, (_, index) => index))
    await clock.advance(100)
    keeper.connected(true)
    const order: number[] = []
    for (let number = 5000; outbox.depth > 0; ) {
      if (number < 6000) {
        put(number)
        number += 1
      }
      for (const entry of [outbox.next(), outbox.next(), outbox.next()]) {
        if (entry === undefined) continue
        order.push(Number(entry.message.payload))
        outbox.acknowledged(entry)
      }
      await clock.advance(1)
    }
    expect(order).toEqual(Array.from({ length: 6000 }, (_, index) => index))
  })
})

describe('the end and the next start', () => {
  it('all that was not acknowledged is on disk and synced when it closes, and goes first in the next run', async () => {
    const first = await started()
    first.keeper.connected(true)
    first.put(1, 2, 3)
    const [one] = first.take()
    if (one !== undefined) first.outbox.acknowledged(one)
    await first.keeper.close()
    expect(first.disk.synced.rows.size).toBe(2)
    const second = await started({ disk: first.disk })
    expect(second.outbox.depth).toBe(2)
    second.put(4)
    expect(await second.drain()).toEqual(['2', '3', '4'])
  })

  it('nothing is handed out before it is known what an earlier run left', async () => {
    const first = await started()
    first.put('old')
    await first.keeper.close()
    let answer = (): void => {}
    first.disk.hangs = new Promise((resolve) => (answer = resolve))
    const second = outboxBench({ clock: first.clock, disk: first.disk })
    second.put('before the disk was even asked')
    expect(second.take()).toEqual([])
    const starting = second.start()
    second.put('new')
    expect(second.take()).toEqual([])
    expect(second.outbox.depth).toBe(2)
    answer()
    first.disk.hangs = undefined
    await starting
    expect(await second.drain()).toEqual(['old', 'before the disk was even asked', 'new'])
  })

  it('stopping: a record goes to disk at once though the broker is there', async () => {
    const { keeper, put, disk, clock } = await started()
    keeper.connected(true)
    keeper.stopping()
    put(1)
    await clock.advance(0)
    expect(disk.written.rows.size).toBe(1)
  })

  it('tells what is lost where there is no disk at the end', async () => {
    const disk = new FakeDisk()
    disk.closedFor = FULL
    const { keeper, put, told } = await started({ disk })
    put(1)
    await keeper.close()
    expect(told('warn')).toContain('warn records that are in memory only are lost now')
  })
})

describe('a disk that fails', () => {
  it('is told once, memory goes on, and all is written when it is back', async () => {
    const { outbox, keeper, put, disk, told, counts, clock } = await started()
    put(1)
    await clock.advance(0)
    disk.refuses = FULL
    put(2)
    await clock.advance(60_000)
    put(3)
    await clock.advance(60_000)
    expect(keeper.failure?.kind).toBe('full')
    expect(told('warn')).toEqual(['warn outbox on disk failed'])
    expect(counts.changes).toBe(1)
    expect(outbox.depth).toBe(3)
    disk.refuses = undefined
    await clock.advance(30_000)
    expect(keeper.failure).toBeUndefined()
    expect(disk.written.rows.size).toBe(3)
    expect(told('info')).toEqual(['info outbox on disk recovered'])
    expect(counts.changes).toBe(2)
  })

  it('is read meanwhile, and what was delivered is deleted afterwards', async () => {
    const { outbox, keeper, put, disk, clock, drain } = await started()
    put(...Array.from({ length: 4000 }, (_, index) => index))
    await clock.advance(100)
    disk.refuses = FULL
    put('newest')
    await clock.advance(1000)
    keeper.connected(true)
    const order = await drain()
    expect(order).toHaveLength(4001)
    expect(order.at(-1)).toBe('newest')
    disk.refuses = undefined
    await clock.advance(60_000)
    expect(disk.written.rows.size).toBe(0)
    expect(outbox.dropped).toEqual({})
  })

  it('leaves memory bounded: the oldest of memory goes first, counted', async () => {
    const disk = new FakeDisk()
    disk.closedFor = new StoreError('read-only', 'no writes')
    const { outbox, put, take, overflows } = await started({ disk })
    put(...Array.from({ length: 10_500 }, (_, index) => index))
    expect(outbox.depth).toBe(10_000)
    expect(outbox.dropped).toEqual({ full: 500 })
    expect(overflows()).toBe(1)
    expect(take(1)[0]?.message.payload).toBe('500')
  })

  it('with a backlog that can be read and not written loses nothing of the backlog for what is new', async () => {
    const { outbox, put, disk, clock, drain } = await started()
    put(...Array.from({ length: 4000 }, (_, index) => `old ${index}`))
    await clock.advance(100)
    disk.refuses = FULL
    put(...Array.from({ length: 11_000 }, (_, index) => `new ${index}`))
    await clock.advance(10)
    expect(outbox.dropped).toEqual({ full: 1000 })
    const order = await drain()
    expect(order.slice(0, 4000)).toEqual(Array.from({ length: 4000 }, (_, index) => `old ${index}`))
    expect(order[4000]).toBe('new 1000')
    expect(order).toHaveLength(14_000)
  })

  it('that does not answer keeps nobody waiting, and says so', async () => {
    const disk = new FakeDisk()
    disk.hangs = new Promise(() => {})
    const clock = new FakeClock()
    const bench = outboxBench({ clock, disk })
    const starting = bench.start()
    bench.put(1)
    await clock.advance(5000)
    await starting
    expect(bench.keeper.failure?.message).toContain('has not answered')
    expect(payloads(bench.take())).toEqual(['1'])
  })

  it('that stops answering is told after a while, and memory goes on, bounded', async () => {
    const { outbox, keeper, put, take, disk, clock } = await started()
    disk.hangs = new Promise(() => {})
    put(1)
    await clock.advance(9000)
    expect(keeper.failure).toBeUndefined()
    await clock.advance(3000)
    expect(keeper.failure?.message).toContain('has not answered for 12 s')
    put(...Array.from({ length: 10_500 }, (_, index) => index))
    expect(outbox.unstored).toBeLessThanOrEqual(10_001)
    expect(take(1)).toHaveLength(1)
  })

  it('that has lost records while it was closed is found out, and they are counted', async () => {
    const first = await started()
    first.put(...Array.from({ length: 3000 }, (_, index) => index))
    await first.keeper.close()
    const rows = new Map([...first.disk.written.rows].filter(([position]) => position < 100 || position >= 300))
    first.disk.written = { ...first.disk.written, rows }
    const second = await started({ disk: first.disk })
    expect(second.outbox.depth).toBe(3000)
    expect(await second.drain()).toHaveLength(2800)
    expect(second.outbox.dropped).toEqual({ damaged: 200 })
    expect(second.outbox.bytes).toBe(0)
  })

  it('that gives back garbage for a record loses that one, counted, and no other', async () => {
    const first = await started()
    first.put(1, 2, 3)
    await first.keeper.close()
    first.disk.written = {
      ...first.disk.written,
      rows: new Map([...first.disk.written.rows, [1, Buffer.from('garbage')]]),
    }
    const second = await started({ disk: first.disk })
    expect(await second.drain()).toEqual(['1', '3'])
    expect(second.outbox.dropped).toEqual({ damaged: 1 })
    await second.clock.advance(200)
    expect(first.disk.written.rows.size).toBe(0)
  })

  it('whose store turns out damaged while it is read is given up: what was only there is counted, and nothing is stuck', async () => {
    const { outbox, keeper, put, disk, clock, drain, told } = await started()
    put(...Array.from({ length: 5000 }, (_, index) => index))
    await clock.advance(100)
    disk.unreadable = new StoreError('damaged', 'a checksum is wrong')
    put('new')
    const order = await drain()
    expect(order.at(-1)).toBe('new')
    expect(order.length - 1 + (outbox.dropped.damaged ?? 0)).toBe(5000)
    await clock.advance(100)
    expect(keeper.failure).toBeUndefined()
    expect(told('warn')).toEqual(['warn outbox on disk failed'])
    put('newer')
    await clock.advance(100)
    expect(disk.written.rows.size).toBe(1)
  })

  it('whose damaged store can’t even be put aside holds nobody up', async () => {
    const { outbox, put, disk, clock, take } = await started()
    put(...Array.from({ length: 5000 }, (_, index) => index))
    await clock.advance(100)
    disk.unreadable = new StoreError('damaged', 'a checksum is wrong')
    disk.closedFor = new StoreError('read-only', 'no writes')
    put('new')
    for (const entry of take()) outbox.acknowledged(entry)
    await clock.advance(60_000)
    expect(payloads(take()).at(-1)).toBe('new')
    expect(outbox.dropped.damaged).toBeGreaterThan(0)
  })
})

describe('limits', () => {
  it('beyond max_records the oldest goes, also where it is on disk only', async () => {
    const { outbox, put, clock, disk, drain } = await started({ maxRecords: 3000 })
    for (let round = 0; round < 50; round += 1) {
      put(...Array.from({ length: 100 }, (_, index) => round * 100 + index))
      await clock.advance(100)
    }
    expect(outbox.depth).toBe(3000)
    expect(outbox.dropped).toEqual({ full: 2000 })
    await clock.advance(200)
    expect(disk.written.rows.size).toBe(3000)
    expect((await drain())[0]).toBe('2000')
  })

  it('beyond max_bytes, too; a record that is larger than all of it is not taken', async () => {
    const { outbox, put } = await started({ maxBytes: 1000 })
    put(...Array.from({ length: 100 }, (_, index) => index))
    expect(outbox.bytes).toBeLessThanOrEqual(1000)
    const { depth } = outbox
    put('x'.repeat(1000))
    expect(outbox.depth).toBe(depth)
    expect(outbox.dropped).toEqual({ full: 100 - depth, 'too-large': 1 })
  })

  it('what is older than max_age is dropped, counted, whatever the wall clock does meanwhile', async () => {
    const { outbox, put, clock, take } = await started({ maxAgeMs: 3_600_000 })
    put('old')
    await clock.advance(1_800_000)
    clock.step(10 * 365 * 86_400_000)
    put('young')
    await clock.advance(1_800_000)
    clock.step(-20 * 365 * 86_400_000)
    expect(outbox.oldestMs).toBe(3_600_000)
    await clock.advance(1)
    expect(payloads(take())).toEqual(['young'])
    expect(outbox.dropped).toEqual({ 'too-old': 1 })
  })
})

describe('whatever comes in whatever order', () => {
  it.each([1, 2, 3, 4, 5])(
    'each record is delivered in order or counted, and survives as promised (%i)',
    async (seed) => {
      const random = createRandom(seed)
      const clock = new FakeClock()
      const disk = new FakeDisk()
      const delivered = new Set<number>()
      /** When each was put, ms. */
      const put: number[] = []
      let newest = -1
      for (let run = 0; run < 6; run += 1) {
        const bench = outboxBench({ clock, disk })
        await bench.start()
        const { outbox, keeper } = bench
        let underWay: Entry[] = []
        let connected = false
        const first = put.length
        for (let step = 0; step < 100; step += 1) {
          const action = random(12)
          if (action < 4) {
            for (let count = random(random(5) === 0 ? 900 : 20); count > 0; count -= 1) {
              bench.put(put.length)
              put.push(clock.monotonic())
            }
          } else if (action < 8 && connected) {
            underWay.push(...bench.take(random(600)))
            for (const entry of underWay.splice(0, random(600))) {
              const number = Number(entry.message.payload)
              if (!delivered.has(number)) {
                expect(number).toBeGreaterThan(newest)
                newest = number
              }
              delivered.add(number)
              outbox.acknowledged(entry)
            }
          } else if (action === 8) {
            connected = !connected
            if (connected) outbox.rewind()
            underWay = []
            keeper.connected(connected)
          } else if (action === 9) disk.refuses = disk.refuses === undefined ? FULL : undefined
          else await clock.advance(random(3000))
          expect(outbox.depth).toBeGreaterThanOrEqual(put.length - first - delivered.size)
        }
        disk.refuses = undefined
        await clock.advance(31_000)
        const held = put.length - delivered.size
        expect(outbox.depth).toBe(held)
        if (run % 2 === 0) {
          // Killed: what is older than 2 s is on disk; what is younger was put by nobody in the last 31 s.
          disk.killed()
        } else await keeper.close()
      }
      const last = await started({ clock, disk })
      for (const payload of await last.drain()) {
        const number = Number(payload)
        if (!delivered.has(number)) {
          expect(number).toBeGreaterThan(newest)
          newest = number
        }
        delivered.add(number)
      }
      expect(delivered.size).toBe(put.length)
      expect(last.outbox.dropped).toEqual({})
    },
  )
})
