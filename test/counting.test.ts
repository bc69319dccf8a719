import { describe, expect, it } from 'vitest'
import { parseConfig } from '../src/config/load.ts'
import type { CounterConfig } from '../src/config/schema.ts'
import { count } from '../src/counting.ts'
import { GpioError } from '../src/errors.ts'
import { createMockGpio, type MockBoard } from '../src/gpio/mock.ts'
import { createHealth } from '../src/health.ts'
import { createSequences } from '../src/sequences.ts'
import { createTelemetry } from '../src/telemetry.ts'
import { Totals } from '../src/totals.ts'
import { FakeClock, settled } from './fakes/fake-clock.ts'
import { partOf } from './fakes/part.ts'
import { recordLog } from './fakes/recording-log.ts'

const PIN = 5
const SECOND = 1000
const lost = new GpioError('lost', 'GPIO5 is lost')

async function start(keys = '', arrange: (board: MockBoard) => void = () => {}) {
  const text = `gpio: { inputs: [{ pin: ${PIN}, mode: counter${keys} }] }\n`
  const { config } = parseConfig(text, '/etc/sensor-node/config.yaml', { env: {}, hostname: 'n1' })
  const input = config?.gpio.inputs[0]
  if (config === undefined || input?.mode !== 'counter') throw new Error('the configuration is wrong')
  const clock = new FakeClock()
  const { log, told } = recordLog()
  const board = createMockGpio({ clock, log })
  arrange(board)
  const health = createHealth(clock, () => ({
    ...{ connected: true, reconnects: 0, lastError: undefined, queued: 0, dropped: {} },
  }))
  const totals = new Totals({ stateFolder: undefined, runtimeFolder: undefined, clock, log })
  const sequence = createSequences()
  const published: string[] = []
  const records: Record<string, unknown>[] = []
  const faults: [number, string | undefined][] = []
  const controller = new AbortController()
  const running = count(
    {
      ...{ gpio: board, clock, log, totals, health },
      telemetry: createTelemetry({ node: 'n1', topics: config.topics, run: 'r' }),
      publish: ({ topic, payload }) => published.push(`${topic.replace('gpio/5/', '')} ${payload}`),
      store: ({ payload }) => records.push(JSON.parse(payload)),
      sequence: () => sequence(''),
      unsynchronised: () => false,
      onFault: (pin, reason) => faults.push([pin, reason]),
    },
    partOf<CounterConfig>(input, controller.signal),
  )
  await settled()
  return {
    ...{ clock, board, health, totals, published, records, faults, told },
    /** Pulses that come at once. */
    pulse(pulses: number) {
      for (let index = 0; index < pulses; index += 1) {
        board.drive(PIN, 1)
        board.drive(PIN, 0)
      }
    },
    /** One pulse each second, on the dot. */
    async pulseFor(seconds: number) {
      for (let second = 0; second < seconds; second += 1) {
        board.drive(PIN, 1)
        board.drive(PIN, 0)
        await clock.advance(SECOND)
      }
    },
    async stop() {
      controller.abort()
      await running
      await board.close()
      await settled()
    },
  }
}

/** Pulls of a Pi keep pin 5 high. */
const low = (board: MockBoard): void => board.drive(PIN, 0)

