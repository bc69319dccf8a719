import { getEventListeners } from 'node:events'
import { expect, it } from 'vitest'
import { inTurn } from '../../src/sensors/turns.ts'
import { settled } from '../fakes/fake-clock.ts'
import { NEVER } from '../fakes/machine.ts'

/** Work that ends when it is told to. */
class Work {
  begun = false
  resolve: (value: string) => void = () => {}
  reject: (error: Error) => void = () => {}
  readonly #ended = new Promise<string>((resolve, reject) => {
    this.resolve = resolve
    this.reject = reject
  })
  readonly start = (): Promise<string> => {
    this.begun = true
    return this.#ended
  }
}

it('one at a time, in the order in which they came', async () => {
  const [first, second] = [new Work(), new Work()]
  const both = [inTurn('a', NEVER, first.start), inTurn('a', NEVER, second.start)]
  await settled()
  expect([first.begun, second.begun]).toEqual([true, false])
  first.resolve('one')
  await settled()
  expect(second.begun).toBe(true)
  second.resolve('two')
  expect(await Promise.all(both)).toEqual(['one', 'two'])
})

it('what is shared under another name is not waited for', async () => {
  const [first, second] = [new Work(), new Work()]
  const both = [inTurn('b', NEVER, first.start), inTurn('c', NEVER, second.start)]
  await settled()
  expect(second.begun).toBe(true)
  for (const one of [first, second]) one.resolve('')
  await Promise.all(both)
})

it('work that fails gives the turn on, and its error to whoever asked', async () => {
  const [first, second] = [new Work(), new Work()]
  const failing = inTurn('d', NEVER, first.start)
  const following = inTurn('d', NEVER, second.start)
  first.reject(new Error('broken'))
  await expect(failing).rejects.toThrow('broken')
  second.resolve('two')
  expect(await following).toBe('two')
})

it('work that hangs is left at once on abort, and keeps its turn until it ends', async () => {
  const [first, second] = [new Work(), new Work()]
  const deadline = new AbortController()
  const hanging = inTurn('e', deadline.signal, first.start)
  const following = inTurn('e', NEVER, second.start)
  await settled()
  deadline.abort(new Error('too late'))
  await expect(hanging).rejects.toThrow('too late')
  await settled()
  expect(second.begun).toBe(false)
  first.reject(new Error('ended after all')) // heard by nobody, and no unhandled rejection
  await settled()
  expect(second.begun).toBe(true)
  second.resolve('two')
  expect(await following).toBe('two')
})

it('who waits for a turn and is called off never begins, and holds up nobody', async () => {
  const [first, second, third] = [new Work(), new Work(), new Work()]
  const deadline = new AbortController()
  const running = inTurn('f', NEVER, first.start)
  const waiting = inTurn('f', deadline.signal, second.start)
  const following = inTurn('f', NEVER, third.start)
  deadline.abort(new Error('too late'))
  await expect(waiting).rejects.toThrow('too late')
  expect(getEventListeners(deadline.signal, 'abort')).toEqual([])
  first.resolve('one')
  third.resolve('three')
  expect(await Promise.all([running, following])).toEqual(['one', 'three'])
  expect(second.begun).toBe(false)
})
