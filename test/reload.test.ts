/** A new configuration while the agent runs: what changes, what does not, and what is refused. */
import { afterEach, describe, expect, it } from 'vitest'
import { findOverlays } from '../src/overlays.ts'
import { machine, removeMachines } from './fakes/machine.ts'
import { node, PI4 } from './fakes/pi-tree.ts'
import { type ReloadBench, type ReloadBenchOptions, startReloadBench } from './fakes/reload-bench.ts'

const SECOND = 1000

let bench: ReloadBench
afterEach(() => bench.stop())

const start = async (text: string, options?: ReloadBenchOptions): Promise<ReloadBench> => {
  bench = await startReloadBench(text, options)
  return bench
}

interface Shape {
  readonly sensors?: readonly string[]
  readonly outputs?: readonly string[]
  readonly inputs?: readonly string[]
  readonly more?: string
  readonly mqtt?: string
}

/** A file of that shape; each entry is the inside of one in YAML. */
function file({ sensors = [], outputs = [], inputs = [], more = '', mqtt = '' }: Shape): string {
  const list = (entries: readonly string[]): string => `[${entries.map((entry) => `{ ${entry} }`).join(', ')}]`
  return `
node: { id: n1 }
mqtt: { url: '{url}', protocol: 4${mqtt} }
sensors: ${list(sensors)}
gpio: { backend: mock, outputs: ${list(outputs)}, inputs: ${list(inputs)} }
${more}
`
}

const STEADY = 'id: steady, type: simulated, interval: 1s'
const records = (id: string): { seq: number; timestamp: string }[] =>
  bench.heard.filter(({ topic }) => topic === `sensors/n1/${id}/data`).map(({ payload }) => JSON.parse(payload))
const levels = (pin: number): number[] => bench.board.history(pin).map(({ level }) => level)
const sensorIds = (): unknown[] =>
  (bench.health().sensors as readonly { id?: string }[]).map(({ id }) => id ?? 'the own one')

describe('a reload under load', () => {
  it('moves no wire that did not change, skips and adds no reading, and keeps the connection', async () => {
    const random = (() => {
      let state = 7
      return (below: number): number => {
        state = (state * 48271) % 2147483647 // Park and Miller's generator
        return state % below
      }
    })()
    const steady = {
      sensors: [STEADY, 'id: fast, type: simulated, interval: 200ms, metrics: { temperature: { median: 5 } }'],
      outputs: ['pin: 17, name: LED', 'pin: 22, active_low: true, max_on: 10m', 'pin: 23, initial: on, interlock: a'],
      inputs: ['pin: 27, debounce: 50ms', 'pin: 20, mode: counter, interval: 2s'],
    }
    const changing = (): Shape => ({
      sensors: [
        ...steady.sensors,
        ...(random(2) ? [`id: s1, type: simulated, interval: ${1 + random(3)}s`] : []),
        ...(random(2) ? [`type: simulated, interval: ${1 + random(2)}s`] : []),
      ].sort(() => random(3) - 1),
      outputs: [
        ...(random(2) ? [`pin: 24, on_exit: ${random(2) ? 'on' : 'off'}`] : []),
        ...steady.outputs,
        ...(random(2) ? [`pin: 25, active_low: ${random(2) ? 'true' : 'false'}, initial: on`] : []),
        ...(random(2) ? ['pin: 26, interlock: a'] : []),
      ],
      inputs: [...steady.inputs, ...(random(2) ? [`pin: 6, debounce: ${random(3)}0ms`] : [])],
    })
    await start(file(steady))
    await bench.command(17, 'on')
    await bench.command(22, 'on')
    const still = [17, 22, 23, 27]
    const before = still.map((pin) => bench.board.history(pin))
    let outcome = ''
    for (let turn = 0; turn < 60; turn += 1) {
      const result = await bench.reload(turn % 7 === 6 ? 'sensors: 17' : file(changing()))
      outcome += result.ok ? '.' : 'x'
      bench.board.drive(20, 1)
      await bench.pass(37 + random(700))
      bench.board.drive(20, 0)
      await bench.pass(60)
    }
    expect(outcome).toBe(`${'......x'.repeat(8)}....`)
    expect(still.map((pin) => bench.board.history(pin))).toEqual(before)
    expect(bench.connections()).toBe(1)
    const startedAt = Date.parse(records('steady')[0]?.timestamp ?? '')
    for (const [id, ms] of [
      ['steady', SECOND],
      ['fast', 200],
    ] as const) {
      const all = records(id)
      expect(all.length, id).toBe(Math.floor((bench.clock.now() - startedAt) / ms) + 1) // none is missing at the end
      expect(
        all.map(({ seq }) => seq),
        id,
      ).toEqual(all.map((_, index) => index))
      const offBeat = all.filter(({ timestamp }, index) => Date.parse(timestamp) !== startedAt + index * ms)
      expect(offBeat, id).toEqual([])
    }
    await bench.pass(3 * SECOND)
    expect(bench.json('gpio/20/data')).toMatchObject({ pulses: 60 })
    expect(bench.told('error').filter((line) => !/config|problem|sensors/.test(line))).toEqual([])
  }, 60_000)

  it('of a sensor that comes, goes and changes numbers every record once', async () => {
    const texts = ['', 'interval: 2s', 'interval: 1s, metrics: { temperature: { digits: 0 } }', 'interval: 1s']
    await start(file({ sensors: [STEADY] }))
    for (let turn = 0; turn < 12; turn += 1) {
      const own = texts[turn % texts.length]
      await bench.reload(file({ sensors: own === '' ? [STEADY] : [STEADY, `id: s1, type: simulated, ${own}`] }))
      await bench.pass(2500)
    }
    const numbers = records('s1').map(({ seq }) => seq)
    expect(numbers.length).toBeGreaterThan(12)
    expect(numbers).toEqual(numbers.map((_, index) => index))
  })
})

