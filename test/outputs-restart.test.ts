/** Outputs across processes that were killed: what was ordered goes on, and nothing is on beyond it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { MockBoard } from '../src/gpio/mock.ts'
import { broken, off, on, PIN } from './fakes/output-bench.ts'
import { type OutputsBench, openOutputs, type PinConfig, timesHigh } from './fakes/outputs-bench.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const INITIALS = ['off', 'on', 'keep', 'last'] as const

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'outputs-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const open = (config: Partial<PinConfig> = {}): Promise<OutputsBench> => openOutputs([{ pin: PIN, ...config }], folder)
const pulse = (state: 'on' | 'off', forMs: number) => ({ state, forMs })

describe('a for whose process is killed', () => {
  it.each(INITIALS)('ends in time in the next one: initial %s', async (initial) => {
    const before = await open({ initial })
    await before.send(PIN, off)
    await before.clock.advance(MINUTE)
    await before.send(PIN, pulse('on', 10 * SECOND))
    await before.clock.advance(4 * SECOND)
    const after = await before.kill(2 * SECOND)
    await after.clock.advance(MINUTE)
    expect(timesHigh(after, PIN).at(-1)).toBe(initial === 'off' ? 6 * SECOND : 10 * SECOND)
    expect(after.high()).toEqual([])
    expect(after.clock.sleeping).toBe(0)
  })

  it.each(INITIALS)('ends at once where its time has passed meanwhile: initial %s', async (initial) => {
    const before = await open({ initial })
    await before.send(PIN, off)
    await before.send(PIN, pulse('on', 10 * SECOND))
    const after = await before.kill(11 * SECOND)
    expect(after.states).toEqual(['17=0'])
    expect(timesHigh(after, PIN).at(-1)).toBe(11 * SECOND)
  })

  it.each(['on', 'keep', 'last'] as const)(
    'that switched off goes on being off, and then on: initial %s',
    async (initial) => {
      const before = await open({ initial })
      await before.send(PIN, on)
      await before.send(PIN, pulse('off', 10 * SECOND))
      const after = await before.kill(4 * SECOND)
      expect(after.high()).toEqual([])
      await after.clock.advance(6 * SECOND - 1)
      expect(after.high()).toEqual([])
      await after.clock.advance(1)
      expect(after.high()).toEqual([PIN])
      const next = await after.kill()
      expect(next.clock.sleeping).toBe(0)
    },
  )

  it('and again, and again, ends all the same', async () => {
    let bench = await open({ initial: 'keep' })
    await bench.send(PIN, pulse('on', 10 * SECOND))
    for (let times = 0; times < 20; times += 1) {
      await bench.clock.advance(300)
      bench = await bench.kill(300)
    }
    expect(timesHigh(bench, PIN)).toEqual([10 * SECOND + 200]) // while nobody lives nobody switches
    expect(bench.high()).toEqual([])
  })

  it('while the pin was about to go on leaves nothing that is on without an end', async () => {
    const before = await open({ initial: 'keep' })
    const release = before.gpio.stall(PIN)
    const under = before.ask(PIN, pulse('on', 10 * SECOND))
    await before.clock.advance(0)
    expect(before.high()).toEqual([])
    // Dead between the file and the wire.
    const after = await before.kill(SECOND)
    expect([after.high(), after.clock.sleeping]).toEqual([[], 0])
    release()
    expect(await under).not.toBe('ok')
  })

  it('is known to the next process before the wire moves', async () => {
    const before = await open({ initial: 'keep', max_on: MINUTE })
    before.gpio.stall(PIN)
    void before.ask(PIN, pulse('on', 10 * SECOND))
    await before.clock.advance(0)
    const kept = JSON.parse(await readFile(join(folder, 'outputs.json'), 'utf8'))
    expect(kept).toEqual({ boot: 'first', pins: { 17: { pulse: { at: 10 * SECOND, level: 0 }, onSince: 0 } } })
  })

  it('after a later command had called it off does not come back', async () => {
    const before = await open({ initial: 'keep' })
    await before.send(PIN, on)
    await before.send(PIN, pulse('off', 10 * SECOND))
    await before.send(PIN, off)
    const after = await before.kill(MINUTE)
    await after.clock.advance(MINUTE)
    expect(after.high()).toEqual([])
  })

  it('is called off before the pin is switched, where its end would switch on', async () => {
    const before = await open({ initial: 'keep' })
    await before.send(PIN, pulse('off', 10 * SECOND))
    before.gpio.stall(PIN)
    void before.ask(PIN, off)
    await before.clock.advance(0)
    const after = await before.kill(MINUTE)
    expect(after.high()).toEqual([])
  })
})

describe('max_on', () => {
  it.each(['keep', 'last'] as const)('counts on in the next process: initial %s', async (initial) => {
    const before = await open({ initial, max_on: 10 * MINUTE })
    await before.send(PIN, on)
    await before.clock.advance(3 * MINUTE)
    const after = await before.kill(MINUTE)
    await after.send(PIN, on)
    await after.clock.advance(MINUTE)
    const last = await after.kill(MINUTE)
    await last.clock.advance(4 * MINUTE - 1)
    expect(last.high()).toEqual([PIN])
    await last.clock.advance(1)
    expect(last.high()).toEqual([])
    expect(timesHigh(last, PIN)).toEqual([10 * MINUTE])
  })

  it('counts on through a clean restart of the service, where initial: last brings the pin back', async () => {
    const before = await open({ initial: 'last', max_on: 10 * MINUTE })
    await before.send(PIN, on)
    await before.clock.advance(3 * MINUTE)
    await before.end()
    const after = await before.kill(MINUTE)
    expect(after.high()).toEqual([PIN])
    await after.clock.advance(6 * MINUTE)
    expect(after.high()).toEqual([])
  })

  it('that is over when the next process begins has the pin off from the first moment', async () => {
    for (const initial of ['keep', 'last'] as const) {
      const before = await open({ initial, max_on: MINUTE })
      await before.send(PIN, on)
      const after = await before.kill(MINUTE)
      expect(after.states).toEqual(['17=0'])
      await after.end()
    }
  })

  it('begins now for a line that is found on, and nobody knows since when', async () => {
    const before = await open({ initial: 'keep' })
    await before.send(PIN, on)
    const after = await before.kill(0, { pins: [{ pin: PIN, initial: 'keep', max_on: MINUTE }] })
    await after.clock.advance(40 * SECOND)
    const last = await after.kill(10 * SECOND)
    await last.clock.advance(10 * SECOND - 1)
    expect(last.high()).toEqual([PIN])
    await last.clock.advance(1)
    expect(last.high()).toEqual([])
  })

  it('begins anew after the pin was off', async () => {
    const before = await open({ initial: 'keep', max_on: MINUTE })
    await before.send(PIN, on)
    await before.clock.advance(50 * SECOND)
    await before.send(PIN, off)
    await before.send(PIN, on)
    const after = await before.kill(20 * SECOND)
    await after.clock.advance(40 * SECOND - 1)
    expect(after.high()).toEqual([PIN])
    await after.clock.advance(1)
    expect(timesHigh(after, PIN)).toEqual([50 * SECOND, MINUTE])
  })
})

describe('another boot', () => {
  it.each(['keep', 'last', 'on'] as const)('has every for and max_on expired: initial %s', async (initial) => {
    const config = initial === 'on' ? {} : { max_on: 10 * MINUTE }
    const command = initial === 'on' ? pulse('on', 5 * MINUTE) : on
    const before = await open({ initial, ...config })
    await before.send(PIN, command)
    const after = await before.kill(SECOND, { boot: 'second' })
    expect(after.states).toEqual(['17=0'])
    await after.clock.advance(10 * MINUTE)
    expect(after.high()).toEqual([])
  })

  it('stays known while the line can’t be opened, and through a crash meanwhile', async () => {
    let free = (): void => {}
    const pins: PinConfig[] = [
      { pin: PIN, initial: 'keep', max_on: MINUTE },
      { pin: 22, initial: 'keep' },
    ]
    const before = await openOutputs(pins, folder)
    await before.send(PIN, on)
    const arrange = (board: MockBoard): void => {
      free = board.hold(PIN, 'gpioset')
    }
    const held = await before.kill(0, { boot: 'second', arrange })
    expect(held.told('warn')).toEqual(['warn output failed'])
    await held.send(22, pulse('on', MINUTE)) // which writes the file
    const after = await held.kill(0, { arrange: () => free() })
    expect(after.high()).toEqual([22])
  })

  it('where it is not known which boot this is, it counts as another', async () => {
    const before = await open({ initial: 'keep' })
    await before.send(PIN, pulse('on', MINUTE))
    const text = await readFile(join(folder, 'outputs.json'), 'utf8')
    await before.kill()
    await writeFile(join(folder, 'outputs.json'), text.replace('"first"', '"unknown"'))
    const after = await before.kill()
    expect(after.high()).toEqual([])
  })

  it('does not bring back what an off for would have switched on', async () => {
    const before = await open({ initial: 'keep' })
    await before.send(PIN, pulse('off', MINUTE))
    const after = await before.kill(2 * MINUTE, { boot: 'second' })
    await after.clock.advance(MINUTE)
    expect(after.high()).toEqual([])
  })
})

describe('on_disconnect', () => {
  const rule: Partial<PinConfig> = { initial: 'keep', on_disconnect: { state: 'off', after: MINUTE } }

  it('has one grace time, however often the process dies in it', async () => {
    let bench = await open(rule)
    await bench.send(PIN, on)
    bench.outputs.connected(false)
    for (let times = 0; times < 8; times += 1) {
      await bench.clock.advance(8 * SECOND)
      bench = await bench.kill(2 * SECOND)
      bench.outputs.connected(false)
    }
    expect(timesHigh(bench, PIN)).toEqual([MINUTE])
  })

  it('that was over keeps a pin off that initial would have on', async () => {
    const before = await open({ ...rule, initial: 'on' })
    before.outputs.connected(false)
    await before.clock.advance(MINUTE)
    const after = await before.kill(SECOND)
    expect(after.states).toEqual(['17=0'])
  })

  it('begins anew after a return, and after a clean stop', async () => {
    const before = await open(rule)
    before.outputs.connected(false)
    await before.clock.advance(50 * SECOND)
    before.outputs.connected(true)
    await before.send(PIN, on)
    const after = await before.kill()
    after.outputs.connected(false)
    await after.clock.advance(59 * SECOND)
    expect(after.high()).toEqual([PIN])
    await after.end()
    const last = await after.kill(MINUTE, { pins: [{ pin: PIN, ...rule, initial: 'on' }] })
    last.outputs.connected(false)
    await last.clock.advance(59 * SECOND)
    expect(last.high()).toEqual([PIN])
  })
})

describe('initial: last', () => {
  it('never comes back on after an off that the wire had got', async () => {
    const before = await open({ initial: 'last' })
    await before.send(PIN, on)
    await before.clock.advance(0)
    const card = await readFile(join(folder, 'levels.json'), 'utf8')
    await before.send(PIN, off)
    const killed = await before.kill()
    // As if it had been killed before the card had the "off", which takes a while there.
    await writeFile(join(folder, 'levels.json'), card)
    const after = await killed.kill()
    expect(card).toBe('{"17":1}')
    expect(after.high()).toEqual([])
  })

  it('after a clean stop comes back on, though the stop had the pin off', async () => {
    const before = await open({ initial: 'last' })
    await before.send(PIN, on)
    await before.end()
    const after = await before.kill()
    expect(after.high()).toEqual([PIN])
  })
})

describe('without a runtime folder', () => {
  it('says so once where the configuration has something to keep, and goes on in memory', async () => {
    const needs = await openOutputs([
      { pin: PIN, initial: 'keep' },
      { pin: 22, initial: 'keep' },
    ])
    expect(needs.told('warn')).toEqual([
      'warn "for", max_on, on_disconnect and min_interval don’t outlive this process',
    ])
    await needs.send(PIN, pulse('on', SECOND))
    await needs.clock.advance(SECOND)
    expect(needs.high()).toEqual([])
    const none = await openOutputs([{ pin: PIN, max_on: MINUTE }])
    expect(none.told('warn')).toEqual([])
  })

  it('that can’t be written goes on in memory, and says so once', async () => {
    await writeFile(join(folder, 'file'), '')
    const bench = await openOutputs([{ pin: PIN, initial: 'keep' }], join(folder, 'file'))
    for (let times = 0; times < 3; times += 1) {
      await bench.send(PIN, pulse('on', SECOND))
      await bench.clock.advance(SECOND)
    }
    expect(timesHigh(bench, PIN)).toEqual([SECOND, SECOND, SECOND])
    expect(bench.told('warn')).toEqual([
      'warn what the outputs owe can’t be read: limits count from now',
      'warn what the outputs owe can’t be kept',
    ])
  })

  it('a file that is damaged is told, and limits count from now', async () => {
    await writeFile(join(folder, 'outputs.json'), '{"boot":"first","pins":{"17":{"onSince":"x"}}}')
    const bench = await open({ initial: 'keep', max_on: MINUTE })
    expect(bench.told('warn')).toEqual(['warn what the outputs owe can’t be read: limits count from now'])
  })
})

describe('an "on" that fails', () => {
  it('is undone as soon as the pin works, in case it had moved the wire', async () => {
    const bench = await open({ initial: 'keep' })
    bench.board.fail(PIN, broken)
    expect(await bench.ask(PIN, pulse('on', MINUTE))).toBe(broken.message)
    await bench.clock.advance(SECOND)
    expect(bench.told('error')).toEqual(['error output could not be switched; trying again'])
    bench.board.fail(PIN)
    await bench.clock.advance(10 * SECOND)
    expect(bench.states).toEqual(['17=0', '17=0'])
    expect(bench.clock.sleeping).toBe(0)
  })

  it('is not undone after a later one that worked, and ends no for', async () => {
    const bench = await open()
    await bench.send(PIN, pulse('off', MINUTE))
    bench.board.fail(PIN, broken)
    await bench.ask(PIN, on)
    bench.board.fail(PIN)
    await bench.clock.advance(MINUTE)
    expect(bench.high()).toEqual([PIN])
    bench.board.fail(PIN, broken)
    await bench.ask(PIN, off)
    bench.board.fail(PIN)
    await bench.send(PIN, on)
    await bench.clock.advance(MINUTE)
    expect(bench.high()).toEqual([PIN])
  })
})
