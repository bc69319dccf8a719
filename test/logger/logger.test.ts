/** Nothing is acknowledged before it is on disk. */
import { expect, it } from 'vitest'
import { StoreError } from '../../src/errors.ts'
import { createIntake } from '../../src/logger/intake.ts'
import type { LogFile } from '../../src/logger/log-file.ts'
import { createLogger } from '../../src/logger/logger.ts'
import type { Row } from '../../src/logger/row.ts'
import { createReader } from '../../src/tools/topics.ts'
import { FakeClock, settled } from '../fakes/fake-clock.ts'

function bench() {
  const clock = new FakeClock()
  const lines: string[] = []
  const disk = { failing: false, held: undefined as Promise<void> | undefined, batches: [] as number[] }
  const rows: Row[] = []
  const file: LogFile = {
    intake: createIntake(createReader()),
    continued: false,
    async append(more) {
      await disk.held
      if (disk.failing) throw new StoreError('full', 'the disk is full')
      disk.batches.push(more.length)
      rows.push(...more)
    },
    async close() {},
  }
  const logger = createLogger({ file, clock, say: (line) => void lines.push(line) })
  const acknowledged: number[] = []
  const send = (seq: number): void => {
    const payload = Buffer.from(JSON.stringify({ run: 'r', seq, count: seq }))
    void logger.take({ topic: 'sensors/n/data', payload, retained: false }).then(() => acknowledged.push(seq))
  }
  return { clock, lines, disk, rows, logger, acknowledged, send, ended: logger.run() }
}

it('a message is acknowledged when its line is on disk; what comes meanwhile is one batch, in order', async () => {
  const { disk, logger, acknowledged, send, ended } = bench()
  let write = (): void => {}
  disk.held = new Promise((resolve) => {
    write = resolve
  })
  send(0)
  await settled()
  for (const seq of [1, 2, 3]) send(seq)
  await settled()
  expect(acknowledged).toEqual([])
  write()
  await settled()
  expect(acknowledged).toEqual([0, 1, 2, 3])
  expect(disk.batches).toEqual([1, 3])
  logger.stop()
  expect(await ended).toEqual({ rows: 4, duplicates: 0, waiting: 0 })
})

it('while the disk is full nothing is acknowledged, which is told once; then all of it, in order', async () => {
  const { clock, disk, lines, logger, acknowledged, send, ended } = bench()
  disk.failing = true
  for (const seq of [0, 1, 2]) send(seq)
  await clock.advance(120_000)
  send(3)
  expect(acknowledged).toEqual([])
  expect(lines).toEqual([expect.stringContaining('nothing is acknowledged meanwhile')])
  disk.failing = false
  await clock.advance(30_000)
  expect(acknowledged).toEqual([0, 1, 2, 3])
  expect(lines.at(-1)).toBe('the file can be written again')
  logger.stop()
  expect(await ended).toMatchObject({ rows: 4 })
})

it('at the end what the disk does not take stays with the broker, and is counted', async () => {
  const { clock, disk, logger, acknowledged, send, ended } = bench()
  disk.failing = true
  for (const seq of [0, 1]) send(seq)
  await clock.advance(10)
  logger.stop()
  expect(await ended).toEqual({ rows: 0, duplicates: 0, waiting: 2 })
  send(2)
  await settled()
  expect(acknowledged).toEqual([])
})

it('a record that comes again is acknowledged after the first is on disk, and written once', async () => {
  const { clock, disk, rows, logger, acknowledged, send, ended } = bench()
  disk.failing = true
  send(0)
  send(0)
  await clock.advance(10)
  expect(acknowledged).toEqual([])
  disk.failing = false
  await clock.advance(5000)
  expect(acknowledged).toEqual([0, 0])
  expect(rows).toHaveLength(1)
  logger.stop()
  expect(await ended).toMatchObject({ duplicates: 1 })
})
