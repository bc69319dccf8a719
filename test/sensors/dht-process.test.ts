import { afterEach, describe, expect, it } from 'vitest'
import { alive, type BenchOptions, DhtBench, fakeModule, HANGS, NEVER } from '../fakes/dht-bench.ts'
import { settled } from '../fakes/fake-clock.ts'

let bench: DhtBench | undefined

function createBench(options?: BenchOptions): DhtBench {
  bench = new DhtBench(options)
  return bench
}

afterEach(async () => {
  await bench?.dispose()
  bench = undefined
})

describe('a driver that hangs', () => {
  it.each(Object.entries(HANGS))('%s is killed when its read is called off', async (_how, pin) => {
    const bench = createBench()
    const sensor = await bench.open(pin)
    const deadline = new AbortController()
    const read = sensor.read(deadline.signal)
    await bench.wasAsked(22, pin)
    deadline.abort(new Error('too late'))
    await expect(read).rejects.toThrow('too late')
    const [pid] = bench.started
    await bench.ended(pid)
    expect(pid !== undefined && alive(pid)).toBe(false)
  })

  it('is killed after 2.5 s, half of the deadline', async () => {
    const bench = createBench()
    const sensor = await bench.open(HANGS.quietly)
    const read = sensor.read(NEVER)
    read.catch(() => {}) // looked at below
    await bench.wasAsked(22, HANGS.quietly)
    await bench.clock.advance(2499)
    expect(bench.started.filter(alive)).toHaveLength(1)
    await bench.clock.advance(1)
    await expect(read).rejects.toMatchObject({ kind: 'timeout', ordinary: false })
    await bench.ended(bench.started[0])
    expect(bench.clock.sleeping).toBe(0)
  })

  it('while it is loaded fails the open after 8 s, and leaves no process', async () => {
    const bench = createBench({ vendor: fakeModule('dht-vendor-stuck.cjs') })
    const opening = bench.open(4)
    opening.catch(() => {}) // looked at below
    await bench.logged(({ msg }) => msg === 'dht driver process started')
    await bench.clock.advance(8000)
    await expect(opening).rejects.toMatchObject({ kind: 'timeout' })
    expect(bench.started.filter(alive)).toEqual([])
  })

  it('costs the sensor behind it time, and no read', async () => {
    const bench = createBench()
    const hanging = await bench.open(HANGS.withTheEventLoop)
    const good = await bench.open(4)
    const lost = hanging.read(NEVER)
    const kept = good.read(NEVER)
    lost.catch(() => {}) // looked at below
    await bench.wasAsked(22, HANGS.withTheEventLoop)
    expect(bench.asked).toEqual([`22/${HANGS.withTheEventLoop}`])
    await bench.clock.advance(2500)
    await expect(lost).rejects.toMatchObject({ kind: 'timeout' })
    expect(await kept).toEqual({ temperature: 21.5, humidity: 40.25 })
  })

  it('is gone before the next process starts: two are never at the pins at once', async () => {
    const bench = createBench()
    const [hanging, good] = [await bench.open(HANGS.quietly), await bench.open(4)]
    const deadline = new AbortController()
    const [lost, kept] = [hanging.read(deadline.signal), good.read(NEVER)]
    await bench.wasAsked(22, HANGS.quietly)
    await bench.clock.advance(1000)
    deadline.abort(new Error('too late'))
    await expect(lost).rejects.toThrow('too late')
    await kept
    const told = bench.lines.map(({ msg }) => msg).filter((msg) => /process (started|ended)$/.test(msg))
    expect(told).toEqual(['started', 'ended', 'started'].map((end) => `dht driver process ${end}`))
  })

  it('is not killed by a read that is called off while it waits behind', async () => {
    const bench = createBench()
    const hanging = await bench.open(HANGS.quietly)
    const waiting = await bench.open(4)
    const first = new AbortController()
    const second = new AbortController()
    const lost = hanging.read(first.signal)
    const left = waiting.read(second.signal)
    await bench.wasAsked(22, HANGS.quietly)
    second.abort(new Error('second too late'))
    await expect(left).rejects.toThrow('second too late')
    expect(bench.started.filter(alive)).toHaveLength(1)
    first.abort(new Error('first too late'))
    await expect(lost).rejects.toThrow('first too late')
    await bench.ended(bench.started[0])
    expect(bench.asked).toEqual([`22/${HANGS.quietly}`])
  })
})