describe('of an output that did not change, a reload', () => {
  const other = (ms: number): string => `id: other, type: simulated, interval: ${ms}ms`

  it('lets a "for" end in its time', async () => {
    const outputs = ['pin: 17']
    await start(file({ sensors: [other(1000)], outputs }))
    await bench.command(17, '{"state":"on","for":"10s"}')
    for (let turn = 1; turn <= 9; turn += 1) {
      await bench.reload(file({ sensors: [other(1000 + turn)], outputs }))
      await bench.pass(SECOND)
      expect(levels(17)).toEqual([0, 1])
    }
    await bench.pass(SECOND)
    const [, on, off] = bench.board.history(17)
    expect((off?.at ?? 0) - (on?.at ?? 0)).toBe(10 * SECOND)
  })

  it('lets max_on end in its time, and an interlock hold', async () => {
    const outputs = ['pin: 17, max_on: 5s', 'pin: 22, interlock: m', 'pin: 23, interlock: m']
    await start(file({ outputs }))
    await bench.command(22, 'on')
    await bench.pass(SECOND)
    await bench.command(17, 'on')
    await bench.pass(3 * SECOND)
    await bench.reload(file({ outputs: [...outputs, 'pin: 24'] }))
    void bench.command(23, 'on')
    await bench.pass(2 * SECOND)
    const [, on, off] = bench.board.history(17)
    expect((off?.at ?? 0) - (on?.at ?? 0)).toBe(5 * SECOND)
    expect([levels(22), levels(23)]).toEqual([
      [0, 1, 0],
      [0, 1],
    ])
  })
})

