import { describe, expect, it } from 'vitest'
import { ConnectionError, refusal } from '../src/mqtt-errors.ts'
import { type Suspect, Suspicion } from '../src/suspicion.ts'
import { FakeClock } from './fakes/fake-clock.ts'

const cut = new ConnectionError('closed', 'the broker ended the connection')
const large: Suspect = { topic: 'sensors/n/data', bytes: 500 }
const other: Suspect = { topic: 'devices/n/info', bytes: 900 }

const create = () => {
  const clock = new FakeClock()
  const suspicion = new Suspicion(clock)
  return { clock, suspicion, cut: (...underWay: Suspect[]) => suspicion.ended(cut, underWay, clock.monotonic()) }
}

describe('a message at which the broker hangs up', () => {
  it('is found when it was alone under way three times, after two hang-ups among others', () => {
    const { suspicion, cut, clock } = create()
    expect(suspicion.window(20, 0)).toBe(20)
    expect([cut(other, large), cut(large, other)]).toEqual([undefined, undefined])
    expect(suspicion.window(20, clock.monotonic())).toBe(1)
    expect([cut(large), cut(large)]).toEqual([undefined, undefined])
    expect(suspicion.guilty(large)).toBe(false)
    expect(cut(large)).toEqual(large)
    expect(suspicion.guilty(large)).toBe(true)
  })

  it('takes the larger ones of its topic with it, and neither smaller ones nor other topics', () => {
    const { suspicion, cut } = create()
    for (let times = 0; times < 5; times += 1) cut(large)
    expect(suspicion.guilty({ ...large, bytes: 501 })).toBe(true)
    expect(suspicion.guilty({ ...large, bytes: 499 })).toBe(false)
    expect(suspicion.guilty(other)).toBe(false)
  })

  it('is tried again after an hour', async () => {
    const { suspicion, cut, clock } = create()
    for (let times = 0; times < 5; times += 1) cut(large)
    await clock.advance(3_600_000)
    expect(suspicion.guilty(large)).toBe(false)
  })
})

describe('nothing is suspected', () => {
  it('that is no larger than what the broker took on that topic: it was killed at that moment', () => {
    const { suspicion, cut } = create()
    suspicion.cleared(large)
    for (let times = 0; times < 50; times += 1) expect(cut(large)).toBeUndefined()
    expect(suspicion.window(20, 0)).toBe(20)
  })

  it('that was taken between two hang-ups', () => {
    const { suspicion, cut } = create()
    for (let times = 0; times < 4; times += 1) cut(large)
    suspicion.cleared(large)
    expect(cut(other)).toBeUndefined()
    expect(suspicion.guilty(large)).toBe(false)
  })

  it.each([
    new ConnectionError('stuck', 'nothing was acknowledged'),
    new ConnectionError('other', 'keep-alive'),
    new ConnectionError('ETIMEDOUT', 'the host does not answer'),
    refusal(139),
    refusal(142),
  ])('where the end has another reason: $kind', (reason) => {
    const { suspicion, clock } = create()
    for (let times = 0; times < 50; times += 1)
      expect(suspicion.ended(reason, [large], clock.monotonic())).toBeUndefined()
    expect(suspicion.careful).toBe(false)
  })

  it('where the connection had held for a while, or nothing was under way', async () => {
    const { suspicion, clock } = create()
    await clock.advance(60_000)
    for (let times = 0; times < 50; times += 1) expect(suspicion.ended(cut, [large], 0)).toBeUndefined()
    for (let times = 0; times < 50; times += 1) expect(suspicion.ended(cut, [], clock.monotonic())).toBeUndefined()
    expect(suspicion.careful).toBe(false)
  })

  it('of two that are by turns the one under way', () => {
    const { cut } = create()
    for (let times = 0; times < 20; times += 1) expect(cut(times % 2 === 0 ? large : other)).toBeUndefined()
  })
})

it('a connection that holds is not slowed for long', async () => {
  const { suspicion, cut, clock } = create()
  cut(large, other)
  cut(large, other)
  const since = clock.monotonic()
  expect(suspicion.window(20, since)).toBe(1)
  await clock.advance(10_000)
  expect(suspicion.window(20, since)).toBe(20)
})