describe('a counting input', () => {
  it('tells its total at the start and then at its rhythm, by a record and a topic each time', async () => {
    const { clock, pulse, published, records, stop } = await start('', low)
    expect([published, records]).toEqual([
      ['total 0'],
      [{ timestamp: '2026-01-01T00:00:00.000Z', node: 'n1', pin: 5, run: 'r', seq: 0, pulses: 0, total: 0 }],
    ])
    pulse(250)
    await clock.advance(9 * SECOND)
    expect(records).toHaveLength(1)
    await clock.advance(SECOND)
    expect(records).toMatchObject([{}, { timestamp: '2026-01-01T00:00:10.000Z', seq: 1, pulses: 250, total: 250 }])
    await clock.advance(50 * SECOND)
    expect(records.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5, 6])
    await stop()
  })

  it('tells total and rate in the units that its configuration gives', async () => {
    const keys = ', per_pulse: 0.2794, unit: mm, rate: { per: hour }, interval: 1m'
    const { pulseFor, published, records, stop } = await start(keys, low)
    await pulseFor(61)
    expect(records.at(-1)).toMatchObject({ pulses: 60, total: 16.764, rate: 1005.8 })
    expect(published.slice(-2)).toEqual(['total 16.764', 'rate 1005.8'])
    await stop()
  })

  it('says nothing of a rate that it can’t know yet, and 0 after a silence', async () => {
    const { clock, published, records, stop } = await start(', rate: { idle: 30s }', low)
    await clock.advance(29 * SECOND)
    expect(records.every((record) => !('rate' in record))).toBe(true)
    await clock.advance(SECOND)
    expect([records.at(-1)?.rate, published.at(-1)]).toEqual([0, 'rate 0'])
    await stop()
  })

  it('goes on from the total of earlier runs', async () => {
    const { clock, totals, pulse, records, stop } = await start('', low)
    void totals.add(PIN, 1_000_000)
    pulse(1)
    await clock.advance(10 * SECOND)
    expect(records.at(-1)).toMatchObject({ pulses: 1_000_001 })
    await stop()
  })

  it('counts the end of a pulse where that is asked for, and with active_low the wire that goes low', async () => {
    const falling = await start(', edge: falling', low)
    falling.board.drive(PIN, 1)
    await falling.clock.advance(10 * SECOND)
    falling.board.drive(PIN, 0)
    await falling.clock.advance(10 * SECOND)
    expect(falling.records.map(({ pulses }) => pulses)).toEqual([0, 0, 1])
    await falling.stop()
    const reed = await start(', active_low: true, pull: up')
    reed.board.drive(PIN, 0)
    await reed.clock.advance(10 * SECOND)
    expect(reed.records.map(({ pulses }) => pulses)).toEqual([0, 1])
    await reed.stop()
  })

  it('after an event loop that was stuck tells once, not once for each time that it missed', async () => {
    const { clock, pulse, records, stop } = await start('', low)
    pulse(3)
    clock.jump(95 * SECOND)
    await clock.advance(5 * SECOND)
    expect(records.map(({ timestamp, pulses }) => [timestamp, pulses])).toEqual([
      ['2026-01-01T00:00:00.000Z', 0],
      ['2026-01-01T00:01:35.000Z', 3],
      ['2026-01-01T00:01:40.000Z', 3],
    ])
    await stop()
  })

  it('at the end tells the pulses since it told the last time, and nothing where there were none', async () => {
    const { clock, pulse, records, stop } = await start('', low)
    pulse(2)
    await clock.advance(3 * SECOND)
    pulse(1)
    await stop()
    expect(records.map(({ pulses }) => pulses)).toEqual([0, 3])
    const quiet = await start('', low)
    await quiet.clock.advance(3 * SECOND)
    await quiet.stop()
    expect(quiet.records).toHaveLength(1)
  })

  it('that can’t be opened is told once with its holder, and tried again until it works', async () => {
    let free = (): void => {}
    const { clock, pulse, records, faults, told, stop } = await start('', (board) => {
      low(board)
      free = board.hold(PIN, 'gpio-keys')
    })
    await clock.advance(30 * SECOND)
    expect([records, faults]).toEqual([[], [[PIN, expect.stringContaining('gpio-keys')]]])
    expect(told('warn')).toEqual(['warn counter failed'])
    free()
    await clock.advance(60 * SECOND)
    pulse(4)
    await clock.advance(10 * SECOND)
    expect([records.at(-1)?.pulses, faults.at(-1)]).toEqual([4, [PIN, undefined]])
    await stop()
  })

  it('whose line is lost tells no numbers, then goes on with its total, and health has the outage', async () => {
    const { clock, board, pulse, records, faults, health, told, stop } = await start('', low)
    pulse(7)
    await clock.advance(10 * SECOND)
    board.fail(PIN, lost)
    await clock.advance(60 * SECOND)
    expect([records.length, faults]).toEqual([2, [[PIN, lost.message]]])
    expect(told('warn')).toEqual(['warn counter failed'])
    board.fail(PIN)
    await clock.advance(60 * SECOND)
    pulse(2)
    await clock.advance(10 * SECOND)
    expect([records.at(-1)?.pulses, faults.at(-1)]).toEqual([9, [PIN, undefined]])
    expect(health.report()).toMatchObject({ counters: { 5: { pulses: 9, unseen: 0, outages: 1 } } })
    await stop()
  })

  it('beats, also while its line is lost, so that a stuck loop of it would be noticed', async () => {
    const { clock, board, health, stop } = await start('', low)
    board.fail(PIN, lost)
    for (let minute = 0; minute < 5; minute += 1) {
      await clock.advance(60 * SECOND)
      expect(health.stuck()).toEqual([])
    }
    clock.jump(60 * SECOND)
    expect(health.stuck()).toEqual([`counter ${PIN}`])
    await stop()
  })

  it('leaves no timer behind, opened or not', async () => {
    const open = await start('', low)
    await open.stop()
    const held = await start('', (board) => board.hold(PIN, 'gpio-keys'))
    await held.stop()
    expect([open.clock.sleeping, held.clock.sleeping]).toEqual([0, 0])
  })
})