describe('an output', () => {
  it('that is gone takes its exit level, is given back, and is driven by no command', async () => {
    await start(file({ outputs: ['pin: 17, on_exit: on', 'pin: 22', 'pin: 23'] }))
    await bench.command(22, 'on')
    await bench.reload(file({ outputs: ['pin: 23'] }))
    expect([levels(17), levels(22)]).toEqual([
      [0, 1],
      [0, 1, 0],
    ])
    bench.board.hold(17, 'somebody else')()
    bench.board.hold(22, 'somebody else')()
    await bench.command(22, 'on')
    expect(bench.json('gpio/22/error').error).toMatch(/not in the configuration/)
    expect(levels(22)).toEqual([0, 1, 0])
  })

  it('that is new is opened at its level, and obeys', async () => {
    await start(file({ outputs: ['pin: 17'] }))
    await bench.reload(file({ outputs: ['pin: 17', 'pin: 22, initial: on, active_low: true'] }))
    expect(levels(22)).toEqual([0])
    await bench.command(22, 'off')
    expect(levels(22)).toEqual([0, 1])
    expect(bench.json('gpio/22/state')).toBe(0)
  })

  it('that came, went and came again is as one that was never there', async () => {
    await start(file({ outputs: ['pin: 17'] }))
    for (let turn = 0; turn < 3; turn += 1) {
      await bench.reload(file({ outputs: ['pin: 17', 'pin: 22, initial: keep, max_on: 1m'] }))
      await bench.command(22, '{"state":"on","for":"30s"}')
      await bench.reload(file({ outputs: ['pin: 17'] }))
      await bench.pass(40 * SECOND)
    }
    expect(levels(22)).toEqual([0, 1, 0, 1, 0, 1, 0])
  })

  it.each([
    ['name: New'],
    ['on_exit: on'],
    ['on_exit: keep'],
    ['initial: on'],
    ['initial: last'],
    ['max_on: 1h'],
    ['min_interval: 10s'],
    ['on_disconnect: { state: off }'],
    ['interlock: alone'],
    ['name: A, max_on: 2h, min_interval: 1s, on_disconnect: { state: on, after: 1h }'],
  ])('that gets %s, and loses it again, does not move', async (keys) => {
    await start(file({ outputs: ['pin: 17'] }))
    await bench.command(17, 'on')
    for (const outputs of [[`pin: 17, ${keys}`], ['pin: 17']]) {
      expect(await bench.reload(file({ outputs }))).toMatchObject({ ok: true })
      await bench.pass(2 * SECOND)
      expect(levels(17)).toEqual([0, 1])
    }
    await bench.command(17, 'off')
    expect(levels(17)).toEqual([0, 1, 0])
  })

  it('takes the exit level that it has got', async () => {
    await start(file({ outputs: ['pin: 17'] }))
    await bench.reload(file({ outputs: ['pin: 17, on_exit: on'] }))
    await bench.stop()
    expect(levels(17)).toEqual([0, 1])
    bench = await startReloadBench(file({ outputs: ['pin: 17'] })) // for the end of the test
  })

  it.each([
    { was: '', becomes: 'max_on: 5s', onFor: 5 },
    { was: 'max_on: 5s', becomes: 'max_on: 8s', onFor: 8 },
    { was: 'max_on: 8s', becomes: 'max_on: 4s', onFor: 4 },
    { was: 'max_on: 8s', becomes: 'max_on: 1s', onFor: 3 },
  ])('with "$was", on for 3 s, that gets "$becomes" is on for $onFor s', async ({ was, becomes, onFor }) => {
    await start(file({ outputs: [`pin: 17${was === '' ? '' : `, ${was}`}`] }))
    await bench.command(17, 'on')
    await bench.pass(3 * SECOND)
    await bench.reload(file({ outputs: [`pin: 17, ${becomes}`] }))
    await bench.pass(10 * SECOND)
    const [, on, off] = bench.board.history(17)
    expect(Math.round(((off?.at ?? 0) - (on?.at ?? 0)) / 10) / 100).toBe(onFor)
  })

  it('that loses max_on stays on', async () => {
    await start(file({ outputs: ['pin: 17, max_on: 5s'] }))
    await bench.command(17, 'on')
    await bench.reload(file({ outputs: ['pin: 17'] }))
    await bench.pass(20 * SECOND)
    expect(levels(17)).toEqual([0, 1])
  })

  it('counts min_interval from a switch before the reload', async () => {
    await start(file({ outputs: ['pin: 17'] }))
    await bench.command(17, 'on')
    await bench.reload(file({ outputs: ['pin: 17, min_interval: 10s'] }))
    await bench.command(17, 'off')
    expect(bench.json('gpio/17/error').error).toMatch(/min_interval/)
    await bench.pass(10 * SECOND)
    await bench.command(17, 'off')
    expect(levels(17)).toEqual([0, 1, 0])
  })

  it('whose active_low changes goes straight to its first level: one move at most', async () => {
    await start(file({ outputs: ['pin: 17', 'pin: 22, initial: keep', 'pin: 23'] }))
    await bench.command(22, 'on')
    await bench.command(23, '{"state":"on","for":"10s"}')
    await bench.reload(
      file({
        outputs: [
          'pin: 17, active_low: true',
          'pin: 22, initial: keep, active_low: true',
          'pin: 23, active_low: true, initial: on',
        ],
      }),
    )
    expect([levels(17), levels(22), levels(23)]).toEqual([
      [0, 1],
      [0, 1],
      [0, 1, 0],
    ])
    expect([bench.json('gpio/17/state'), bench.json('gpio/22/state'), bench.json('gpio/23/state')]).toEqual([0, 0, 1])
    await bench.pass(20 * SECOND)
    expect(levels(23)).toEqual([0, 1, 0])
  })

  it('that becomes an input, and back, is one thing at a time', async () => {
    await start(file({ outputs: ['pin: 17'] }))
    await bench.reload(file({ inputs: ['pin: 17'] }))
    expect(bench.board.history(17).at(-1)?.direction).toBe('in')
    await bench.command(17, 'on')
    expect(bench.json('gpio/17/error').error).toMatch(/is an input/)
    bench.board.drive(17, 1)
    await bench.pass(SECOND)
    expect(bench.json('gpio/17/state')).toBe(1)
    bench.board.drive(17, 'pull')
    await bench.reload(file({ outputs: ['pin: 17, initial: on'] }))
    expect(bench.board.history(17).at(-1)).toMatchObject({ direction: 'out', level: 1 })
    await bench.command(17, 'off')
    expect(bench.board.history(17).at(-1)).toMatchObject({ direction: 'out', level: 0 })
  })
})

