import { describe, expect, it } from 'vitest'
import { ChardevCounter } from '../../src/gpio/chardev-counter.ts'
import { silentLog } from '../../src/log.ts'
import { type FakeChip, FakeChips } from '../fakes/fake-chips.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { errorOf, kindOf } from './contract.ts'

const LINE = 5
/** What the kernel keeps of a line at most. */
const KEPT = 1024

function open(chip: Partial<FakeChip> = {}) {
  const kernel = new FakeChips([{ path: '/dev/gpiochip0', label: 'pinctrl-bcm2711', lines: 58, ...chip }])
  const driver = { kernel, clock: new FakeClock(), log: silentLog() }
  const counter = ChardevCounter.open(driver, LINE, { activeLow: false, debounceMs: 0, edge: 'rising' })
  return { kernel, counter }
}

describe('a counter on the character device', () => {
  it('begins at none, and has no time of a pulse that never came', async () => {
    expect(await open().counter.read()).toEqual({ count: 0, newestMs: undefined, unseen: 0, outages: 0 })
  })

  it('adds up what came between its reads, and tells the kernel’s time of the newest', async () => {
    const { kernel, counter } = open()
    kernel.pulse(LINE, 3, { fromMs: 1000, everyMs: 10 })
    expect(await counter.read()).toMatchObject({ count: 3, newestMs: 1020 })
    expect(await counter.read()).toMatchObject({ count: 3, newestMs: 1020 })
    kernel.pulse(LINE, 2, { fromMs: 5000.5, everyMs: 0.25 })
    expect(await counter.read()).toMatchObject({ count: 5, newestMs: 5000.75 })
  })

  it('has everything of the kernel’s buffer in one read: a second at 1 kHz', async () => {
    const { kernel, counter } = open()
    kernel.pulse(LINE, KEPT)
    expect(await counter.read()).toEqual({ count: KEPT, newestMs: KEPT - 1, unseen: 0, outages: 0 })
  })

  it('counts what the kernel had to drop by the numbers of what is left, and says how many that were', async () => {
    const { kernel, counter } = open()
    kernel.pulse(LINE, 7)
    await counter.read()
    kernel.pulse(LINE, 100_000, { fromMs: 1000 })
    expect(await counter.read()).toEqual({ count: 100_007, newestMs: 100_999, unseen: 100_000 - KEPT, outages: 0 })
    kernel.pulse(LINE, 1)
    expect(await counter.read()).toMatchObject({ count: 100_008, unseen: 100_000 - KEPT })
  })

  it('counts on where the kernel’s numbers begin again after 2^32', async () => {
    const { kernel, counter } = open()
    kernel.startAt(LINE, 2 ** 32 - 2)
    kernel.pulse(LINE, 1)
    const { count } = await counter.read()
    kernel.pulse(LINE, 3)
    expect((await counter.read()).count - count).toBe(3)
  })

  it('whose line is lost says so, is got back by the next read, and its count goes on from there', async () => {
    const { kernel, counter } = open()
    kernel.pulse(LINE, 5)
    await counter.read()
    kernel.lose(LINE)
    expect(await kindOf(counter.read())).toBe('lost')
    expect(kernel.opened).toBe(0)
    expect(await counter.read()).toMatchObject({ count: 5, outages: 1 })
    kernel.pulse(LINE, 4)
    expect(await counter.read()).toMatchObject({ count: 9, unseen: 0, outages: 1 })
  })

  it('whose line can’t be got back yet says why, holds nothing, and has no outage counted twice', async () => {
    const holders = new Map<number, string>()
    const { kernel, counter } = open({ holders })
    kernel.lose(LINE)
    await kindOf(counter.read())
    holders.set(LINE, 'gpioset')
    for (const _ of [1, 2]) expect((await errorOf(counter.read())).message).toContain('"gpioset"')
    expect(kernel.opened).toBe(0)
    holders.clear()
    expect(await counter.read()).toMatchObject({ count: 0, outages: 1 })
  })

  it('gives its line back at its end, once, and is not read after that', async () => {
    const { kernel, counter } = open()
    counter.close()
    counter.close()
    expect(kernel.opened).toBe(0)
    expect(await kindOf(counter.read())).toBe('misuse')
    expect(kernel.opened).toBe(0)
  })
})
