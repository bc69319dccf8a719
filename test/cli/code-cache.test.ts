/**
 * Compiled code that is kept: when it is given to V8, and that nothing which lies in its place stops a start. (What V8 says
 * to it is seen in a new process only: ../code-cache.e2e.test.ts.)
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCodeCache, useCodeCache } from '../../src/cli/code-cache.ts'

const PROGRAM = `'use strict'; exports.line = 1; exports.where = () => new Error('here').stack.split('\\n')[1]
exports.sum = (a, b) => a + b
exports.place = [__filename, __dirname, module.exports === exports, this === exports, typeof require('node:os').cpus]
exports.late = () => import('node:path')
exports.sum(1, 2)
`

let folder: string
let place: string
let program: string
let kept: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sensor-node-code-'))
  place = join(folder, 'cache')
  mkdirSync(place, { mode: 0o750 })
  program = join(folder, 'program.js')
  kept = join(place, 'program.js.code')
  writeFileSync(program, PROGRAM)
})
afterEach(() => rmSync(folder, { recursive: true }))

interface Program {
  readonly sum: (a: number, b: number) => number
  readonly where: () => string
  readonly place: unknown[]
  readonly late: () => Promise<{ readonly sep: string }>
}

/** One life of the program: what it exports, and what is told of it after it was kept. */
async function live(at = place): Promise<{ exports: Program; told: string | undefined }> {
  const { load, keep } = createCodeCache(at)
  const module = { exports: {} }
  load(module, program)
  return { exports: module.exports as Program, told: (await keep())['program.js'] }
}

describe('the code cache', () => {
  it('has nothing at first, keeps what was compiled, and gives it to the next start', async () => {
    expect((await live()).told).toBe('not there, kept')
    expect(statSync(kept).mode & 0o777).toBe(0o600)
    const { exports, told } = await live()
    expect([told, exports.sum(2, 3)]).toEqual(['used', 5])
  })

  it('is written once, in a file of its own, and not where it was used', async () => {
    const { load, keep } = createCodeCache(place)
    load({ exports: {} }, program)
    await keep()
    const { ino } = statSync(kept)
    await keep()
    await live()
    expect(statSync(kept).ino).toBe(ino)
    expect(readdirSync(place)).toEqual(['program.js.code'])
  })

  it.each(['compiled', 'of the cache'])('gives a module all that Node.js gives it: %s', async (how) => {
    if (how === 'of the cache') await live()
    const { exports } = await live()
    expect(exports.place).toEqual([program, folder, true, true, 'function'])
    expect((await exports.late()).sep).toBe('/')
  })

  it('leaves lines and columns as they are, in the first line, too', async () => {
    const usual: Program = createRequire(program)(program)
    await live()
    const { exports, told } = await live()
    expect(told).toBe('used')
    expect(exports.where()).toBe(usual.where())
    expect(exports.where()).toContain(`${program}:1:`)
  })

  it('lets through what the program throws, and what is wrong with its text', async () => {
    writeFileSync(program, "\nthrow new Error('out of order')")
    await expect(live()).rejects.toThrow('out of order')
    writeFileSync(program, '\n=')
    await expect(live()).rejects.toThrow("Unexpected token '='")
  })
})