describe('an interlock', () => {
  it('that a pin joins while it and another are on: it gives way, the other stays', async () => {
    await start(file({ outputs: ['pin: 22, interlock: m', 'pin: 23', 'pin: 24, interlock: m'] }))
    await bench.command(22, 'on')
    await bench.command(23, 'on')
    await bench.pass(SECOND)
    await bench.reload(file({ outputs: ['pin: 22, interlock: m', 'pin: 23, interlock: m', 'pin: 24, interlock: m'] }))
    expect([levels(22), levels(23)]).toEqual([
      [0, 1],
      [0, 1, 0],
    ])
    void bench.command(23, 'on')
    await bench.pass(SECOND)
    expect([levels(22), levels(23)]).toEqual([
      [0, 1, 0],
      [0, 1, 0, 1],
    ])
  })

  it('that a new pin joins, which begins on: it gives way', async () => {
    await start(file({ outputs: ['pin: 22, interlock: m', 'pin: 24, interlock: m'] }))
    await bench.command(22, 'on')
    await bench.pass(SECOND)
    const news = 'pin: 23, interlock: m, initial: on'
    await bench.reload(file({ outputs: ['pin: 22, interlock: m', news, 'pin: 24, interlock: m'] }))
    await bench.pass(2 * SECOND)
    expect([levels(22), levels(23)]).toEqual([[0, 1], [0]])
  })

  it('that a pin joins which is on, while another one waits to go on: that one sees it off, and its pause pass', async () => {
    await start(file({ outputs: ['pin: 22, interlock: m', 'pin: 23, interlock: m', 'pin: 24'] }))
    await bench.command(24, 'on')
    await bench.command(22, 'on')
    await bench.pass(SECOND)
    void bench.command(23, 'on')
    await bench.pass(400) // of the pause of 500 ms
    await bench.reload(file({ outputs: ['pin: 22, interlock: m', 'pin: 23, interlock: m', 'pin: 24, interlock: m'] }))
    await bench.pass(2 * SECOND)
    const [off, on] = [bench.board.history(24).at(-1), bench.board.history(23).at(-1)]
    expect([levels(22), levels(23), levels(24)]).toEqual([
      [0, 1, 0],
      [0, 1],
      [0, 1, 0],
    ])
    expect((on?.at ?? 0) - (off?.at ?? 0)).toBeGreaterThanOrEqual(500)
  })

  it('that is made of two pins that are both on: both go off', async () => {
    await start(file({ outputs: ['pin: 22', 'pin: 23'] }))
    await bench.command(22, 'on')
    await bench.command(23, 'on')
    await bench.reload(file({ outputs: ['pin: 22, interlock: m', 'pin: 23, interlock: m'] }))
    await bench.pass(SECOND)
    expect([levels(22), levels(23)]).toEqual([
      [0, 1, 0],
      [0, 1, 0],
    ])
  })

  it('that a pin leaves lets the two be on together', async () => {
    await start(file({ outputs: ['pin: 22, interlock: m', 'pin: 23, interlock: m'] }))
    await bench.command(22, 'on')
    await bench.pass(SECOND)
    await bench.reload(file({ outputs: ['pin: 22, interlock: m', 'pin: 23'] }))
    await bench.command(23, 'on')
    expect([levels(22), levels(23)]).toEqual([
      [0, 1],
      [0, 1],
    ])
  })

  it('that a pin leaves while it waits in it calls that off', async () => {
    await start(file({ outputs: ['pin: 22, interlock: m', 'pin: 23, interlock: m'] }))
    await bench.command(22, 'on')
    await bench.pass(SECOND)
    void bench.command(23, '{"state":"on","id":1}')
    await bench.pass(100) // of the pause of 500 ms
    await bench.reload(file({ outputs: ['pin: 22, interlock: m', 'pin: 23'] }))
    await bench.pass(2 * SECOND)
    expect(bench.json('gpio/23/result')).toMatchObject({ ok: false, error: expect.stringContaining('interlock') })
    expect([levels(22), levels(23)]).toEqual([[0, 1, 0], [0]])
  })
})

