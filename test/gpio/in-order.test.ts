import { describe, expect, it } from 'vitest'
import { InOrder } from '../../src/gpio/in-order.ts'

describe('work in order', () => {
  it('begins before add returns where nothing is under way, also right after what was waited for', async () => {
    const order = new InOrder()
    const done: number[] = []
    const work = (number: number) => async (): Promise<void> => {
      done.push(number)
    }
    const first = order.add(work(1))
    expect(done).toEqual([1])
    await first
    expect(order.idle).toBe(true)
    void order.add(work(2))
    expect(done).toEqual([1, 2])
  })

  it('waits for what is under way, and for what waits already, whatever fails', async () => {
    const order = new InOrder()
    const done: string[] = []
    let release = (): void => {}
    const slow = order.add(async () => {
      await new Promise<void>((resolve) => (release = resolve))
      done.push('slow')
      throw new Error('no')
    })
    const second = order.add(async () => {
      done.push('second')
    })
    const third = slow.catch(() =>
      order.add(async () => {
        done.push('third')
      }),
    )
    expect([done, order.idle]).toEqual([[], false])
    release()
    await expect(slow).rejects.toThrow('no')
    await Promise.all([second, third])
    expect(done).toEqual(['slow', 'second', 'third'])
  })
})