describe('of a cache that can’t be used', () => {
  beforeEach(async () => {
    await live()
  })

  /** It is compiled as ever, told so, and what was kept then is used. */
  async function expectCompiled(why: string): Promise<void> {
    const { exports, told } = await live()
    expect([told, exports.sum(2, 3)]).toEqual([`${why}, kept`, 5])
    expect((await live()).told).toBe('used')
  }

  it('nothing is taken for another text, be it as long and as old', async () => {
    const { atime, mtime } = statSync(program)
    writeFileSync(program, PROGRAM.replace('a + b', 'a * b'))
    utimesSync(program, atime, mtime)
    const { exports, told } = await live()
    expect([told, exports.sum(2, 3)]).toEqual(['of another program or Node.js, kept', 6])
  })

  it('nothing is taken that another Node.js made', async () => {
    const bytes = readFileSync(kept)
    writeFileSync(
      kept,
      bytes.toString('latin1').replace(process.version, 'v20.19.0'.padEnd(process.version.length)),
      'latin1',
    )
    await expectCompiled('of another program or Node.js')
  })

  it('no bit that has flipped reaches V8, which might crash over it', async () => {
    const bytes = readFileSync(kept)
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 100) ^ 0x40, bytes.length - 100)
    writeFileSync(kept, bytes)
    await expectCompiled('damaged: another sum')
  })

  it.each([0, 1, 15, 16, 40, 300])('the first %i bytes are no cache', async (bytes) => {
    truncateSync(kept, bytes)
    await expectCompiled('damaged: not whole')
  })

  it('a file without end is not read', async () => {
    truncateSync(kept, 2 ** 31)
    await expectCompiled('damaged: no file of ours')
  })

  it('a pipe is not waited for', async () => {
    rmSync(kept)
    execFileSync('mkfifo', ['-m', '600', kept])
    await expectCompiled('damaged: no file of ours')
  })

  it.each([0o620, 0o602, 0o666])('a file that others may write, mode %o, is not trusted', async (mode) => {
    chmodSync(kept, mode)
    await expectCompiled('not trusted: others may write it')
  })

  it('a link is not followed, neither to read nor to write', async () => {
    const elsewhere = join(folder, 'elsewhere')
    writeFileSync(elsewhere, readFileSync(kept), { mode: 0o600 })
    rmSync(kept)
    symlinkSync(elsewhere, kept)
    writeFileSync(join(folder, 'precious'), 'precious')
    symlinkSync(join(folder, 'precious'), `${kept}.new`)
    const { exports, told } = await live()
    expect([told, exports.sum(2, 3)]).toEqual([expect.stringMatching(/^ELOOP.*, kept$/), 5])
    expect(readFileSync(join(folder, 'precious'), 'utf8')).toBe('precious')
    expect((await live()).told).toBe('used')
  })

  it('a folder in its place stays, and nothing is left beside it', async () => {
    rmSync(kept)
    mkdirSync(kept)
    const { exports, told } = await live()
    expect([told, exports.sum(2, 3)]).toEqual([expect.stringMatching(/^damaged: no file of ours, not kept: EISDIR/), 5])
    expect(readdirSync(place)).toEqual(['program.js.code'])
  })

  it('a folder that is gone is told, and no more', async () => {
    const { exports, told } = await live(join(folder, 'gone'))
    expect([told, exports.sum(2, 3)]).toEqual([expect.stringMatching(/^not there, not kept: ENOENT/), 5])
  })

  it('what a start that was cut off has left is written over', async () => {
    rmSync(kept)
    writeFileSync(`${kept}.new`, 'half')
    await expectCompiled('not there')
    expect(readdirSync(place)).toEqual(['program.js.code'])
  })
})

describe('no cache is used', () => {
  it.each([{}, { CACHE_DIRECTORY: '' }, { STATE_DIRECTORY: '/var/lib/sensor-node', HOME: '/root' }])(
    'without the folder that systemd gives: %o',
    (env) => {
      expect(useCodeCache(env, folder)).toBeUndefined()
    },
  )

  it('where the folder is not there, or is none', () => {
    expect(useCodeCache({ CACHE_DIRECTORY: join(folder, 'gone') }, folder)).toBeUndefined()
    expect(useCodeCache({ CACHE_DIRECTORY: join(program, 'below') }, folder)).toBeUndefined()
  })

  it.each([0o770, 0o757, 0o777])('where others may write, mode %o', (mode) => {
    chmodSync(place, mode)
    expect(useCodeCache({ CACHE_DIRECTORY: place }, folder)).toBeUndefined()
  })

  it('where the folder is somebody else’s', () => {
    if (process.getuid?.() === 0) chownSync(place, 65534, 65534)
    const foreign = process.getuid?.() === 0 ? place : '/'
    expect(useCodeCache({ CACHE_DIRECTORY: foreign }, folder)).toBeUndefined()
  })

  it('where Node.js counts what runs', () => {
    expect(useCodeCache({ CACHE_DIRECTORY: place, NODE_V8_COVERAGE: folder }, folder)).toBeUndefined()
  })
})
