import { describe, expect, it } from 'vitest'
import { LiveView } from '../src/live.ts'
import type { Message } from '../src/telemetry.ts'
import { FakeClock } from './fakes/fake-clock.ts'

const SECOND = 1000

function state(topic: string, payload: string, expiresMs?: number): Message {
  return { topic, payload, qos: 1, retain: true, ...(expiresMs === undefined ? {} : { expiresMs }) }
}

function event(payload: string): Message {
  return { topic: 'gpio/17/error', payload, qos: 1, retain: false }
}

function takeAll(live: LiveView): Message[] {
  const messages: Message[] = []
  for (let message = live.next(); message !== undefined; message = live.next()) messages.push(message)
  return messages
}

const brief = (messages: readonly Message[]): string[] => messages.map(({ topic, payload }) => `${topic} ${payload}`)

describe('the live view', () => {
  it('sends of every topic the newest value only, once', () => {
    const live = new LiveView(new FakeClock())
    live.put(state('a', '1'))
    live.put(state('b', '1'))
    live.put(state('a', '2'))
    live.put(state('a', '3'))
    expect(live.waiting).toBe(true)
    expect(brief(takeAll(live))).toEqual(['a 3', 'b 1'])
    expect(live.waiting).toBe(false)
    expect(live.next()).toBeUndefined()
  })

  it('forgets what nobody speaks on any more: it is not sent, neither now nor on the next connection', () => {
    const live = new LiveView(new FakeClock())
    for (const topic of ['a', 'b', 'c']) live.put(state(topic, '1'))
    live.keepOnly(new Set(['c', 'nobody']))
    expect(brief(takeAll(live))).toEqual(['c 1'])
    live.resendAll()
    expect(brief(takeAll(live))).toEqual(['c 1'])
    live.put(state('a', '2'))
    expect(brief(takeAll(live))).toEqual(['a 2'])
  })

  it('does not forget what takes from the broker what it keeps of a topic that is gone', () => {
    const live = new LiveView(new FakeClock())
    live.put({ ...state('a', ''), retain: true })
    live.keepOnly(new Set())
    expect(brief(takeAll(live))).toEqual(['a '])
  })

  it('sends a value again that is put again, even the same', () => {
    const live = new LiveView(new FakeClock())
    live.put(state('a', '1'))
    takeAll(live)
    live.put(state('a', '1'))
    expect(brief(takeAll(live))).toEqual(['a 1'])
  })

  it('has everything to send again after a new connection, the newest of each', () => {
    const live = new LiveView(new FakeClock())
    live.put(state('a', '1'))
    live.put(state('b', '1'))
    takeAll(live)
    live.put(state('b', '2'))
    live.resendAll()
    expect(brief(takeAll(live)).sort()).toEqual(['a 1', 'b 2'])
  })

  it('sends states before events, and events in their order', () => {
    const live = new LiveView(new FakeClock())
    live.put(event('first'))
    live.put(event('second'))
    live.put(state('a', '1'))
    expect(brief(takeAll(live))).toEqual(['a 1', 'gpio/17/error first', 'gpio/17/error second'])
  })

  it('drops events of before a new connection: they are stale', () => {
    const live = new LiveView(new FakeClock())
    live.put(event('old'))
    live.resendAll()
    expect(live.waiting).toBe(false)
    live.put(event('new'))
    expect(brief(takeAll(live))).toEqual(['gpio/17/error new'])
  })

  it('holds so many events and no more: the oldest go first, and are counted', () => {
    const live = new LiveView(new FakeClock())
    for (let number = 0; number < 3000; number += 1) live.put(event(String(number)))
    const events = takeAll(live)
    expect(events.length).toBe(2048)
    expect(events[0]?.payload).toBe('952')
    expect(events.at(-1)?.payload).toBe('2999')
    expect(live.droppedEvents).toBe(952)
  })
})

describe('a value that expires', () => {
  it('goes out with what is left of its life', async () => {
    const clock = new FakeClock()
    const live = new LiveView(clock)
    live.put(state('a', '1', 30 * SECOND))
    await clock.advance(12 * SECOND)
    expect(live.next()).toEqual(state('a', '1', 18 * SECOND))
    await clock.advance(SECOND)
    live.resendAll()
    expect(live.next()?.expiresMs).toBe(17 * SECOND)
  })

  it('is not sent when its life is over, neither at first nor again', async () => {
    const clock = new FakeClock()
    const live = new LiveView(clock)
    live.put(state('a', '1', 30 * SECOND))
    live.put(state('b', '1'))
    await clock.advance(30 * SECOND)
    expect(brief(takeAll(live))).toEqual(['b 1'])
    live.resendAll()
    expect(brief(takeAll(live))).toEqual(['b 1'])
  })

  it('lives anew with the next value', async () => {
    const clock = new FakeClock()
    const live = new LiveView(clock)
    live.put(state('a', '1', 30 * SECOND))
    await clock.advance(60 * SECOND)
    live.put(state('a', '2', 30 * SECOND))
    expect(takeAll(live)).toEqual([state('a', '2', 30 * SECOND)])
  })

  it('is not changed by a jump of the wall clock', () => {
    const clock = new FakeClock()
    const live = new LiveView(clock)
    live.put(state('a', '1', 30 * SECOND))
    clock.step(86_400_000)
    expect(live.next()).toEqual(state('a', '1', 30 * SECOND))
  })

  it('one that does not expire is sent as it was put, however late', async () => {
    const clock = new FakeClock()
    const live = new LiveView(clock)
    live.put(state('a', '1'))
    await clock.advance(365 * 86_400_000)
    expect(live.next()).toEqual(state('a', '1'))
  })
})

describe('a value on a topic that others write, too', () => {
  const foreign = (payload: string): Message => ({ ...state('house/mode', payload), once: true })

  it('waits for a broker, is sent again until the broker has it, and then never more', () => {
    const live = new LiveView(new FakeClock())
    live.put(foreign('night'))
    live.resendAll()
    expect(brief(takeAll(live))).toEqual(['house/mode night'])
    live.resendAll()
    const [sent, ...more] = takeAll(live)
    expect(more).toEqual([])
    if (sent !== undefined) live.taken(sent)
    live.resendAll()
    expect(takeAll(live)).toEqual([])
  })

  it('is not forgotten because the one before it arrived', () => {
    const live = new LiveView(new FakeClock())
    live.put(foreign('night'))
    const sent = live.next()
    live.put(foreign('day'))
    if (sent !== undefined) live.taken(sent)
    live.resendAll()
    expect(brief(takeAll(live))).toEqual(['house/mode day'])
  })

  it('is the only kind that is forgotten', () => {
    const live = new LiveView(new FakeClock())
    live.put(state('a', '1'))
    const sent = live.next()
    if (sent !== undefined) live.taken(sent)
    live.resendAll()
    expect(brief(takeAll(live))).toEqual(['a 1'])
  })
})
