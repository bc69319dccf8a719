import { appendFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMockGpio, type MockBoard } from '../../src/gpio/mock.ts'
import { silentLog } from '../../src/log.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

const LINE = 17

let folder: string
let history: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'board-'))
  history = join(folder, 'board.jsonl')
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** A process that begins when the boot is so old. */
async function board(at = 0): Promise<{ board: MockBoard; clock: FakeClock }> {
  const clock = new FakeClock()
  await clock.advance(at)
  return { clock, board: createMockGpio({ clock, log: silentLog(), history }) }
}
const entries = async (): Promise<unknown[]> =>
  (await readFile(history, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

describe('the history of the board in memory, in a file', () => {
  it('has every change of the wires as a line, with its time, as soon as it has happened', async () => {
    const { board: gpio, clock } = await board()
    const output = await gpio.output(LINE, { initial: 0, activeLow: true })
    await clock.advance(5)
    await output.write(1)
    await output.write(1)
    expect(await entries()).toEqual([
      { at: 0, line: LINE, direction: 'out', level: 1 },
      { at: 5, line: LINE, direction: 'out', level: 0 },
    ])
  })

  it('is whole, however long', async () => {
    const { board: gpio } = await board()
    const output = await gpio.output(LINE, { initial: 0, activeLow: false })
    for (let times = 0; times < 1500; times += 1) await output.write(times % 2 === 0 ? 1 : 0)
    expect((await entries()).length).toBe(1501)
  })

  it('is where the next process finds its outputs, driven, and its inputs not', async () => {
    const { board: before } = await board()
    await before.output(LINE, { initial: 1, activeLow: false })
    before.drive(27, 1)
    const { board: after } = await board(1000)
    expect([after.physical(LINE), after.physical(27)]).toEqual([1, 0])
    const output = await after.output(LINE, { initial: 'keep', activeLow: false })
    expect(await output.read()).toBe(1)
    expect((await entries()).length).toBe(2)
  })

  it('of another boot drives nothing: the board was without power', async () => {
    const { board: before } = await board(5000)
    await before.output(LINE, { initial: 1, activeLow: false })
    const { board: after } = await board(1000)
    expect(after.physical(LINE)).toBe(0)
  })

  it('with lines that are none is read all the same', async () => {
    const { board: before } = await board()
    await before.output(LINE, { initial: 1, activeLow: false })
    await appendFile(history, '{"at":1,"line":17,"dir\n{}\n[]\nnull\n{"at":1,"line":17,"direction":"out","level":2}\n')
    const { board: after } = await board(1000)
    expect(after.physical(LINE)).toBe(1)
  })

  it('that can’t be read is an error that names it', async () => {
    await mkdir(history)
    await expect(board()).rejects.toMatchObject({ kind: 'io', message: expect.stringContaining(history) })
  })

  it('that can’t be written keeps the wire where it is: what is not on record has not happened', async () => {
    const { board: gpio } = await board()
    const output = await gpio.output(LINE, { initial: 0, activeLow: false })
    await rm(history)
    await mkdir(history)
    await expect(output.write(1)).rejects.toMatchObject({ kind: 'io', message: expect.stringContaining(history) })
    expect([gpio.physical(LINE), gpio.history(LINE).length]).toEqual([0, 1])
  })
})
