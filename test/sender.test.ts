/** Whose turn it is on a link that can't take everything. */
import { describe, expect, it } from 'vitest'
import type { Connection } from '../src/connection.ts'
import { LiveView } from '../src/live.ts'
import { ConnectionError } from '../src/mqtt-errors.ts'
import { Outbox } from '../src/outbox.ts'
import { Sender } from '../src/sender.ts'
import { Suspicion } from '../src/suspicion.ts'
import type { Message } from '../src/telemetry.ts'
import { FakeClock, settled } from './fakes/fake-clock.ts'

const state = (topic: string, payload: number): Message => ({ topic, payload: `${payload}`, qos: 1, retain: true })
const event = (payload: number): Message => ({ topic: 'result', payload: `${payload}`, qos: 1, retain: false })
const record = (seq: number): Message => ({ topic: 'data', payload: `${seq}`, qos: 1, retain: false })

/** A sender at a broker that acknowledges when it is told to. */
function bench(receiveMaximum: number) {
  const clock = new FakeClock()
  const live = new LiveView(clock)
  const outbox = new Outbox({ maxRecords: 10_000, onOverflow: () => {} })
  const sent: Message[] = []
  const underWay: ((error?: ConnectionError) => void)[] = []
  const connection: Pick<Connection, 'limits' | 'send'> = {
    limits: { receiveMaximum, maximumPacketSize: 1e9, maximumQos: 2, retainAvailable: true },
    send(message, over) {
      sent.push(message)
      underWay.push(over)
    },
  }
  const suspicion = new Suspicion(clock)
  const sender = new Sender({ live, outbox, suspicion, clock, onRefused: () => {}, onTaken: () => {} })
  return {
    ...{ live, outbox, sender, sent },
    attach: () => sender.attach(connection as Connection), // it asks for nothing else
    async acknowledge(count: number) {
      for (const over of underWay.splice(0, count)) over()
      await settled()
    },
    end(reason: ConnectionError) {
      for (const over of underWay.splice(0)) over(reason)
    },
  }
}

const records = (messages: readonly Message[]): string[] =>
  messages.filter(({ topic }) => topic === 'data').map(({ payload }) => payload)

describe('the sender', () => {
  it('gives records as many turns as the live view, however many topics that has', async () => {
    const { live, outbox, attach, sent, acknowledge } = bench(1)
    for (let seq = 0; seq < 1000; seq += 1) outbox.put(record(seq))
    const flood = (value: number): void => {
      for (let topic = 0; topic < 100; topic += 1) live.put(state(`t${topic}`, value))
    }
    flood(0)
    attach()
    for (let turn = 1; turn < 1000; turn += 1) {
      await acknowledge(1)
      flood(turn)
    }
    expect(sent).toHaveLength(1000)
    expect(records(sent)).toHaveLength(500)
    expect(records(sent)).toEqual(Array.from({ length: 500 }, (_, seq) => `${seq}`))
    for (let topic = 0; topic < 100; topic += 1) {
      expect(sent.filter((message) => message.topic === `t${topic}`)).toHaveLength(5)
    }
  })

  it('lets neither one busy topic nor a line of events keep the records waiting', async () => {
    const { live, outbox, attach, sent, acknowledge } = bench(1)
    for (let seq = 0; seq < 100; seq += 1) outbox.put(record(seq))
    for (let turn = 0; turn < 100; turn += 1) live.put(event(turn))
    attach()
    for (let turn = 1; turn < 40; turn += 1) {
      live.put(state('pin', turn))
      await acknowledge(1)
    }
    expect(records(sent).length).toBeGreaterThanOrEqual(19)
    expect(sent.filter(({ topic }) => topic === 'pin').length).toBeGreaterThanOrEqual(9)
    expect(sent.filter(({ topic }) => topic === 'result').length).toBeGreaterThanOrEqual(9)
  })

  it('sends the live view first, before the first record, also what comes while records have their turns', async () => {
    const { live, outbox, attach, sent, acknowledge } = bench(1)
    for (let seq = 0; seq < 5; seq += 1) outbox.put(record(seq))
    for (let topic = 0; topic < 3; topic += 1) live.put(state(`t${topic}`, 0))
    attach()
    await acknowledge(1)
    await acknowledge(1)
    await acknowledge(1)
    live.put(state('pin', 1))
    await acknowledge(1)
    expect(sent.map(({ topic }) => topic)).toEqual(['t0', 't1', 't2', 'data', 'pin'])
  })

  it('fills the window anew when half of it is free, so that what waits shares a write', async () => {
    const { outbox, attach, sent, acknowledge } = bench(20)
    for (let seq = 0; seq < 100; seq += 1) outbox.put(record(seq))
    attach()
    expect(sent).toHaveLength(20)
    await acknowledge(9)
    expect(sent).toHaveLength(20)
    await acknowledge(1)
    expect(sent).toHaveLength(30)
  })

  it('sends what is new at once, where the window has room', async () => {
    const { live, outbox, attach, sender, sent, acknowledge } = bench(20)
    for (let seq = 0; seq < 20; seq += 1) outbox.put(record(seq))
    attach()
    await acknowledge(1)
    live.put(state('pin', 1))
    sender.send()
    expect(sent.at(-1)?.topic).toBe('pin')
  })

  it.each([1, 2, 3])('gets everything through a window of %i', async (window) => {
    const { outbox, attach, sender, sent, acknowledge } = bench(window)
    for (let seq = 0; seq < 30; seq += 1) outbox.put(record(seq))
    attach()
    for (let turn = 0; turn < 30; turn += 1) await acknowledge(1)
    expect(records(sent)).toHaveLength(30)
    await sender.idle()
    expect(outbox.depth).toBe(0)
  })

  it('sends nothing on a connection that has ended, and gives back what was under way on it', () => {
    const { outbox, live, sender, sent, attach, end } = bench(2)
    for (let seq = 0; seq < 5; seq += 1) outbox.put(record(seq))
    live.put(state('pin', 1))
    attach()
    end(new ConnectionError('closed', 'the broker ended the connection'))
    expect(sent.map(({ payload }) => payload)).toEqual(['1', '0'])
    expect(sender.detach()).toEqual([
      { topic: 'pin', bytes: 1, qos: 1 },
      { topic: 'data', bytes: 1, qos: 1 },
    ])
    expect(outbox.depth).toBe(5)
  })

  it('goes on after a message that the broker refused, or that is over at once', async () => {
    const { outbox, sent, attach, end, acknowledge } = bench(1)
    for (let seq = 0; seq < 3; seq += 1) outbox.put(record(seq))
    attach()
    end(new ConnectionError('refused-135', 'not allowed', { refused: true }))
    expect(records(sent)).toEqual(['0', '1'])
    expect(outbox.depth).toBe(2)
    await acknowledge(1)
    await acknowledge(1)
    expect(records(sent)).toEqual(['0', '1', '2'])
    expect(outbox.depth).toBe(0)
  })
})