describe('an input', () => {
  it('that gets another name goes on in the middle of its debounce time', async () => {
    await start(file({ inputs: ['pin: 27, debounce: 1s'] }))
    bench.board.drive(27, 1)
    await bench.pass(600)
    await bench.reload(file({ inputs: ['pin: 27, debounce: 1s, name: Door'] }))
    expect(bench.board.history(27).length).toBe(1)
    await bench.pass(399)
    expect(bench.json('gpio/27/state')).toBe(0)
    await bench.pass(2)
    expect(bench.json('gpio/27/state')).toBe(1)
  })

  it('that is gone tells nothing more, and is free for others', async () => {
    await start(file({ outputs: ['pin: 17'], inputs: ['pin: 27'] }))
    await bench.reload(file({ outputs: ['pin: 17'] }))
    const before = bench.heard.length
    bench.board.drive(27, 1)
    await bench.pass(SECOND)
    expect(bench.heard.slice(before).filter(({ topic }) => topic.startsWith('gpio/27'))).toEqual([])
    bench.board.hold(27, 'somebody else')()
  })

  it('that gets another pull and debounce time is opened anew with them', async () => {
    await start(file({ inputs: ['pin: 27'] }))
    await bench.reload(file({ inputs: ['pin: 27, pull: up, debounce: 100ms'] }))
    expect(bench.json('gpio/27/state')).toBe(1)
    bench.board.drive(27, 0)
    await bench.pass(90)
    expect(bench.json('gpio/27/state')).toBe(1)
    await bench.pass(20)
    expect(bench.json('gpio/27/state')).toBe(0)
  })

  it('that fails is out of health once it is gone', async () => {
    await start(file({ outputs: ['pin: 17'] }))
    const free = bench.board.hold(27, 'somebody else')
    await bench.reload(file({ outputs: ['pin: 17'], inputs: ['pin: 27'] }))
    expect(bench.health().pins).toHaveProperty('27')
    await bench.reload(file({ outputs: ['pin: 17'] }))
    expect(bench.health().pins).toEqual({})
    free()
    await bench.pass(600 * SECOND)
    bench.board.hold(27, 'somebody else')()
  })
})

describe('a counter', () => {
  const pulse = (times: number): void => {
    for (let time = 0; time < times; time += 1) {
      bench.board.drive(20, 1)
      bench.board.drive(20, 0)
    }
  }

  it('that gets another unit, offset and interval goes on counting, without a look in between', async () => {
    await start(file({ inputs: ['pin: 20, mode: counter, interval: 10s'] }))
    pulse(3)
    await bench.reload(file({ inputs: ['pin: 20, mode: counter, interval: 1s, per_pulse: 0.5, unit: l, offset: 10'] }))
    pulse(4)
    await bench.pass(2 * SECOND)
    expect(bench.json('gpio/20/data')).toMatchObject({ pulses: 7, total: 13.5 })
    const numbers = bench.heard
      .filter(({ topic }) => topic === 'gpio/20/data')
      .map(({ payload }) => JSON.parse(payload).seq)
    expect(numbers).toEqual(numbers.map((_, index) => index))
    expect(bench.json('devices/n1/info').pins).toEqual([expect.objectContaining({ unit: 'l', interval: 1 })])
  })

  it('whose line changes, or that is away for a while, goes on from its total', async () => {
    await start(file({ outputs: ['pin: 17'], inputs: ['pin: 20, mode: counter, interval: 1s'] }))
    pulse(3)
    await bench.pass(SECOND)
    await bench.reload(file({ outputs: ['pin: 17'], inputs: ['pin: 20, mode: counter, interval: 1s, edge: falling'] }))
    pulse(2)
    await bench.pass(SECOND)
    await bench.reload(file({ outputs: ['pin: 17'] }))
    expect(bench.health()).not.toHaveProperty('counters')
    pulse(100)
    await bench.reload(file({ outputs: ['pin: 17'], inputs: ['pin: 20, mode: counter, interval: 1s'] }))
    pulse(1)
    await bench.pass(2 * SECOND)
    expect(bench.json('gpio/20/data')).toMatchObject({ pulses: 6 })
  })

  it('that becomes an ordinary input, and back, is that', async () => {
    await start(file({ inputs: ['pin: 20, mode: counter, interval: 1s'] }))
    await bench.reload(file({ inputs: ['pin: 20'] }))
    bench.board.drive(20, 1)
    await bench.pass(SECOND)
    expect(bench.json('gpio/20/state')).toBe(1)
    bench.board.drive(20, 0)
    await bench.reload(file({ inputs: ['pin: 20, mode: counter, interval: 1s'] }))
    pulse(2)
    await bench.pass(SECOND)
    expect(bench.json('gpio/20/data')).toMatchObject({ pulses: 2 })
  })
})

