/** The file under crashes that are played by cutting what a crash would have left, full disks, midnight and other people's hands. */
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LogFile, type LogFileOptions, openLogFile } from '../../src/logger/log-file.ts'
import { createReader } from '../../src/tools/topics.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const HEADER = 'timestamp,device_id,sensor,metric,value\n'
const DAY_MS = 86_400_000

let folder: string
let file: string
let notes: string[]
let clock: FakeClock
const opened: LogFile[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sensor-node-log-'))
  file = join(folder, 'r.csv')
  notes = []
  clock = new FakeClock(Date.now()) // files have times of the real one
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
  rmSync(folder, { recursive: true, force: true })
})

async function start(more: Partial<LogFileOptions> = {}): Promise<LogFile> {
  const meaningOf = createReader()
  const note = (text: string): void => void notes.push(text)
  const one = await openLogFile({ file, format: 'csv', rotation: 'never', meaningOf, clock, note, ...more })
  opened.push(one)
  return one
}

/** As a message would. Gives back how many rows were new. */
async function write(log: LogFile, ...seqs: readonly number[]): Promise<number> {
  const taken = seqs.map((seq) => {
    const payload = JSON.stringify({ timestamp: '2026-01-01T00:00:00Z', run: 'r', seq, count: seq })
    return log.intake.take({ topic: 'sensors/n/data', payload: Buffer.from(payload), retained: false }, 0)
  })
  const rows = taken.flatMap((one) => one.rows)
  await log.append(
    rows,
    taken.flatMap(({ place }) => (place === undefined ? [] : [place])),
  )
  return rows.length
}

