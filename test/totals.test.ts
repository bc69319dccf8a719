import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CARD_EVERY_MS, Totals, type TotalsOptions } from '../src/totals.ts'
import { FakeClock } from './fakes/fake-clock.ts'
import { recordLog } from './fakes/recording-log.ts'

let folder: string
let stateFolder: string
let runtimeFolder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'totals-'))
  stateFolder = join(folder, 'card')
  runtimeFolder = join(folder, 'memory')
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** A start of the agent. */
async function start(options: Partial<TotalsOptions> = {}) {
  const clock = new FakeClock()
  const { log, lines } = recordLog()
  const totals = new Totals({ stateFolder, runtimeFolder, clock, log, ...options })
  await totals.load()
  return { totals, clock, lines }
}
const read = async (where: string): Promise<string> =>
  readFile(join(where, 'counters.json'), 'utf8').catch(() => 'none')
async function write(where: string, text: string): Promise<void> {
  await mkdir(where, { recursive: true })
  await writeFile(join(where, 'counters.json'), text)
}
describe('the totals', () => {
  it('begin at 0, and go on after a clean stop', async () => {
    const { totals } = await start()
    expect(totals.of(5)).toBe(0)
    void totals.add(5, 7)
    void totals.add(6, 1)
    void totals.add(5, 3)
    await totals.close()
    expect([await read(stateFolder), (await start()).totals.of(5)]).toEqual(['{"5":10,"6":1}', 10])
  })

  it('lose nothing that was added before a crash, and the card was not written', async () => {
    const { totals, clock } = await start()
    for (let second = 0; second < 500; second += 1) {
      void totals.add(5, 1000)
      totals.keep()
      await clock.advance(1000)
    }
    await totals.flush() // and then a crash
    expect([await read(stateFolder), await read(runtimeFolder)]).toEqual(['none', '{"5":500000}'])
    expect((await start()).totals.of(5)).toBe(500_000)
  })

  it('are on the card ten minutes after they changed at the latest, pulses or not', async () => {
    const { totals, clock } = await start()
    void totals.add(5, 42)
    await clock.advance(CARD_EVERY_MS - 1)
    totals.keep()
    await totals.flush()
    expect(await read(stateFolder)).toBe('none')
    await clock.advance(1)
    totals.keep()
    await totals.flush()
    expect(await read(stateFolder)).toBe('{"5":42}')
    await rm(runtimeFolder, { recursive: true }) // a power cut
    expect((await start()).totals.of(5)).toBe(42)
  })

  it('are written to the card 144 times a day at most, and never where nothing pulses', async () => {
    const { totals, clock } = await start()
    let writes = 0
    let before = await read(stateFolder)
    const look = async (): Promise<void> => {
      totals.keep()
      await totals.flush()
      const now = await read(stateFolder)
      if (now !== before) writes += 1
      before = now
    }
    for (let minute = 0; minute < 24 * 60; minute += 1) {
      void totals.add(5, 60)
      await look()
      await clock.advance(60_000)
    }
    expect(writes).toBe(143) // the first ten minutes are the tenth of those before
    await rm(join(stateFolder, 'counters.json'))
    await look()
    writes = 0
    before = 'none'
    for (let hour = 0; hour < 24; hour += 1) {
      await clock.advance(3_600_000)
      await look()
    }
    expect(writes).toBeLessThanOrEqual(1)
  })

  it('go on from the larger where card and memory differ, and the card gets that', async () => {
    await write(stateFolder, '{"5":100,"6":50}')
    await write(runtimeFolder, '{"5":130,"6":20}')
    const { totals } = await start()
    expect([totals.of(5), totals.of(6)]).toEqual([130, 50])
    await totals.close()
    expect(await read(stateFolder)).toBe('{"5":130,"6":50}')
  })

  it('of pins that are no counters today are kept', async () => {
    await write(stateFolder, '{"5":100,"13":7}')
    const { totals } = await start()
    void totals.add(5, 1)
    await totals.close()
    expect(await read(stateFolder)).toBe('{"5":101,"13":7}')
  })

  it('are whole beyond 32 bits', async () => {
    await write(stateFolder, '{"5":9007199254740000}')
    const { totals } = await start()
    void totals.add(5, 9)
    await totals.close()
    expect((await start()).totals.of(5)).toBe(9_007_199_254_740_009)
  })

  it.each(['', '{"5":12', '{"5":-1}', '{"5":1.5}', '{"5":"12"}', '{"five":1}', '[1]', '{"5":1e300}'])(
    'of a file that is damaged are told, kept aside, and not trusted: %s',
    async (text) => {
      await write(stateFolder, text)
      const { totals, lines } = await start()
      expect(totals.of(5)).toBe(0)
      expect(lines).toMatchObject([{ level: 'warn', aside: join(stateFolder, 'counters.json.damaged') }])
      void totals.add(5, 1)
      await totals.close()
      expect(await readFile(join(stateFolder, 'counters.json.damaged'), 'utf8')).toBe(text)
      expect((await readdir(stateFolder)).toSorted()).toEqual(['counters.json', 'counters.json.damaged'])
    },
  )

  it('whose card is damaged go on from memory', async () => {
    await write(stateFolder, '{')
    await write(runtimeFolder, '{"5":130}')
    expect((await start()).totals.of(5)).toBe(130)
  })

  it('without a state folder count all the same, and the log says that they begin at 0', async () => {
    const { totals, lines } = await start({ stateFolder: undefined, runtimeFolder: undefined })
    void totals.add(5, 3)
    totals.keep()
    await totals.close()
    expect([totals.of(5), lines.map(({ msg }) => msg)]).toEqual([3, [expect.stringContaining('$STATE_DIRECTORY')]])
  })

  it('that can’t be written count on, and are told once', async () => {
    await writeFile(stateFolder, 'a file where the folder should be')
    const { totals, clock, lines } = await start({ runtimeFolder: undefined })
    for (const _ of [1, 2, 3]) {
      void totals.add(5, 1)
      await clock.advance(CARD_EVERY_MS)
      totals.keep()
      await totals.flush()
    }
    expect([totals.of(5), lines.filter(({ level }) => level === 'warn').length]).toEqual([3, 2]) // reading, then writing
  })
})