describe('a driver that dies', () => {
  it('is a crash that names the signal and the sensor, and another process answers the next open', async () => {
    const bench = createBench()
    const sensor = await bench.open(8)
    const crash = sensor.read(NEVER)
    await expect(crash).rejects.toMatchObject({ kind: 'crashed', ordinary: false })
    await expect(crash).rejects.toThrow(/^sensor 8: DHT22 on pin 8: .* was ended by SIGSEGV/)
    await bench.close(sensor)
    await bench.clock.advance(1000)
    const next = await bench.open(4)
    expect(await next.read(NEVER)).toMatchObject({ temperature: 21.5 })
  })

  it('by an exit is a crash that names the code', async () => {
    const sensor = await createBench().open(14)
    await expect(sensor.read(NEVER)).rejects.toThrow('exited with code 3')
  })

  it('under one sensor is replaced for another that stays open', async () => {
    const bench = createBench()
    const good = await bench.open(4)
    const crashing = await bench.open(8)
    const [lost, kept] = [crashing.read(NEVER), good.read(NEVER)]
    await expect(lost).rejects.toThrow(/^sensor 8: .* was ended by SIGSEGV/)
    await bench.clock.advance(1000)
    expect(await kept).toMatchObject({ temperature: 21.5 })
  })

  it('between two reads costs neither', async () => {
    const bench = createBench()
    const sensor = await bench.open(4)
    await sensor.read(NEVER)
    const [pid] = bench.started
    process.kill(pid ?? 0, 'SIGKILL')
    await bench.ended(pid)
    await bench.clock.advance(3000)
    expect(await sensor.read(NEVER)).toMatchObject({ temperature: 21.5 })
  })

  it('again and again is started at most once a second', async () => {
    const bench = createBench()
    const sensor = await bench.open(8)
    await expect(sensor.read(NEVER)).rejects.toMatchObject({ kind: 'crashed' })
    for (const starts of [1, 2, 3]) {
      await bench.ended(bench.started.at(-1))
      const next = sensor.read(NEVER)
      next.catch(() => {}) // looked at below
      await bench.clock.advance(999)
      expect(bench.started).toHaveLength(starts)
      await bench.clock.advance(1)
      await expect(next).rejects.toMatchObject({ kind: 'crashed' })
    }
    expect(bench.started).toHaveLength(4)
  })
})

describe('the process', () => {
  it('is one for all sensors, and lives from the first open to the last close', async () => {
    const bench = createBench()
    const sensors = [await bench.open(4), await bench.open(5), await bench.open(19, 11)]
    const [pid = 0, ...more] = bench.started
    expect(more).toEqual([])
    for (const sensor of sensors) {
      expect(alive(pid)).toBe(true)
      await bench.close(sensor)
    }
    expect(alive(pid)).toBe(false)
  })

  it('is asked one thing at a time', async () => {
    const bench = createBench()
    const [hanging, good] = [await bench.open(HANGS.quietly), await bench.open(4)]
    const deadline = new AbortController()
    const reads = [hanging.read(deadline.signal), good.read(deadline.signal)]
    await bench.wasAsked(22, HANGS.quietly)
    await settled()
    expect(bench.asked).toEqual([`22/${HANGS.quietly}`])
    deadline.abort(new Error('enough'))
    await Promise.all(reads.map((read) => expect(read).rejects.toThrow('enough')))
    await bench.ended(bench.started[0])
  })

  it('is never asked for what was called off in the meantime', async () => {
    const bench = createBench()
    const [first, second, third] = [await bench.open(4), await bench.open(16), await bench.open(19)]
    const deadline = new AbortController()
    const reads = [first.read(NEVER), second.read(deadline.signal), third.read(NEVER)]
    deadline.abort(new Error('too late'))
    await expect(reads[1]).rejects.toThrow('too late')
    await Promise.all([reads[0], reads[2]])
    await bench.wasAsked(22, 19)
    expect(bench.asked).toEqual(['22/4', '22/19'])
  })

  it('is not started for a read that is called off while the last one ends', async () => {
    const bench = createBench()
    const [hanging, good] = [await bench.open(HANGS.quietly), await bench.open(4)]
    const [first, second] = [new AbortController(), new AbortController()]
    const [lost, left] = [hanging.read(first.signal), good.read(second.signal)]
    await bench.wasAsked(22, HANGS.quietly)
    await bench.clock.advance(1000)
    first.abort(new Error('too late'))
    await expect(lost).rejects.toThrow('too late')
    await new Promise((resolve) => process.nextTick(resolve)) // the second has its turn now, and waits for the end
    second.abort(new Error('too late, too'))
    await expect(left).rejects.toThrow('too late, too')
    await bench.ended(bench.started[0])
    await settled()
    expect(bench.started).toHaveLength(1)
  })
})
