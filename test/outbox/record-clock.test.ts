/** Records that were read before the clock was set, on their way through the outbox. */
import { describe, expect, it } from 'vitest'
import { createTelemetry } from '../../src/telemetry.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { FakeDisk, outboxBench, payloads } from '../fakes/outbox-bench.ts'

const YEAR = 365 * 86_400_000
const TOPICS = { sensors: 'sensors/n', devices: 'devices/n', gpio: 'gpio', alerts: 'alerts' }

async function started(clock: FakeClock, disk: FakeDisk, boot?: string, maxAgeMs?: number) {
  const bench = outboxBench({
    ...{ clock, disk },
    ...(boot === undefined ? {} : { boot }),
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
  })
  await bench.start()
  return {
    ...bench,
    read(payload: string, unsynchronised: boolean): void {
      const at = { at: clock.now(), monotonic: clock.monotonic(), unsynchronised }
      bench.outbox.put({ topic: 't', payload, qos: 1, retain: false }, at)
    },
  }
}

describe('records that were read before the clock was set', () => {
  it('go out as they are while it is not', async () => {
    const { read, take } = await started(new FakeClock(), new FakeDisk())
    read('a', true)
    expect(payloads(take())).toEqual(['a'])
  })

  it('get the time that they were read at when it is, and those that were read with the right one keep theirs', async () => {
    const clock = new FakeClock(0)
    const { read, take, times } = await started(clock, new FakeDisk())
    read('a', true)
    await clock.advance(60_000)
    clock.step(50 * YEAR)
    read('b', false)
    times.synchronised()
    await clock.advance(60_000)
    clock.step(-YEAR)
    expect(payloads(take())).toEqual([`a@${50 * YEAR}`, 'b'])
  })

  it('get it also in the next run of the same boot, and where the clock was set only then', async () => {
    const clock = new FakeClock(0)
    const disk = new FakeDisk()
    const first = await started(clock, disk)
    first.read('a', true)
    await first.keeper.close()
    await clock.advance(10_000)
    clock.step(50 * YEAR)
    const second = await started(clock, disk)
    second.times.synchronised()
    expect(payloads(second.take())).toEqual([`a@${50 * YEAR}`])
  })

  it('get it also in the next boot, where the clock had been set in theirs', async () => {
    const clock = new FakeClock(0)
    const disk = new FakeDisk()
    const first = await started(clock, disk)
    first.read('a', true)
    await clock.advance(1000)
    clock.step(50 * YEAR)
    first.times.synchronised()
    first.keeper.synchronised()
    await clock.advance(1000)
    disk.cut() // the power is gone: what was learnt is on disk
    const later = new FakeClock(60 * YEAR)
    const second = await started(later, disk, 'f'.repeat(32))
    expect(payloads(second.take())).toEqual([`a@${50 * YEAR}`])
  })

  it('of an earlier boot without a clock stay as they are: nobody can know', async () => {
    const clock = new FakeClock(0)
    const disk = new FakeDisk()
    const first = await started(clock, disk)
    first.read('a', true)
    await first.keeper.close()
    const second = await started(new FakeClock(50 * YEAR), disk, 'f'.repeat(32))
    second.times.synchronised()
    expect(payloads(second.take())).toEqual(['a'])
  })
})

describe('the age of a record', () => {
  it('of this boot is by the monotonic clock, whatever the wall clock says', async () => {
    const clock = new FakeClock(0)
    const { read, outbox } = await started(clock, new FakeDisk())
    read('a', true)
    await clock.advance(5000)
    for (const step of [10 * YEAR, -20 * YEAR]) {
      clock.step(step)
      expect(outbox.oldestMs).toBe(5000)
    }
  })

  it('of an earlier boot is by the wall clock once that is known to be right, and unknown before: nothing is dropped for it', async () => {
    const clock = new FakeClock(50 * YEAR)
    const disk = new FakeDisk()
    const first = await started(clock, disk)
    first.read('a', false)
    await first.keeper.close()
    const later = new FakeClock(60 * YEAR)
    const second = await started(later, disk, 'f'.repeat(32), 86_400_000)
    await later.advance(100)
    expect(second.outbox.oldestMs).toBeUndefined()
    expect(second.outbox.depth).toBe(1)
    second.times.synchronised()
    expect(second.take()).toEqual([])
    expect(second.outbox.dropped).toEqual({ 'too-old': 1 })
  })

  it('that lies in the future is 0', async () => {
    const disk = new FakeDisk()
    const first = await started(new FakeClock(60 * YEAR), disk)
    first.read('a', false)
    await first.keeper.close()
    const second = await started(new FakeClock(50 * YEAR), disk, 'f'.repeat(32), 1000)
    second.times.synchronised()
    expect(payloads(second.take())).toEqual(['a'])
  })
})

describe('the payload', () => {
  const telemetry = createTelemetry({ node: 'n', topics: TOPICS, run: 'r' })
  const reading = { at: 0, values: { temperature: 1 }, due: [], rejected: [] }

  it('says that the clock was not set, and what became of it', () => {
    const record = telemetry.record(undefined, reading, 7, true)
    expect(JSON.parse(record.payload)).toEqual({
      ...{ timestamp: '1970-01-01T00:00:00.000Z', clock: 'unsynchronised', node: 'n', run: 'r', seq: 7 },
      temperature: 1,
    })
    expect(JSON.parse(telemetry.corrected(record, 1000).payload)).toEqual({
      ...{ timestamp: '1970-01-01T00:00:01.000Z', clock: 'corrected', node: 'n', run: 'r', seq: 7 },
      temperature: 1,
    })
    expect(JSON.parse(telemetry.record(undefined, reading, 7).payload)).not.toHaveProperty('clock')
  })

  it.each(['', 'no JSON', '7'])('that is no record of ours (%j) is not touched, or stays JSON', (payload) => {
    const message = { topic: 't', payload, qos: 1, retain: false } as const
    expect(() => telemetry.corrected(message, Number.NaN)).not.toThrow()
    expect(telemetry.corrected(message, Number.NaN)).toBe(message)
  })
})
