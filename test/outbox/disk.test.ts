/** The outbox on a real store, in a folder of its own that is then maltreated. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { DriverUnavailableError } from '../../src/errors.ts'
import { outboxBench } from '../fakes/outbox-bench.ts'
import { createRandom } from '../fakes/random.ts'

let folder: string
let path: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sensor-node-outbox-'))
  path = join(folder, 'outbox')
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const open: ReturnType<typeof outboxBench>[] = []
afterEach(async () => {
  for (const bench of open.splice(0)) await bench.keeper.close()
})

async function started(options: Partial<Parameters<typeof outboxBench>[0]> = {}) {
  const bench = outboxBench({ clock: systemClock, disk: path, ...options })
  open.push(bench)
  await bench.start()
  return bench
}

const count = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => String(from + index))

/** Leaves a store behind with these in it. */
async function left(records: readonly string[]): Promise<void> {
  const bench = await started()
  bench.put(...records)
  await bench.keeper.close()
}

describe('a store on disk', () => {
  it('gives the next run what this one did not deliver, first and in order', async () => {
    await left(count(0, 300))
    const bench = await started()
    expect(bench.outbox.depth).toBe(300)
    bench.put('new')
    expect(await bench.drain()).toEqual([...count(0, 300), 'new'])
    await bench.keeper.close()
    const last = await started()
    expect(last.outbox.depth).toBe(0)
    expect(last.outbox.bytes).toBe(0)
  })

  it('drains a day of ten sensors at ten seconds, 86,400 records, a thousand at a time, and gives the room back', async () => {
    const bench = await started()
    for (let from = 0; from < 86_400; from += 960) {
      bench.put(...count(from, from + 960))
      await bench.until(() => bench.outbox.unstored === 0)
    }
    expect(bench.outbox.dropped).toEqual({})
    const order = await bench.drain()
    expect(order).toHaveLength(86_400)
    expect(order.every((payload, index) => payload === String(index))).toBe(true)
    expect(bench.counts.largestRead).toBeLessThanOrEqual(1000)
    await bench.until(() => bench.outbox.removals === 0)
    await bench.keeper.close()
    const sizes = await Promise.all(
      (await readdir(join(path, 'records'))).map(async (name) => (await readFile(join(path, 'records', name))).length),
    )
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(2_000_000)
  }, 60_000)

  it('that somebody else uses is left to them, told, and taken over when they end', async () => {
    await left([])
    const program = `
      const { ClassicLevel } = require('classic-level')
      new ClassicLevel(process.argv[1]).open().then(() => console.log('open'))
      setInterval(() => {}, 1000)`
    const other = spawn(process.execPath, ['-e', program, join(path, 'records')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(other.stdout, 'data')
    const bench = await started()
    expect(bench.keeper.failure?.kind).toBe('locked')
    expect(bench.keeper.failure?.message).toContain(`another process uses ${path}`)
    bench.put(1)
    expect(bench.take()).toHaveLength(1)
    other.kill('SIGKILL')
    await once(other, 'exit')
    await bench.until(() => bench.keeper.failure === undefined)
    await bench.until(() => bench.outbox.unstored === 0)
  })

  it('of a newer version is left as it is, and told', async () => {
    await left(['kept'])
    await writeFile(join(path, 'version'), '2\n')
    const before = await readdir(join(path, 'records'))
    const bench = await started()
    expect(bench.keeper.failure?.kind).toBe('newer')
    expect(bench.keeper.failure?.message).toContain('newer version of sensor-node')
    bench.put('in memory')
    expect(bench.take()).toHaveLength(1)
    await bench.keeper.close()
    expect(await readdir(join(path, 'records'))).toEqual(before)
    await writeFile(join(path, 'version'), '1\n')
    expect(await (await started()).drain()).toEqual(['kept'])
  })

  it('whose package is not installed is memory, told once with the remedy, and not tried again', async () => {
    const load = (): never => {
      throw new DriverUnavailableError('classic-level', 'it is not installed', 'run npm install again')
    }
    const bench = await started({ load })
    expect(bench.keeper.failure?.message).toContain('run npm install again')
    bench.put(1)
    expect(bench.take()).toHaveLength(1)
    expect(bench.told('warn')).toEqual(['warn outbox on disk failed'])
  })
})

describe('where there can be no folder', () => {
  it.each([
    ['a file stands in its place', async () => writeFile(path, '')],
    [
      'a file stands above it',
      async () => {
        path = join(folder, 'file', 'outbox')
        await writeFile(join(folder, 'file'), '')
      },
    ],
    [
      'a file stands where the store should be',
      async () => mkdir(path).then(() => writeFile(join(path, 'records'), '')),
    ],
  ])('%s: the records go on in memory, and it says so', async (_, spoil) => {
    await spoil()
    const bench = await started()
    bench.put(1)
    expect(bench.take()).toHaveLength(1)
    if (bench.keeper.failure === undefined) {
      // It was no store, so it was put aside, and there is one now.
      await bench.until(() => bench.outbox.unstored === 0)
      expect(bench.disk.aside).toContain('damaged')
    } else expect(bench.keeper.failure.message).toContain(path)
  })

  it('comes back to the disk when the folder can be made', async () => {
    await writeFile(path, '')
    const bench = await started()
    bench.put(1)
    await rm(path)
    await bench.until(() => bench.keeper.failure === undefined && bench.outbox.unstored === 0)
  })
})
describe('a damaged store', () => {
  const spoilers: [string, (file: string, random: (below: number) => number) => Promise<void>][] = [
    ['cut short', async (file, random) => truncate(file, random((await readFile(file)).length + 1))],
    ['emptied', (file) => truncate(file, 0)],
    ['removed', (file) => rm(file)],
    [
      'overwritten in places',
      async (file, random) => {
        const bytes = await readFile(file)
        for (let place = 0; place < 20 && bytes.length > 0; place += 1)
          bytes.writeUInt8(random(256), random(bytes.length))
        await writeFile(file, bytes)
      },
    ],
    ['overwritten with zeros', async (file) => writeFile(file, Buffer.alloc((await readFile(file)).length))],
  ]

  it.each(spoilers)(
    'with any file %s never stops the agent; what is lost is counted or put aside, the rest keeps its order',
    async (_, spoil) => {
      const random = createRandom(11)
      // Opened twice, so that there is a table beside the log.
      await left(count(0, 2000))
      await left(count(2000, 3000))
      const files = await readdir(join(path, 'records'))
      const original = join(folder, 'original')
      await cp(path, original, { recursive: true })
      for (const file of files.filter((name) => name !== 'LOCK')) {
        await rm(path, { recursive: true })
        await cp(original, path, { recursive: true })
        await spoil(join(path, 'records', file), random)
        const bench = await started()
        bench.put('new')
        const order = await bench.drain()
        expect(order.at(-1), file).toBe('new')
        const old = order.slice(0, -1).map(Number)
        expect(old, file).toEqual([...old].sort((a, b) => a - b))
        expect(
          old.every((number) => number >= 0 && number < 3000),
          file,
        ).toBe(true)
        expect(bench.keeper.failure, file).toBeUndefined()
        expect(bench.outbox.bytes, file).toBe(0)
        // Durable again.
        bench.put('newer')
        await bench.keeper.close()
        expect(await (await started()).drain(), file).toEqual(['newer'])
        await open.at(-1)?.keeper.close()
      }
    },
    60_000,
  )

  it('is put aside whole, with its date, and what can be read of it goes on', async () => {
    await left(count(0, 100))
    await rm(join(path, 'records', 'CURRENT'))
    const bench = await started()
    expect(await bench.drain()).toEqual(count(0, 100))
    expect(bench.disk.aside).toMatch(/records\.damaged-\d{8}T\d{6}Z$/)
    expect(await readdir(bench.disk.aside ?? '')).not.toEqual([])
    expect(bench.told('error')).toEqual(['error the outbox on disk is damaged: it is kept aside'])
  })

  it('of several the last five are kept, and the log tells which were deleted', async () => {
    for (let round = 0; round < 7; round += 1) {
      await left([String(round)])
      await writeFile(join(path, 'records', 'CURRENT'), 'nonsense')
    }
    const bench = await started()
    const aside = (await readdir(path)).filter((name) => name.includes('damaged'))
    expect(aside).toHaveLength(5)
    expect(bench.told('warn')).toContain('warn the oldest of the damaged outboxes were deleted')
  })

  it('is not what a power cut leaves in the middle of writing a table', async () => {
    await left(count(0, 2000))
    await left(count(2000, 2100))
    await writeFile(join(path, 'records', '000099.ldb'), Buffer.alloc(5000, 7))
    const bench = await started()
    expect(bench.disk.aside).toBeUndefined()
    expect(await bench.drain()).toEqual(count(0, 2100))
  })
})
