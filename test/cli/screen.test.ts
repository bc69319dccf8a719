/** A terminal is drawn in place, and left as it was. */
import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { createPrinter } from '../../src/cli/printer.ts'
import { showOn, type Terminal } from '../../src/cli/screen.ts'
import { ENTER, LEAVE } from '../../src/tools/frame.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

class FakeTerminal extends EventEmitter implements Terminal {
  columns = 20
  rows = 4
  slow = false
  written: string[] = []
  write(text: string): boolean {
    this.written.push(text)
    return !this.slow
  }
}

function open(lines: readonly string[]) {
  const terminal = new FakeTerminal()
  const clock = new FakeClock()
  const controller = new AbortController()
  let pictures = 0
  const picture = () => {
    pictures += 1
    return { lines, total: lines.length }
  }
  const shown = showOn(terminal, { picture, everyMs: 1000, clock }, controller.signal)
  return { terminal, clock, controller, shown, pictures: () => pictures }
}

it('draws at once and then again, and brings the cursor back with the last picture below', async () => {
  const { terminal, clock, controller, shown } = open(['one', 'two'])
  expect(terminal.written[0]).toBe(ENTER)
  await clock.advance(2500)
  controller.abort()
  await shown
  expect(terminal.written).toHaveLength(1 + 3 + 1)
  expect(terminal.written.at(-1)).toBe(`${LEAVE}one\ntwo\n`)
  expect(terminal.listenerCount('resize') + terminal.listenerCount('drain')).toBe(0)
})

it('a resize draws at once, for the new size', async () => {
  const { terminal, controller, shown } = open(['a', 'b', 'c', 'd', 'e', 'f'])
  expect(terminal.written.at(-1)).toContain('… 3 more lines')
  terminal.rows = 10
  terminal.emit('resize')
  expect(terminal.written.at(-1)).toContain('f')
  expect(terminal.written.at(-1)).not.toContain('more lines')
  controller.abort()
  await shown
})

it('a slow line gets fewer pictures', async () => {
  const { terminal, clock, controller, shown, pictures } = open(['a'])
  terminal.slow = true
  await clock.advance(5000)
  expect(pictures()).toBe(2)
  terminal.slow = false
  terminal.emit('drain')
  await clock.advance(1000)
  expect(pictures()).toBe(3)
  controller.abort()
  await shown
})

it('a terminal without a size is taken for a usual one', async () => {
  const { terminal, controller, shown } = open(Array.from({ length: 50 }, () => 'x'.repeat(100)))
  terminal.columns = 0
  terminal.rows = 0
  terminal.emit('resize')
  const lines = terminal.written.at(-1)?.split('\r\n') ?? []
  expect(lines).toHaveLength(24)
  controller.abort()
  await shown
})

it('a reader that is slow is waited for; the end is not kept by it', async () => {
  const reader = new FakeTerminal()
  const controller = new AbortController()
  const print = createPrinter(reader, controller.signal)
  expect(print(['a', 'b'])).toBeUndefined()
  expect(print([])).toBeUndefined()
  reader.slow = true
  const waiting = print(['c'])
  reader.emit('drain')
  await waiting
  const kept = print(['d'])
  controller.abort()
  await kept
  expect(reader.written).toEqual(['a\nb\n', 'c\n', 'd\n'])
})
