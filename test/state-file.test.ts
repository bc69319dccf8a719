import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { count, section } from '../src/contents.ts'
import { StateFile } from '../src/state-file.ts'
import { recordLog } from './fakes/recording-log.ts'

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'state-'))
  file = join(folder, 'deep', 'count.json')
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

function open() {
  const { log, lines } = recordLog()
  const contents = section({ pulses: count }, {})
  return {
    lines,
    state: new StateFile({ file, contents, like: '{"pulses":7}', what: 'the totals', without: 'they begin at 0', log }),
  }
}

describe('a state file', () => {
  it('is on disk when save resolves, and what the next run loads', async () => {
    await open().state.save(() => ({ pulses: 7 }))
    expect(await readFile(file, 'utf8')).toBe('{"pulses":7}')
    expect(await open().state.load()).toEqual({ pulses: 7 })
    expect(await readdir(join(folder, 'deep'))).toEqual(['count.json'])
  })

  it('is there when saveNow returns, in a folder that was not', async () => {
    const { state, lines } = open()
    state.saveNow({ pulses: 7 })
    expect(readFileSync(file, 'utf8')).toBe('{"pulses":7}')
    state.saveNow({ pulses: 8 })
    expect(await open().state.load()).toEqual({ pulses: 8 })
    expect(await readdir(join(folder, 'deep'))).toEqual(['count.json'])
    expect(lines).toEqual([])
  })

  it('that can’t be written now is told once, until it can', async () => {
    await writeFile(join(folder, 'deep'), 'a file where the folder should be')
    const { state, lines } = open()
    for (const pulses of [1, 2]) state.saveNow({ pulses })
    expect(lines).toMatchObject([{ level: 'warn', file, msg: 'the totals can’t be kept' }])
    await rm(join(folder, 'deep'))
    state.saveNow({ pulses: 3 })
    expect(await state.load()).toEqual({ pulses: 3 })
  })

  it('that is not there is nothing, without a word', async () => {
    const { state, lines } = open()
    expect(await state.load()).toBeUndefined()
    expect(lines).toEqual([])
  })

  it('is asked for its contents when it writes them: many saves at once end with the newest', async () => {
    const { state } = open()
    let asked = 0
    const saves = Array.from({ length: 50 }, (_, pulses) =>
      state.save(() => {
        asked += 1
        return { pulses }
      }),
    )
    await Promise.all(saves)
    expect(await state.load()).toEqual({ pulses: 49 })
    expect(asked).toBeLessThan(4)
  })

  it('with contents of another shape is told with what that means, and counts as nothing', async () => {
    await open().state.save(() => ({ pulses: 7 }))
    await writeFile(file, '{"pulses":"many"}')
    const { state, lines } = open()
    expect(await state.load()).toBeUndefined()
    expect(lines).toMatchObject([
      { level: 'warn', file, aside: `${file}.damaged`, msg: 'the totals can’t be read: they begin at 0' },
    ])
    expect(await readFile(`${file}.damaged`, 'utf8')).toBe('{"pulses":"many"}')
  })

  it('that can’t be read at all is left where it is', async () => {
    await mkdir(file, { recursive: true })
    const { state, lines } = open()
    expect(await state.load()).toBeUndefined()
    expect(lines).toMatchObject([{ level: 'warn', reason: expect.stringContaining('EISDIR') }])
    expect(await readdir(join(folder, 'deep'))).toEqual(['count.json'])
  })

  it('that can’t be written resolves all the same, and is told once', async () => {
    await writeFile(join(folder, 'deep'), 'a file where the folder should be')
    const { state, lines } = open()
    await state.save(() => ({ pulses: 1 }))
    await state.save(() => ({ pulses: 2 }))
    expect(lines).toMatchObject([{ level: 'warn', msg: 'the totals can’t be kept' }])
  })
})