describe('what others see of a reload', () => {
  it('health has the sensors of the new file, and no watchdog waits for those that are gone', async () => {
    await start(file({ sensors: [STEADY, 'id: gone, type: simulated, interval: 1s'] }), { watchdogMs: 20_000 })
    await bench.reload(
      file({ sensors: [STEADY, 'id: new, type: simulated, interval: 1s'], inputs: ['pin: 20, mode: counter'] }),
    )
    expect(sensorIds()).toEqual(['steady', 'new'])
    await bench.reload(file({ sensors: [STEADY, 'type: simulated, interval: 1s'] }))
    await bench.pass(60 * SECOND)
    expect(sensorIds()).toEqual(['steady', 'the own one'])
    expect(bench.notices.filter((notice) => notice === 'WATCHDOG').length).toBeGreaterThanOrEqual(3)
    expect(bench.told('fatal')).toEqual([])
  })

  it('info is told anew, with sensors and pins as they are now', async () => {
    await start(file({ sensors: [STEADY], outputs: ['pin: 17'] }))
    await bench.reload(file({ sensors: ['id: other, type: simulated'], inputs: ['pin: 27, name: Door'] }))
    expect(bench.json('devices/n1/info')).toMatchObject({
      sensors: [{ id: 'other', type: 'simulated', interval: 1, quantities: expect.arrayContaining(['temperature']) }],
      pins: [{ pin: 27, name: 'Door', direction: 'input' }],
    })
  })

  it('a sensor that is gone is offline, and nothing of it is told again on the next connection', async () => {
    await start(file({ sensors: [STEADY, 'id: gone, type: simulated, interval: 1s'], outputs: ['pin: 17', 'pin: 22'] }))
    await bench.pass(2 * SECOND)
    await bench.reload(file({ sensors: [STEADY], outputs: ['pin: 17'] }))
    const told = bench.heard.filter(({ topic }) => topic === 'sensors/n1/gone/status').map(({ payload }) => payload)
    expect(told.slice(-2)).toEqual(['offline', ''])
    const before = bench.heard.length
    await bench.reload(file({ sensors: [STEADY], outputs: ['pin: 17'], mqtt: ', keepalive: 20s' }))
    await bench.until(bench.agent.idle(), 100)
    await bench.pass(2 * SECOND)
    const later = bench.heard.slice(before).map(({ topic }) => topic)
    expect(later).toContain('gpio/17/state')
    expect(later.filter((topic) => /gone|22/.test(topic))).toEqual([])
  })

  it('commands are listened to while there are pins, and no longer', async () => {
    await start(file({ sensors: [STEADY] }))
    expect(bench.filters()).toEqual([])
    await bench.reload(file({ sensors: [STEADY], outputs: ['pin: 17'] }))
    expect(bench.filters()).toEqual(['gpio/+/command'])
    await bench.pass(60 * SECOND)
    await bench.command(17, 'on')
    expect([levels(17), bench.health().mqtt]).toEqual([[0, 1], expect.objectContaining({ commands: 'heard' })])
    await bench.reload(file({ sensors: [STEADY] }))
    await bench.pass(60 * SECOND)
    expect([bench.filters(), bench.connections()]).toEqual([[], 1])
    expect(bench.health().mqtt).not.toHaveProperty('commands')
  })

  it('requests are listened to as the file says, and one of them reloads, told without any value', async () => {
    await start(file({ sensors: [STEADY] }))
    await bench.reload(file({ sensors: [STEADY], more: 'remote: true' }))
    expect(bench.filters()).toEqual(['devices/n1/request'])
    const name = 'username: hidden-name, keepalive: 20s'
    bench.write(
      file({ sensors: ['id: other, type: simulated'], more: 'remote: { actions: [reload] }', mqtt: `, ${name}` }),
    )
    await bench.say('devices/n1/request', '{"id":1,"action":"reload"}')
    await bench.until(bench.agent.idle(), 10)
    await bench.pass(5 * SECOND)
    expect(sensorIds()).toEqual(['other'])
    expect(bench.told('info')).toContain('info configuration reloaded')
    expect(JSON.stringify([bench.lines, bench.heard])).not.toContain('hidden-name')
    expect(await bench.reload(file({ sensors: [STEADY], mqtt: `, ${name}` }))).toEqual({
      ok: true,
      changes: { added: ['sensors steady'], removed: ['sensors other'], changed: [expect.stringMatching(/^remote: /)] },
    })
    await bench.pass(SECOND)
    expect(bench.filters()).toEqual([])
  })

  it('systemd hears of the reload and of its end, with what was wrong', async () => {
    await start(file({ sensors: [STEADY] }))
    await bench.reload(file({ sensors: ['id: other, type: simulated'] }))
    await bench.reload('nonsense: 1')
    await bench.reload(file({ sensors: ['id: other, type: simulated'] }))
    expect(bench.notices.slice(1)).toEqual([
      'RELOADING',
      expect.stringMatching(/^READY online, \d sensors? ok, \d+ queued$/),
      'RELOADING',
      expect.stringMatching(/^READY .*config not reloaded: \/etc\/sensor-node\/config.yaml:1:1: nonsense: unknown key/),
      'RELOADING',
      expect.stringMatching(/^READY online, 1 sensor ok, \d+ queued$/),
    ])
  })
})

