import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { broken, off, on, PIN, toggle } from './fakes/output-bench.ts'
import { type OutputsBench, openOutputs, type PinConfig } from './fakes/outputs-bench.ts'

const SECOND = 1000
const TOO_SOON = 'pin 17 is not switched twice within its min_interval, which is 10s'

const open = (config: Partial<PinConfig> = {}, folder?: string): Promise<OutputsBench> =>
  openOutputs([{ pin: PIN, min_interval: 10 * SECOND, ...config }], folder)

describe('min_interval', () => {
  it('refuses what would switch sooner, either way, and takes it when the time is over', async () => {
    const bench = await open()
    expect(await bench.ask(PIN, on)).toBe('ok') // the start is no switch
    for (const command of [off, toggle]) expect(await bench.ask(PIN, command)).toBe(TOO_SOON)
    await bench.clock.advance(10 * SECOND - 1)
    expect(await bench.ask(PIN, off)).toBe(TOO_SOON)
    expect(bench.states).toEqual(['17=0', '17=1'])
    await bench.clock.advance(1)
    expect(await bench.ask(PIN, off)).toBe('ok')
    expect(await bench.ask(PIN, on)).toBe(TOO_SOON)
  })

  it('takes what changes nothing', async () => {
    const bench = await open()
    expect([await bench.ask(PIN, off), await bench.ask(PIN, on), await bench.ask(PIN, on)]).toEqual(['ok', 'ok', 'ok'])
  })

  it('does not count what was refused, or what the pin failed', async () => {
    const bench = await open()
    await bench.send(PIN, on)
    await bench.clock.advance(9 * SECOND)
    await bench.ask(PIN, off)
    await bench.clock.advance(SECOND)
    bench.board.fail(PIN, broken)
    expect(await bench.ask(PIN, off)).toBe(broken.message)
    bench.board.fail(PIN)
    expect(await bench.ask(PIN, off)).toBe('ok')
  })

  it('refuses a for whose end would come too soon, and takes one that is just as long', async () => {
    const bench = await open()
    expect(await bench.ask(PIN, { state: 'on', forMs: 10 * SECOND - 1 })).toBe(
      '"for" is shorter than this pin\'s min_interval, which is 10s',
    )
    expect(bench.high()).toEqual([])
    expect(await bench.ask(PIN, { state: 'on', forMs: 10 * SECOND })).toBe('ok')
    await bench.clock.advance(4 * SECOND)
    expect(await bench.ask(PIN, { state: 'on', forMs: 6 * SECOND })).toBe('ok')
    await bench.clock.advance(6 * SECOND)
    expect(bench.high()).toEqual([])
  })

  it.each([
    { first: on, then: off, becomes: 0 },
    { first: off, then: on, becomes: 1 },
  ])('puts off what a rule orders too soon, $then.state, and never loses it', async ({ first, then, becomes }) => {
    const bench = await open({ initial: becomes === 0 ? 'off' : 'on' })
    await bench.send(PIN, first)
    expect(await bench.ask(PIN, { ...then, patient: true })).toBe('ok')
    await bench.clock.advance(10 * SECOND - 1)
    expect(bench.states.at(-1)).toBe(`17=${1 - becomes}`)
    await bench.clock.advance(1)
    expect(bench.states.at(-1)).toBe(`17=${becomes}`)
  })

  it('lets whatever is ordered last decide, also over what waits', async () => {
    const bench = await open()
    await bench.send(PIN, on)
    await bench.ask(PIN, { ...off, patient: true })
    await bench.clock.advance(SECOND)
    expect(await bench.ask(PIN, on)).toBe('ok')
    await bench.clock.advance(60 * SECOND)
    expect(bench.high()).toEqual([PIN])
    await bench.send(PIN, off)
    await bench.ask(PIN, { ...on, patient: true })
    await bench.ask(PIN, { ...off, patient: true })
    await bench.clock.advance(60 * SECOND)
    expect(bench.states).toEqual(['17=0', '17=1', '17=1', '17=0', '17=0'])
  })

  it('keeps what waits when the pin is ended, at the level for that', async () => {
    const bench = await open()
    await bench.send(PIN, off)
    await bench.send(PIN, on)
    await bench.ask(PIN, { ...off, patient: true })
    await bench.end()
    await bench.clock.advance(60 * SECOND)
    expect(bench.high()).toEqual([])
  })

  it('puts off nothing that switches off for safety', async () => {
    const bench = await open({ max_on: 15 * SECOND, on_disconnect: { state: 'off', after: SECOND } })
    await bench.send(PIN, on)
    bench.outputs.connected(false)
    await bench.clock.advance(SECOND)
    expect(bench.high()).toEqual([])
    await bench.clock.advance(10 * SECOND)
    await bench.send(PIN, on)
    await bench.end()
    expect(bench.high()).toEqual([])
  })

  it('puts off what switches on by itself until it is allowed', async () => {
    const bench = await open({ on_disconnect: { state: 'on', after: SECOND } })
    await bench.send(PIN, on)
    await bench.clock.advance(10 * SECOND)
    await bench.send(PIN, off)
    bench.outputs.connected(false)
    await bench.clock.advance(10 * SECOND - 1)
    expect(bench.high()).toEqual([])
    await bench.clock.advance(1)
    expect(bench.high()).toEqual([PIN])
  })

  it('counts on in the next process', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'interval-'))
    const before = await open({}, folder)
    await before.send(PIN, on)
    await before.clock.advance(SECOND)
    const after = await before.kill(SECOND)
    expect(after.high()).toEqual([]) // initial: off is an order of its own
    expect(await after.ask(PIN, on)).toBe(TOO_SOON)
    await after.clock.advance(8 * SECOND)
    expect(await after.ask(PIN, on)).toBe('ok')
    await rm(folder, { recursive: true })
  })

  it('of a pin that an interlock would bring off refuses the other one', async () => {
    const bench = await openOutputs([
      { pin: PIN, min_interval: 10 * SECOND, interlock: 'motor' },
      { pin: 22, interlock: 'motor' },
    ])
    await bench.clock.advance(SECOND)
    await bench.send(PIN, on)
    expect(await bench.ask(22, on)).toBe(`pin 17 of the interlock motor can't be brought off: ${TOO_SOON}`)
    await bench.clock.advance(10 * SECOND)
    void bench.ask(22, on)
    await bench.clock.advance(SECOND)
    expect(bench.high()).toEqual([22])
  })
})
