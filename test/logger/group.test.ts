/** Who looks after whom in a group of loggers, at a broker that hands a client id to whoever connects with it last. */
import { expect, it } from 'vitest'
import { createGroup } from '../../src/logger/group.ts'
import { ConnectionError } from '../../src/mqtt-errors.ts'
import type { ToolLink } from '../../src/tools/link.ts'
import { FakeClock } from '../fakes/fake-clock.ts'

interface Holder {
  readonly by: string
  readonly lose: () => void
}

function bench() {
  const clock = new FakeClock()
  const kept = new Map<string, string>()
  const members = new Map<string, ReturnType<typeof createGroup>>()
  const holders = new Map<string, Holder>()
  /** Connections that were made in the place of another one, as `who for whom`. */
  const taken: string[] = []
  const said: string[] = []
  let refusing = false

  const tell = (topic: string, payload: string): void => {
    kept.set(topic, payload)
    for (const one of members.values()) one.hear({ topic, payload: Buffer.from(payload), retained: false })
  }
  const hold = (id: string, by: string, onAway: (reason: ConnectionError) => void) => {
    let end = (): void => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const holder = { by, lose: () => onAway(new ConnectionError('closed', 'the broker ended it')) }
    const before = holders.get(id)
    holders.set(id, holder)
    before?.lose()
    const over = (): void => {
      if (holders.get(id) === holder) holders.delete(id)
      end()
    }
    return { ended, over }
  }
  /** As a start does: under its own id, with what the broker keeps, and its word. */
  const join = (id: string): void => {
    const group = createGroup({
      ...{ group: 'g', clientId: id, clock, say: (line) => void said.push(`${id}: ${line}`) },
      publish: async ({ topic, payload }) => tell(topic, payload),
      async adopt(peer, onAway, signal): Promise<ToolLink> {
        taken.push(`${id} for ${peer}`)
        if (refusing) throw new ConnectionError('refused-135', 'not authorised')
        const { ended, over } = hold(peer, id, onAway)
        signal.addEventListener('abort', over)
        return { connected: true, protocol: 5, publish: async () => {}, end: async () => over(), ended }
      },
    })
    hold(id, id, () => {})
    members.set(id, group)
    for (const [topic, payload] of kept) group.hear({ topic, payload: Buffer.from(payload), retained: true })
    group.connected()
  }
  const die = (...ids: readonly string[]): void => {
    for (const id of ids) {
      members.delete(id)
      for (const [peer, { by }] of holders) if (by === id) holders.delete(peer)
    }
    for (const id of ids) tell(`loggers/g/${id}`, 'offline')
  }
  const holds = (): string[] =>
    [...holders]
      .filter(([id, { by }]) => id !== by)
      .map(([id, { by }]) => `${by} for ${id}`)
      .sort()
  const refuse = (on: boolean): void => {
    refusing = on
  }
  return { clock, join, die, holds, taken, said, tell, members, holders, refuse }
}

it('one that dies is looked after by one, and two that die at once by one each: nobody fights', async () => {
  const { clock, join, die, holds, taken } = bench()
  for (const id of ['a', 'b', 'c', 'd']) join(id)
  await clock.advance(1000)
  expect(taken).toEqual([])
  die('a', 'c')
  await clock.advance(600_000)
  expect(holds()).toEqual(['b for a', 'd for c'])
  expect(taken).toEqual(['b for a', 'd for c'])
})

it('whoever looked after one and dies, too, leaves both to another one', async () => {
  const { clock, join, die, holds, taken } = bench()
  for (const id of ['a', 'b', 'c']) join(id)
  await clock.advance(1000)
  die('a')
  await clock.advance(1000)
  expect(holds()).toEqual(['b for a'])
  die('b')
  await clock.advance(600_000)
  expect(holds()).toEqual(['c for a', 'c for b'])
  expect(taken).toHaveLength(3)
})

it('who comes back has its own again, and is not disturbed, not even by who heard of its end late', async () => {
  const { clock, join, die, holds, taken, said } = bench()
  for (const id of ['a', 'b']) join(id)
  await clock.advance(1000)
  die('a')
  await clock.advance(1000)
  join('a')
  await clock.advance(600_000)
  expect(holds()).toEqual([])
  expect(said).toEqual(['b: a is away: its share comes here until it is back', 'b: a gets its own share again'])
  die('a')
  await clock.advance(300)
  join('a') // before anybody has made up its mind
  await clock.advance(600_000)
  expect(taken).toEqual(['b for a'])
})

it('a newcomer takes over what is its to look after, whatever it heard first', async () => {
  const { clock, join, die, holds, taken } = bench()
  for (const id of ['a', 'c', 'd']) join(id)
  await clock.advance(1000)
  die('a')
  await clock.advance(1000)
  expect(holds()).toEqual(['c for a'])
  join('b')
  await clock.advance(600_000)
  expect(holds()).toEqual(['b for a'])
  expect(taken.length).toBeLessThan(5)
})

it('a connection that breaks is made again, more and more slowly', async () => {
  const { clock, join, die, holds, holders, taken } = bench()
  for (const id of ['a', 'b']) join(id)
  await clock.advance(1000)
  die('a')
  await clock.advance(1000)
  for (let time = 0; time < 5; time += 1) {
    holders.get('a')?.lose()
    await clock.advance(60_000)
    expect(holds()).toEqual(['b for a'])
  }
  expect(taken).toHaveLength(6)
})

it('a client id that is not to be had is told once, and tried again and again', async () => {
  const { clock, join, die, holds, taken, said, refuse } = bench()
  for (const id of ['a', 'b']) join(id)
  await clock.advance(1000)
  refuse(true)
  die('a')
  await clock.advance(600_000)
  expect(said).toEqual([expect.stringMatching(/^b: a is away, and its share is not to be had: .*not authorised/)])
  expect(taken.length).toBeLessThan(20)
  refuse(false)
  await clock.advance(60_000)
  expect(holds()).toEqual(['b for a'])
})

it('a name that is given up is forgotten, and one that is none is never taken', async () => {
  const { clock, join, die, holds, tell } = bench()
  for (const id of ['a', 'b']) join(id)
  tell('loggers/g/x y', 'offline')
  tell('loggers/g/', 'offline')
  die('a')
  await clock.advance(1000)
  expect(holds()).toEqual(['b for a'])
  tell('loggers/g/a', '')
  await clock.advance(1000)
  expect(holds()).toEqual([])
})

it('one that leaves gives up what it looks after, and says so; one that is called dead says that it is not', async () => {
  const { clock, join, die, holds, members, tell } = bench()
  for (const id of ['a', 'b', 'c']) join(id)
  await clock.advance(1000)
  die('a')
  await clock.advance(1000)
  tell('loggers/g/c', 'offline')
  await clock.advance(5000)
  expect(holds()).toEqual(['b for a'])
  const leaving = members.get('b')?.leave()
  members.delete('b')
  await clock.advance(0)
  await leaving
  await clock.advance(1000)
  expect(holds()).toEqual(['c for a', 'c for b'])
})