describe('the broker', () => {
  it('is left with "offline" and connected anew when its section changes, and pins go on', async () => {
    const outputs = ['pin: 17']
    await start(file({ sensors: [STEADY], outputs }))
    await bench.command(17, 'on')
    const before = bench.heard.length
    await bench.reload(file({ sensors: [STEADY], outputs, mqtt: ', client_id: another' }))
    while (bench.connections() < 2) await bench.pass(10)
    await bench.pass(3 * SECOND)
    const statuses = bench.heard.slice(before).filter(({ topic }) => topic === 'devices/n1/status')
    expect(statuses.map(({ payload }) => payload)).toEqual(['offline', 'online'])
    await bench.command(17, 'off')
    expect(levels(17)).toEqual([0, 1, 0])
    const numbers = records('steady').map(({ seq }) => seq)
    expect(numbers).toEqual(numbers.map((_, index) => index))
  })

  it('that the new section names may be away: the next one brings the node back', async () => {
    await start(file({ sensors: [STEADY] }))
    const good = file({ sensors: [STEADY] })
    await bench.reload(good.replace('{url}', 'mqtt://127.0.0.1:1'))
    await bench.pass(5 * SECOND)
    expect(bench.told('warn').join()).toMatch(/broker connection failed/)
    await bench.reload(good)
    while (bench.connections() < 2) await bench.pass(10)
    await bench.pass(3 * SECOND)
    const numbers = records('steady').map(({ seq }) => seq)
    expect(numbers.length).toBeGreaterThan(7)
    expect(numbers).toEqual(numbers.map((_, index) => index))
  })
})

describe('a reload is refused', () => {
  const before = { sensors: [STEADY], outputs: ['pin: 17'] }

  it.each([
    ['node.id', (text: string) => text.replace('id: n1', 'id: n2')],
    ['topics.gpio', (text: string) => `${text}topics: { gpio: 'pins/{node}' }\n`],
    ['topics.sensors', (text: string) => `${text}topics: { sensors: 'elsewhere/{node}' }\n`],
    ['gpio.backend', (text: string) => text.replace('backend: mock', 'backend: chardev')],
    ['gpio.mock_history', (text: string) => text.replace('backend: mock', 'backend: mock, mock_history: /tmp/x')],
    ['outbox.path', (text: string) => `${text}outbox: { path: /tmp/x }\n`],
  ])('as a whole where %s changes, with the way out', async (key, change) => {
    await start(file(before))
    const also = file({ sensors: ['id: other, type: simulated'], outputs: ['pin: 22'] })
    const result = await bench.reload(change(also))
    expect(result).toEqual({
      ok: false,
      problems: [expect.stringMatching(new RegExp(`config.yaml:\\d+:\\d+: ${key}: .*systemctl restart sensor-node`))],
    })
    await bench.pass(SECOND)
    expect([sensorIds(), levels(22), bench.json('devices/n1/info').pins]).toEqual([
      ['steady'],
      [],
      [expect.objectContaining({ pin: 17 })],
    ])
    expect(bench.health().config_error).toContain(key)
  })

  it('where several such keys change, for each of them, and once for what only follows from the id', async () => {
    await start(file(before))
    const result = await bench.reload(
      `${file(before).replace('id: n1', 'id: n2')}outbox: { path: /tmp/x, max_records: 5 }\n`,
    )
    expect(result).toMatchObject({
      ok: false,
      problems: [/: node.id: /, /: outbox.path: /].map((one) => expect.stringMatching(one)),
    })
  })

  it('where the file is wrong; health says so until a good one comes', async () => {
    await start(file(before))
    await bench.command(17, 'on')
    const bad: [string, RegExp][] = [
      ['sensors: [', /config.yaml:\d+:\d+: /],
      ['- just\n- a list\n', /config.yaml:1:1/],
      ['', /./],
      [file({ ...before, more: 'rule: 1' }), /rule: unknown key/],
      [file({ sensors: ['id: x, type: simulated', 'id: x, type: simulated'] }), /is the id of two sensors/],
      [file({ outputs: ['pin: 17'], inputs: ['pin: 17'] }), /17/],
      [file({ outputs: ['pin: 17, max_on: 1m, on_exit: keep'] }), /on_exit/],
      [file({ outputs: ['pin: 99'] }), /BCM number/],
      [file({}), /nothing to do/],
    ]
    for (const [text, reason] of bad) {
      const result = await bench.reload(text)
      expect(result, text).toEqual({ ok: false, problems: expect.arrayContaining([expect.stringMatching(reason)]) })
      expect(bench.health().config_error, text).toMatch(reason)
      expect(bench.told('error').join('\n'), text).toMatch(reason)
    }
    expect([levels(17), bench.connections()]).toEqual([[0, 1], 1])
    expect(await bench.reload(file(before))).toMatchObject({ ok: true })
    expect(bench.health()).not.toHaveProperty('config_error')
    await bench.pass(3 * SECOND)
    const numbers = records('steady').map(({ seq }) => seq)
    expect(numbers).toEqual(numbers.map((_, index) => index))
  })

  it('where a pin belongs to somebody else on this machine', async () => {
    const overlays = await findOverlays(await machine({ ...PI4, ...node('soc/i2c@7e804000', { status: 'okay\0' }) }))
    await start(file(before), { overlays })
    const result = await bench.reload(file({ ...before, inputs: ['pin: 3'] }).replace('backend: mock', 'backend: auto'))
    expect(result).toEqual({ ok: false, problems: [expect.stringMatching(/pin 3 belongs to I2C bus 1/)] })
    await removeMachines()
  })

  it('where the file can’t be read, or not in time, or reading it fails in a way that nobody thought of', async () => {
    let load = (): Promise<never> => Promise.reject(new Error('EIO: the card is broken'))
    await start(file(before), { load: () => load() })
    expect(await bench.reload()).toEqual({ ok: false, problems: ['EIO: the card is broken'] })
    load = () => new Promise(() => {})
    const late = await bench.until(bench.agent.reload(), SECOND)
    expect(late).toEqual({ ok: false, problems: ['the file could not be read within 10 s'] })
    expect(bench.health().config_error).toBe('the file could not be read within 10 s')
  })

  it('once the node stops', async () => {
    await start(file(before))
    await bench.stop()
    expect(await bench.agent.reload()).toEqual({ ok: false, problems: ['the node is stopping'] })
    bench = await startReloadBench(file(before)) // for the end of the test
  })
})

