import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LastLevels } from '../src/last-levels.ts'
import { recordLog } from './fakes/recording-log.ts'

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'levels-'))
  file = join(folder, 'state', 'levels.json')
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const content = async (): Promise<unknown> => JSON.parse(await readFile(file, 'utf8'))

async function left(text: string): Promise<void> {
  await mkdir(join(folder, 'state'))
  await writeFile(file, text)
}

describe('last levels', () => {
  it('are there for the next run, in a folder that is made if need be', async () => {
    const before = new LastLevels(file, [17, 22], recordLog().log)
    before.remember(17, 1)
    before.remember(22, 0)
    await before.flush()
    const after = new LastLevels(file, [17, 22], recordLog().log)
    await after.load()
    expect([after.of(17), after.of(22), after.of(5)]).toEqual([1, 0, undefined])
  })

  it('the newest of many quick orders is the one on disk, and no half-written file stands beside it', async () => {
    const levels = new LastLevels(file, [17], recordLog().log)
    for (let times = 0; times < 101; times += 1) levels.remember(17, times % 2 === 0 ? 1 : 0)
    await levels.flush()
    expect(await content()).toEqual({ 17: 1 })
    expect(await readdir(join(folder, 'state'))).toEqual(['levels.json'])
  })

  it('of pins that need not survive are known in this run and not written', async () => {
    const levels = new LastLevels(file, [17], recordLog().log)
    levels.remember(22, 1)
    await levels.flush()
    expect(levels.of(22)).toBe(1)
    await expect(content()).rejects.toMatchObject({ code: 'ENOENT' })
    levels.remember(17, 0)
    await levels.flush()
    expect(await content()).toEqual({ 17: 0 })
  })

  it('that an earlier configuration kept for a pin count for nothing now: nobody ordered them in this run', async () => {
    await left('{"17":1,"22":1}')
    const levels = new LastLevels(file, [17], recordLog().log)
    await levels.load()
    expect(levels.of(17)).toBe(1)
    expect(levels.of(22)).toBeUndefined()
  })

  it('without a file begin empty and say nothing', async () => {
    const { log, lines } = recordLog()
    const levels = new LastLevels(file, [17], log)
    await levels.load()
    expect(levels.of(17)).toBeUndefined()
    expect(lines).toEqual([])
  })

  it.each([
    ['is no JSON', '{"17":'],
    ['is empty', ''],
    ['is a list', '[1]'],
    ['has a level that is none', '{"17":2}'],
    ['has a pin that is none', '{"x":1}'],
  ])('from a file that %s begin empty, with a warning of one line that names it', async (_, text) => {
    await left(text)
    const { log, lines } = recordLog()
    const levels = new LastLevels(file, [17], log)
    await levels.load()
    expect(levels.of(17)).toBeUndefined()
    expect(lines).toMatchObject([{ level: 'warn', file }])
    expect(String(lines[0]?.reason)).not.toContain('\n')
  })

  it('without a state folder warn that these pins begin off, and are known in this run', async () => {
    const { log, told } = recordLog()
    const levels = new LastLevels(undefined, [17], log)
    await levels.load()
    expect(told('warn').length).toBe(1)
    levels.remember(17, 1)
    await levels.flush()
    expect(levels.of(17)).toBe(1)
  })

  it('that no pin needs are neither read nor warned about', async () => {
    const { log, lines } = recordLog()
    await left('broken')
    await new LastLevels(file, [], log).load()
    await new LastLevels(undefined, [], log).load()
    expect(lines).toEqual([])
  })

  it('that can’t be written are told once, and written as soon as that works', async () => {
    await writeFile(join(folder, 'state'), 'a file where the folder should be')
    const { log, told } = recordLog()
    const levels = new LastLevels(file, [17], log)
    for (const level of [1, 0, 1] as const) {
      levels.remember(17, level)
      await levels.flush()
    }
    expect(told('warn')).toEqual(['warn the last levels can’t be kept'])
    await rm(join(folder, 'state'))
    levels.remember(17, 0)
    await levels.flush()
    expect(await content()).toEqual({ 17: 0 })
  })

  it('a file that may not be read is told, and counts as empty', async () => {
    await left('{"17":1}')
    await chmod(file, 0o000)
    const { log, told } = recordLog()
    const levels = new LastLevels(file, [17], log)
    await levels.load()
    // root may read everything
    expect(told('warn').length).toBe(process.getuid?.() === 0 ? 0 : 1)
  })
})
