import { describe, expect, it } from 'vitest'
import { createCommandQueue, MOST_WAITING } from '../src/command-queue.ts'
import { Refused } from '../src/errors.ts'
import { settled } from './fakes/fake-clock.ts'

/** Work that ends when the test says so. */
const hang = () => {
  let end = (): void => {}
  const work = (): Promise<void> =>
    new Promise((resolve) => {
      end = resolve
    })
  return { work, end: () => end() }
}

describe('commands of one pin', () => {
  it('are carried out one at a time, in order, and each gets its own answer', async () => {
    const queue = createCommandQueue()
    const order: string[] = []
    const one = async (name: string): Promise<string> => {
      order.push(`${name} begins`)
      await settled()
      order.push(`${name} ends`)
      if (name === 'b') throw new Error('b failed')
      return name
    }
    const answers = await Promise.allSettled(['a', 'b', 'c'].map((name) => queue(() => one(name))))
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
    expect(answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : answer.reason.message))).toEqual([
      'a',
      'b failed',
      'c',
    ])
  })

  it('behind one that hangs are refused with the reason when too many wait, but for the newest', async () => {
    const queue = createCommandQueue()
    const { work, end } = hang()
    const first = queue(work)
    const done: number[] = []
    const results = Array.from({ length: 10_000 }, (_, index) =>
      queue(async () => void done.push(index)).then(
        () => undefined,
        (error: unknown) => error,
      ),
    )
    await settled()
    expect(done).toEqual([])
    end()
    await first
    const errors = await Promise.all(results)
    expect(done).toHaveLength(MOST_WAITING)
    expect(done.at(-1)).toBe(9999)
    const refused = errors.filter((error) => error !== undefined)
    expect(refused).toHaveLength(10_000 - MOST_WAITING)
    expect(refused.every((error) => error instanceof Refused)).toBe(true)
    expect(refused[0]).toMatchObject({ message: expect.stringMatching(/1000 commands of this pin wait already/) })
  })

  it('go on after a rest', async () => {
    const queue = createCommandQueue()
    expect(await queue(async () => 1)).toBe(1)
    await settled()
    expect(await queue(async () => 2)).toBe(2)
  })
})
