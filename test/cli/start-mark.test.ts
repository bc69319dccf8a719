/** A start that was cut off is seen by the next one; nothing that lies there stops a start. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { setStartMark } from '../../src/cli/start-mark.ts'

let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sensor-node-mark-'))
  file = join(folder, 'starting')
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the mark of a start', () => {
  it('is there until it is removed', () => {
    const mark = setStartMark(folder)
    expect([mark.cutOff, statSync(file).mode & 0o777]).toEqual([false, 0o600])
    mark.remove()
    mark.remove()
    expect(existsSync(file)).toBe(false)
    expect(setStartMark(folder).cutOff).toBe(false)
  })

  it('tells the next start of one that was cut off, and is removed by that one', () => {
    setStartMark(folder)
    const next = setStartMark(folder)
    expect(next.cutOff).toBe(true)
    next.remove()
    expect(setStartMark(folder).cutOff).toBe(false)
  })

  it.each([undefined, '', '/nowhere/at/all'])('in the folder %j is none', (nowhere) => {
    for (let start = 0; start < 2; start += 1) expect(setStartMark(nowhere).cutOff).toBe(false)
    setStartMark(nowhere).remove()
  })

  it('does not follow a link, and takes a folder in its place for a mark', () => {
    const elsewhere = join(folder, 'elsewhere')
    symlinkSync(elsewhere, file)
    expect(setStartMark(folder).cutOff).toBe(true)
    expect(existsSync(elsewhere)).toBe(false)
    rmSync(file)
    mkdirSync(file)
    const mark = setStartMark(folder)
    mark.remove()
    expect([mark.cutOff, existsSync(file)]).toEqual([true, true])
  })
})
