import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadLevel, openLevelStore } from '../../src/outbox/level-store.ts'
import { tablesOf } from '../../src/outbox/manifest.ts'
import { tableIsWhole } from '../../src/outbox/table.ts'
import { createRandom } from '../fakes/random.ts'

/** Two handles fill it only in part, and nobody reads the rest. */
const PADDED_FOOTER_BYTES = 48

let table: Buffer

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sensor-node-table-'))
  const records = Array.from({ length: 300 }, (_, position) => ({
    position,
    record: {
      message: { topic: 't', payload: `{"value":${position}}`, qos: 1, retain: false } as const,
      at: 0,
      monotonic: 0,
      boot: '0'.repeat(32),
      unsynchronised: false,
    },
  }))
  const change = { put: records, remove: [], count: 300, bytes: 0, clocks: {} }
  const store = await openLevelStore(loadLevel(), folder)
  await store.write(change, true)
  await store.close()
  await (await openLevelStore(loadLevel(), folder)).close() // makes a table of the log
  const [name] = (await readdir(folder)).filter((file) => file.endsWith('.ldb'))
  table = await readFile(join(folder, name ?? ''))
  await rm(folder, { recursive: true })
})

describe('tables', () => {
  it('as LevelDB writes them are whole, of whatever size, and are those that its manifest names', async () => {
    const random = createRandom(8)
    const folder = await mkdtemp(join(tmpdir(), 'sensor-node-tables-'))
    let position = 0
    for (let round = 0; round < 12; round += 1) {
      const store = await openLevelStore(loadLevel(), folder)
      const put = Array.from({ length: 1 + random(1500) }, () => {
        position += 1 + random(3)
        const payload = 'x'.repeat(random(400))
        const message = { topic: 't', payload, qos: 1, retain: false } as const
        return { position, record: { message, at: 0, monotonic: 0, boot: '0'.repeat(32), unsynchronised: false } }
      })
      const remove = put.filter(() => random(3) === 0).map((row) => row.position)
      await store.write({ put, remove: [], count: 0, bytes: 0, clocks: {} }, false)
      await store.write({ put: [], remove, count: 0, bytes: 0, clocks: {} }, false)
      if (round % 5 === 4) await store.compact()
      await store.close()
      const names = await readdir(folder)
      const tables = names.filter((name) => name.endsWith('.ldb')).map((name) => Number.parseInt(name, 10))
      for (const name of names.filter((one) => one.endsWith('.ldb'))) {
        expect(tableIsWhole(await readFile(join(folder, name))), `${round} ${name}`).toBe(true)
      }
      const current = (await readFile(join(folder, 'CURRENT'), 'utf8')).trim()
      const named = tablesOf(await readFile(join(folder, current)))
      // Those that a compaction has replaced may still be there.
      expect(tables).toEqual(expect.arrayContaining([...(named ?? [])]))
      if (round > 0) expect(named?.size).toBeGreaterThan(0)
    }
    await rm(folder, { recursive: true })
  })

  it('are not looked for in a manifest of garbage, which never throws', () => {
    const random = createRandom(9)
    for (let round = 0; round < 5000; round += 1) {
      const bytes = Buffer.from(Uint8Array.from({ length: random(200) }, () => random(256)))
      if (bytes.length > 7) bytes.set([random(bytes.length - 6), 0, 1], 4)
      expect(() => tablesOf(bytes)).not.toThrow()
    }
  })
})

describe('a table', () => {
  it('as LevelDB wrote it is whole', () => {
    expect(tableIsWhole(table)).toBe(true)
  })

  it('with any byte changed is not', () => {
    const random = createRandom(5)
    for (let round = 0; round < 500; round += 1) {
      const changed = Buffer.from(table)
      const at = random(table.length - PADDED_FOOTER_BYTES)
      changed.writeUInt8(changed.readUInt8(at) ^ (1 + random(255)), at)
      expect(tableIsWhole(changed), `byte ${at}`).toBe(false)
    }
  })

  it('cut anywhere is not', () => {
    const random = createRandom(6)
    for (let round = 0; round < 200; round += 1)
      expect(tableIsWhole(table.subarray(0, random(table.length)))).toBe(false)
  })

  it('is nothing that chance writes, and looking never throws', () => {
    const random = createRandom(7)
    for (let round = 0; round < 2000; round += 1) {
      const bytes = Buffer.from(Uint8Array.from({ length: random(200) }, () => random(256)))
      // With the magic number at its end, so that the rest is looked at.
      expect(tableIsWhole(Buffer.concat([bytes, table.subarray(-8)]))).toBe(false)
    }
  })
})