describe('reloads', () => {
  it('of a file that says the same do nothing, and say so', async () => {
    const text = file({ sensors: [STEADY], outputs: ['pin: 17'] })
    await start(text)
    const before = bench.heard.length
    expect(await bench.reload(`# a comment\n${text.replace('interval: 1s', 'interval: 1000ms')}`)).toMatchObject({
      ok: true,
    })
    expect(bench.told('info')).toContain('info the configuration is what runs already: nothing to reload')
    expect(bench.heard.slice(before).map(({ topic }) => topic)).not.toContain('devices/n1/info')
  })

  it('that come while one is under way are one, with the newest file', async () => {
    await start(file({ sensors: [STEADY] }))
    bench.write(file({ sensors: [STEADY, 'id: a, type: simulated'] }))
    const first = bench.agent.reload()
    bench.write(file({ sensors: [STEADY, 'id: b, type: simulated'] }))
    const others = [1, 2, 3, 4].map(() => bench.agent.reload())
    await bench.until(Promise.all([first, ...others]))
    await bench.pass(SECOND)
    expect(new Set(others).size).toBe(1)
    expect(bench.notices.filter((notice) => notice === 'RELOADING').length).toBe(2)
    expect(sensorIds()).toEqual(['steady', 'b'])
  })

  it('take other limits of the outbox over', async () => {
    await start(file({ sensors: [STEADY] }))
    expect(await bench.reload(file({ sensors: [STEADY], more: 'outbox: { max_records: 2 }' }))).toMatchObject({
      ok: true,
    })
    await bench.reload(
      file({ sensors: [STEADY], more: 'outbox: { max_records: 2 }' }).replace('{url}', 'mqtt://127.0.0.1:1'),
    )
    await bench.pass(10 * SECOND)
    expect(bench.told('warn')).toContain('warn the outbox is full: dropping the oldest records')
  })

  it('do not hold up the end: told to stop in the middle of one, the outputs take their exit level', async () => {
    await start(file({ sensors: [STEADY], outputs: ['pin: 17', 'pin: 22'] }))
    await bench.command(17, 'on')
    await bench.command(22, 'on')
    bench.write(file({ sensors: ['id: other, type: simulated'], outputs: ['pin: 17', 'pin: 23, initial: on'] }))
    void bench.agent.reload()
    await bench.stop()
    expect([levels(17).at(-1), levels(22).at(-1), levels(23).at(-1) ?? 0]).toEqual([0, 0, 0])
    bench = await startReloadBench(file({ outputs: ['pin: 17'] })) // for the end of the test
  })
})