const counts = (path = file): number[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(1, -1)
    .map((line) => Number(line.split(',')[4]))
const whole = (): boolean => readFileSync(file, 'utf8').endsWith('\n')
const put = (): string[] =>
  readdirSync(folder)
    .filter((name) => /^r-/.test(name))
    .sort()

it('begins with the header, once', async () => {
  const log = await start()
  await write(log, 0)
  await log.close()
  await write(await start(), 1)
  expect(readFileSync(file, 'utf8').split(HEADER)).toHaveLength(2)
  expect(counts()).toEqual([0, 1])
})

describe('after a crash', () => {
  it.each([1, 5, 60, 150])(
    'a batch that is not whole is cut off, and may come again: %i bytes short',
    async (missing) => {
      const log = await start()
      await write(log, 0, 1)
      await write(log, 2, 3, 4, 5, 6)
      const { length } = readFileSync(file)
      truncateSync(file, length - missing)
      const next = await start()
      expect(counts()).toEqual([0, 1])
      expect(notes).toEqual([expect.stringContaining('are cut off, and asked for again')])
      expect(await write(next, 1, 2, 3, 4, 5, 6)).toBe(5)
      expect(counts()).toEqual([0, 1, 2, 3, 4, 5, 6])
    },
  )

  it('a batch that is whole counts, though nobody was told', async () => {
    await write(await start(), 0, 1, 2)
    const next = await start()
    expect(notes).toEqual([])
    expect(await write(next, 0, 1, 2, 3)).toBe(1)
    expect(counts()).toEqual([0, 1, 2, 3])
  })

  it('a batch of the right length that is not what was written is cut off', async () => {
    const log = await start()
    await write(log, 0)
    const before = readFileSync(file)
    await write(log, 1)
    writeFileSync(file, Buffer.concat([before, Buffer.alloc(readFileSync(file).length - before.length)]))
    await write(await start(), 1)
    expect(counts()).toEqual([0, 1])
  })

  it('a journal that ends within a line loses that line only', async () => {
    const log = await start()
    await write(log, 0)
    appendFileSync(`${file}.state`, '{"from":99,')
    const next = await start()
    expect(await write(next, 0, 1)).toBe(1)
  })

  it('a journal that nobody can read is set aside, and a half line is cut off all the same', async () => {
    await write(await start(), 0)
    writeFileSync(`${file}.state`, 'nonsense\n')
    appendFileSync(file, '2026,n,"half\n')
    await start()
    expect(notes.join()).toMatch(/is set aside.*are cut off/s)
    expect(counts()).toEqual([0])
    expect(existsSync(`${file}.state.damaged`)).toBe(true)
  })

  it('a line feed between quotes ends no line', async () => {
    const log = await start()
    const row = { timestamp: 't', device: 'n', sensor: '', metric: 'm', value: 'a\nb' }
    await log.append([row], [])
    rmSync(`${file}.state`)
    const before = readFileSync(file, 'utf8')
    appendFileSync(file, 't,n,,m,"c\n')
    await start()
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  it('half a header is made whole', async () => {
    writeFileSync(file, HEADER.slice(0, 10))
    await write(await start(), 0)
    expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`^${HEADER}[^\n]+\n$`))
  })
})

describe('what is not ours', () => {
  it.each(['hello', 'a,b,c\n1,2,3\n', '{"a":1}\n'])('is not touched: %j', async (text) => {
    writeFileSync(file, text)
    await expect(start()).rejects.toMatchObject({
      name: 'StoreError',
      message: expect.stringContaining('name another'),
    })
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('a folder that is not there is told', async () => {
    await expect(start({ file: join(folder, 'no/r.csv') })).rejects.toMatchObject({ name: 'StoreError' })
  })

  it('a file that somebody has moved away is begun anew', async () => {
    const log = await start()
    await write(log, 0)
    renameSync(file, join(folder, 'moved'))
    await write(log, 1)
    expect(counts(join(folder, 'moved'))).toEqual([0])
    expect(counts()).toEqual([1])
    await log.close()
    expect(await write(await start(), 0, 1)).toBe(0)
  })
})

describe('a disk that is full', () => {
  /** Takes so many bytes, and a part of the write that goes beyond. */
  const full = () => {
    const disk = { room: 10_000 }
    const opening: typeof open = async (path, flags, mode) => {
      const handle = await open(path, flags, mode)
      if (path !== file) return handle
      const write_ = handle.write.bind(handle) as (
        bytes: Buffer,
        from: number,
        length: number,
        at: number,
      ) => ReturnType<FileHandle['write']>
      const limited = async (bytes: Buffer, from: number, length: number, at: number) => {
        if (disk.room === 0) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' })
        const taken = Math.min(length, disk.room)
        disk.room -= taken
        return write_(bytes, from, taken, at)
      }
      return Object.assign(handle, { write: limited })
    }
    return { disk, opening }
  }

  it('leaves no half line, and the same batch can be written when there is room', async () => {
    const { disk, opening } = full()
    const log = await start({ open: opening })
    await write(log, 0)
    disk.room = 20
    const payload = JSON.stringify({ timestamp: '2026-01-01T00:00:00Z', run: 'r', seq: 1, count: 1 })
    const { rows, place } = log.intake.take(
      { topic: 'sensors/n/data', payload: Buffer.from(payload), retained: false },
      0,
    )
    const append = () => log.append(rows, place === undefined ? [] : [place])
    for (let time = 0; time < 3; time += 1) {
      await expect(append()).rejects.toMatchObject({ kind: 'full', message: expect.stringContaining('make room') })
      expect(whole()).toBe(true)
      expect(counts()).toEqual([0])
    }
    disk.room = 10_000
    await append()
    expect(counts()).toEqual([0, 1])
    const next = await start()
    expect(await write(next, 1)).toBe(0)
  })

  it('a start after it finds what was written, and takes what was not', async () => {
    const { disk, opening } = full()
    const log = await start({ open: opening })
    await write(log, 0)
    disk.room = 20
    await expect(write(log, 1)).rejects.toMatchObject({ kind: 'full' })
    expect(await write(await start(), 0, 1)).toBe(1)
    expect(counts()).toEqual([0, 1])
  })
})

describe('what waits for the disk is not taken for written', () => {
  const take = (log: LogFile, seq: number): void => {
    const payload = JSON.stringify({ run: 'r', seq, count: seq })
    log.intake.take({ topic: 'sensors/n/data', payload: Buffer.from(payload), retained: false }, 0)
  }

  it.each([
    ['at the end', async (log: LogFile) => log.close()],
    [
      'where the file is put away before it, and a crash comes between',
      async (log: LogFile) => {
        await clock.advance(DAY_MS)
        await write(log, 1)
      },
    ],
    [
      'where somebody has moved the file',
      async (log: LogFile) => {
        renameSync(file, join(folder, 'r.csv.1'))
        await write(log, 1)
      },
    ],
  ])('%s', async (_, happens) => {
    const log = await start({ rotation: 'day' })
    await write(log, 0)
    take(log, 2)
    await happens(log)
    expect(await write(await start({ rotation: 'day' }), 0, 2)).toBe(1)
    expect(counts()).toContain(2)
  })
})

describe('somebody else’s hands in the very moment of a write', () => {
  /** Does it just before the next writes of lines. */
  const meddling = (what: () => void) => {
    const left = { times: 0 }
    const opening: typeof open = async (path, flags, mode) => {
      const handle = await open(path, flags, mode)
      if (path !== file) return handle
      const write_ = handle.write.bind(handle) as (bytes: Buffer, ...more: number[]) => ReturnType<FileHandle['write']>
      const disturbed = async (bytes: Buffer, ...more: number[]) => {
        if (left.times > 0 && !bytes.toString().startsWith(HEADER)) {
          left.times -= 1
          what()
        }
        return write_(bytes, ...more)
      }
      return Object.assign(handle, { write: disturbed })
    }
    return { left, opening }
  }

  it.each([
    ['cut off', () => truncateSync(file, 0)],
    ['cut off in the middle', () => truncateSync(file, 50)],
    ['removed', () => rmSync(file)],
  ])('%s: the batch stands after the header of what is there then, once, and without zeros', async (_, what) => {
    const { left, opening } = meddling(what)
    const log = await start({ open: opening })
    await write(log, 0, 1, 2)
    left.times = 1
    await write(log, 3, 4)
    await write(log, 5)
    expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`^${HEADER}`))
    expect(counts()).toEqual([3, 4, 5])
    expect(await write(await start(), 3, 4, 5)).toBe(0)
  })

  it('moved: the batch is in the file that was moved', async () => {
    const { left, opening } = meddling(() => renameSync(file, join(folder, 'r.csv.1')))
    const log = await start({ open: opening })
    await write(log, 0)
    left.times = 1
    await write(log, 1)
    await write(log, 2)
    expect([counts(join(folder, 'r.csv.1')), counts()]).toEqual([[0, 1], [2]])
  })

  it('again and again: it is told, and nothing counts as written', async () => {
    const { left, opening } = meddling(() => truncateSync(file, 0))
    const log = await start({ open: opening })
    await write(log, 0)
    left.times = 100
    await expect(write(log, 1)).rejects.toMatchObject({ message: expect.stringContaining('again and again') })
    left.times = 0
    expect(await write(await start(), 1)).toBe(1)
  })

  it('moved between a crash and the next start: what is in it is not written again', async () => {
    await write(await start(), 0, 1)
    renameSync(file, join(folder, 'r.csv.1'))
    expect(await write(await start(), 0, 1, 2)).toBe(1)
    expect([counts(join(folder, 'r.csv.1')), counts()]).toEqual([[0, 1], [2]])
  })

  it('moved with half of a batch in it: that is asked for again', async () => {
    await write(await start(), 0, 1)
    renameSync(file, join(folder, 'r.csv.1'))
    truncateSync(join(folder, 'r.csv.1'), readFileSync(join(folder, 'r.csv.1')).length - 3)
    writeFileSync(file, '')
    expect(await write(await start(), 0, 1, 2)).toBe(3)
    expect(counts()).toEqual([0, 1, 2])
  })
})

describe('putting away', () => {
  const midnight = (days: number): number => (Math.floor(Date.now() / DAY_MS) + days) * DAY_MS

  it('happens at midnight of UTC, not before, and the file has the name of its day', async () => {
    clock = new FakeClock(midnight(1) - 1000)
    const day = new Date(clock.now()).toISOString().slice(0, 10)
    const log = await start({ rotation: 'day' })
    await write(log, 0)
    await clock.advance(999)
    await write(log, 1)
    expect(put()).toEqual([])
    await clock.advance(1)
    await write(log, 2)
    expect(put()).toEqual([`r-${day}.csv`])
    expect(counts(join(folder, `r-${day}.csv`))).toEqual([0, 1])
    expect(counts()).toEqual([2])
  })

  it('of a day that passed between two runs happens at the next', async () => {
    const log = await start({ rotation: 'day' })
    await write(log, 0)
    await log.close()
    await clock.advance(2 * DAY_MS)
    const next = await start({ rotation: 'day' })
    expect(await write(next, 0, 1)).toBe(1)
    expect(put()).toEqual([`r-${new Date(clock.now() - 2 * DAY_MS).toISOString().slice(0, 10)}.csv`])
    expect(counts()).toEqual([1])
  })

  it('by size keeps every file below it, loses nothing, and keeps only as many as are wanted', async () => {
    const log = await start({ rotation: { bytes: 200 } })
    for (let seq = 0; seq < 20; seq += 1) await write(log, seq)
    const all = put()
    for (const name of all) expect(readFileSync(join(folder, name)).length).toBeLessThanOrEqual(200)
    expect([...all.flatMap((name) => counts(join(folder, name))), ...counts()].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, seq) => seq),
    )
    await log.close()
    const next = await start({ rotation: { bytes: 200 }, keep: 2 })
    for (let seq = 20; seq < 30; seq += 1) await write(next, seq)
    expect(put()).toHaveLength(2)
    expect(counts().at(-1)).toBe(29)
  })
})
