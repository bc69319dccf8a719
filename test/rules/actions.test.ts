/** What rules do: alerts over restarts and outages, escalation, priorities, and what happens where something fails. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { Refused } from '../../src/errors.ts'
import { PinClaims } from '../../src/rules/pin-claims.ts'
import { rulesOf, startRules } from '../fakes/rules-bench.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

const HOT = '  - { id: hot, when: { metric: temperature, above: 30 }, then: { alert: hot } }'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true })
})
async function newFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sensor-node-rules-'))
  folders.push(folder)
  return join(folder, 'alerts.json')
}

describe('an alert', () => {
  it('says what it is about, since when, and by which rule; its event goes where the records of its sensor go', async () => {
    const bench = await startRules(
      '  - { when: { metric: temperature, sensor: attic, above: 30 }, then: { alert: hot }, repeat: 10m }',
    )
    bench.rules.reading('attic', { temperature: 31.5 })
    expect(bench.messages[0]).toMatchObject({ topic: 'alerts/pi/hot', qos: 2, retain: true })
    expect(JSON.parse(bench.messages[0]?.payload ?? '')).toEqual({
      ...{ node: 'pi', alert: 'hot', since: '2026-01-01T00:00:00.000Z', sensor: 'attic' },
      ...{ rule: 'rule-1', metric: 'temperature', value: 31.5, count: 1 },
    })
    bench.rules.reading('attic', { temperature: 32 })
    bench.clock.step(3_600_000)
    await bench.clock.advance(10 * MINUTE)
    expect(JSON.parse(bench.last('alerts/pi/hot') ?? '')).toMatchObject({
      since: '2026-01-01T01:00:00.000Z',
      value: 32,
      count: 2,
    })
    const event = bench.messages.findLast(({ retain }) => !retain)
    expect(event).toMatchObject({ topic: 'sensors/pi/attic/alert', qos: 1 })
    expect(JSON.parse(event?.payload ?? '')).toEqual({
      ...{ timestamp: '2026-01-01T01:10:00.000Z', node: 'pi', sensor: 'attic', run: 'k3f9', seq: 1, event: 'repeat' },
      ...{
        alert: 'hot',
        since: '2026-01-01T01:00:00.000Z',
        rule: 'rule-1',
        metric: 'temperature',
        value: 32,
        count: 2,
      },
    })
    await bench.rules.close()
  })

  it('says so while the clock is known to be wrong, and is told again when it was set', async () => {
    let wrong = true
    const bench = await startRules(HOT, { unsynchronised: () => wrong })
    bench.rules.reading(undefined, { temperature: 31 })
    expect(bench.messages.map(({ payload }) => JSON.parse(payload).clock)).toEqual(['unsynchronised', 'unsynchronised'])
    await bench.clock.advance(MINUTE)
    wrong = false
    bench.clock.step(1_000_000)
    bench.rules.renew()
    expect(JSON.parse(bench.last('alerts/pi/hot') ?? '')).not.toHaveProperty('clock')
    expect(JSON.parse(bench.last('alerts/pi/hot') ?? '').since).toBe('2026-01-01T00:16:40.000Z')
  })

  it('is repeated while it is active, escalates once, and all of it ends together', async () => {
    const bench = await startRules(`
  - when: { metric: temperature, above: 30 }
    then: { alert: hot }
    repeat: 10m
    escalate: { after: 25m, alert: fire, set: { pin: 17, state: on } }
`)
    bench.rules.reading(undefined, { temperature: 31 })
    bench.told()
    await bench.clock.advance(24 * MINUTE)
    expect(bench.told().filter((line) => line.startsWith('sensors'))).toEqual([
      'sensors/pi/alert repeat hot 2',
      'sensors/pi/alert repeat hot 3',
    ])
    await bench.clock.advance(MINUTE)
    expect(bench.told()).toEqual(['alerts/pi/fire count 1', 'sensors/pi/alert escalate fire 1'])
    expect(bench.ordered()).toEqual(['17 on'])
    await bench.clock.advance(5 * MINUTE)
    expect(bench.told().filter((line) => line.startsWith('sensors'))).toEqual([
      'sensors/pi/alert repeat hot 4',
      'sensors/pi/alert repeat fire 2',
    ])
    bench.rules.reading(undefined, { temperature: 20 })
    expect(bench.told().sort()).toEqual([
      'alerts/pi/fire cleared',
      'alerts/pi/hot cleared',
      'sensors/pi/alert end fire 2',
      'sensors/pi/alert end hot 4',
    ])
    await bench.clock.advance(1000 * MINUTE)
    expect([bench.told(), bench.clock.sleeping]).toEqual([[], 0])
  })

  it('that ends before its time does not escalate', async () => {
    const bench = await startRules(`${HOT.slice(0, -1)}, escalate: { after: 30m, then: [{ alert: fire }] } }`)
    for (let time = 0; time < 5; time += 1) {
      bench.rules.reading(undefined, { temperature: 31 })
      await bench.clock.advance(29 * MINUTE)
      bench.rules.reading(undefined, { temperature: 20 })
    }
    expect(bench.messages.some(({ payload }) => payload.includes('fire'))).toBe(false)
  })

  it('of an escalation without one is told as the first one’s', async () => {
    const bench = await startRules(`${HOT.slice(0, -1)}, escalate: { after: 30m, set: { pin: 17, state: on } } }`)
    bench.rules.reading(undefined, { temperature: 31 })
    await bench.clock.advance(30 * MINUTE)
    expect(bench.told().at(-1)).toBe('sensors/pi/alert escalate hot 2')
  })

  it('that an earlier run has left is taken back when it is known to be over, with its event', async () => {
    const file = await newFile()
    const before = await startRules(HOT, { file })
    before.rules.reading(undefined, { temperature: 31 })
    await before.rules.close()
    expect(before.retained()).toEqual(['alerts/pi/hot'])

    const after = await startRules(HOT, { file })
    expect(after.told()).toEqual([])
    after.rules.reading(undefined, {})
    expect(after.told()).toEqual([])
    after.rules.reading(undefined, { temperature: 29 })
    expect(after.told()).toEqual(['sensors/pi/alert end hot 0', 'alerts/pi/hot cleared'])
    await after.rules.close()
    expect(await readFile(file, 'utf8')).toBe('{}')
  })

  it('that an earlier run has left begins anew where it still holds', async () => {
    const file = await newFile()
    const before = await startRules(HOT, { file })
    before.rules.reading(undefined, { temperature: 31 })
    await before.rules.close()
    const after = await startRules(HOT, { file })
    after.rules.reading(undefined, { temperature: 31 })
    expect(after.told()).toEqual(['alerts/pi/hot count 1', 'sensors/pi/alert begin hot 1'])
    await after.rules.close()
  })

  it('that is in the configuration no more is taken back at the start', async () => {
    const file = await newFile()
    const before = await startRules(HOT, { file })
    before.rules.reading(undefined, { temperature: 31 })
    await before.rules.close()
    const after = await startRules(HOT.replace('alert: hot', 'alert: heat'), { file })
    expect(after.told()).toEqual(['alerts/pi/hot cleared'])
    await after.rules.close()
  })

  it('without a folder is taken back all the same, as soon as it is known not to hold', async () => {
    const bench = await startRules(HOT)
    bench.rules.reading(undefined, { temperature: 29 })
    expect(bench.told()).toEqual(['alerts/pi/hot cleared'])
  })

  it('goes on without its file where that is damaged', async () => {
    const file = await newFile()
    await writeFile(file, '["nonsense"]')
    const bench = await startRules(HOT, { file })
    bench.rules.reading(undefined, { temperature: 31 })
    expect(bench.retained()).toEqual(['alerts/pi/hot'])
    expect(bench.told().length).toBe(2)
    expect(bench.lines.some(({ msg }) => msg.startsWith('the list of alerts can’t be read'))).toBe(true)
    await bench.rules.close()
  })

  it('is active if, and only if, a simple model says so, whatever the values do', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ value: fc.integer({ min: 280, max: 320 }).map((tenths) => tenths / 10) }) },
      { weight: 1, arbitrary: fc.record({ value: fc.constant(undefined) }) },
    )
    const waits = fc.integer({ min: 1, max: 90 })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(step, waits), { maxLength: 40 }), async (steps) => {
        const bench = await startRules(
          '  - { when: { metric: temperature, above: 30, hysteresis: 0.5, for: 1m }, then: { alert: hot } }',
        )
        let since: number | undefined
        let passed = 0
        for (const [{ value }, seconds] of steps) {
          if (value !== undefined) {
            if (value > (since === undefined ? 30 : 29.5)) since ??= passed
            else since = undefined
          }
          bench.rules.reading(undefined, value === undefined ? {} : { temperature: value })
          await bench.clock.advance(seconds * SECOND)
          passed += seconds
          expect(bench.retained().length === 1).toBe(since !== undefined && passed - since >= 60)
        }
        await bench.rules.close()
      }),
      { numRuns: 40 },
    )
  })
})

describe('a message of a rule', () => {
  const SAYS = (rest: string): string =>
    `  - { id: says, when: { metric: temperature, above: 30 }, then: { publish: { topic: 'house/{node}/heat', payload: '{value} at {node} by {rule}: {other}'${rest} } } }`

  it('has its words replaced', async () => {
    const bench = await startRules(SAYS(', qos: 2'), { connected: () => true })
    bench.rules.reading(undefined, { temperature: 31.5 })
    expect(bench.messages).toEqual([
      { topic: 'house/pi/heat', payload: '31.5 at pi by says: {other}', qos: 2, retain: false },
    ])
  })

  it('is not sent late: without a broker it is told as not sent; one that is retained waits', async () => {
    const bench = await startRules(SAYS(''))
    bench.rules.reading(undefined, { temperature: 31 })
    expect(bench.messages).toEqual([])
    expect(bench.rules.health()).toMatchObject({
      says: { failed: 1, error: expect.stringContaining('the broker is away') },
    })
    const kept = await startRules(SAYS(', retain: true'))
    kept.rules.reading(undefined, { temperature: 31 })
    expect(kept.messages).toMatchObject([{ retain: true, once: true }])
  })
})

describe('what fails', () => {
  it('is told once, counted in health, and stops neither the rest of the rule nor other rules', async () => {
    const bench = await startRules(
      `
  - { id: pump, when: { metric: temperature, above: 30 }, then: [{ set: { pin: 22, state: on } }, { alert: hot }] }
  - { id: light, when: { metric: temperature, above: 30 }, then: { set: { pin: 17, state: on } } }
`,
      {
        set: async (pin) => {
          if (pin === 22) throw new Refused('pin 22 is not switched twice within its min_interval, which is 30s')
        },
      },
    )
    for (let time = 0; time < 3; time += 1) {
      bench.rules.reading(undefined, { temperature: 31 })
      bench.rules.reading(undefined, { temperature: 20 })
    }
    bench.rules.reading(undefined, { temperature: 31 })
    await bench.clock.advance(5 * SECOND)
    expect(bench.rules.health()).toEqual({
      pump: { active: true, for: 5, fired: 4, failed: 4, error: expect.stringContaining('min_interval') },
      light: { active: true, for: 5, fired: 4, failed: 0 },
    })
    expect(bench.lines.filter(({ level }) => level === 'warn')).toHaveLength(1)
    expect(bench.retained()).toEqual(['alerts/pi/hot'])
  })

  it('by throwing is its rule’s fault alone', async () => {
    const bench = await startRules(
      `
  - { id: bad, when: { pin: 27, becomes: on }, then: { set: { pin: 22, state: on } } }
  - { id: good, when: { pin: 27, becomes: on }, then: { set: { pin: 17, state: on } } }
`,
      {
        set: (pin) => {
          if (pin === 22) throw new TypeError('a bug')
          return Promise.resolve()
        },
      },
    )
    bench.rules.level(27, 0)
    bench.rules.level(27, 1)
    expect(bench.ordered()).toEqual(['22 on', '17 on'])
    expect(bench.rules.health()).toMatchObject({ bad: { failed: 1, error: 'a bug' }, good: { failed: 0 } })
  })
})

describe('two rules on one pin', () => {
  const FAN = `
  - { id: heat, priority: 1, when: { metric: temperature, above: 28 }, then: { set: { pin: 17, state: on } }, otherwise: { set: { pin: 17, state: off } } }
  - { id: smoke, priority: 2, when: { pin: 5, becomes: on }, then: { set: { pin: 17, state: off } } }
  - { id: button, priority: 0, when: { pin: 27, becomes: on, presses: 1 }, then: { set: { pin: 17, state: toggle } } }
`
  const start = async () => {
    const bench = await startRules(FAN)
    bench.rules.reading(undefined, { temperature: 20 })
    for (const pin of [5, 27]) bench.rules.level(pin, 0)
    bench.ordered()
    return bench
  }

  it('obey the one of higher priority while it is active, and get what they want afterwards', async () => {
    const { rules, ordered } = await start()
    rules.reading(undefined, { temperature: 29 })
    rules.level(5, 1)
    expect(ordered()).toEqual(['17 on', '17 off'])
    rules.level(5, 0)
    expect(ordered()).toEqual(['17 on'])
  })

  it('are held back, whichever way they go, and the last of it is made up for', async () => {
    const { rules, ordered } = await start()
    rules.level(5, 1)
    expect(ordered()).toEqual(['17 off'])
    for (const temperature of [29, 20, 29]) rules.reading(undefined, { temperature })
    expect(ordered()).toEqual([])
    rules.level(5, 0)
    expect(ordered()).toEqual(['17 on'])
    rules.level(5, 1)
    rules.reading(undefined, { temperature: 20 })
    expect(ordered()).toEqual(['17 off'])
    rules.level(5, 0)
    expect(ordered()).toEqual(['17 off'])
  })

  it('a press is not made up for, and is told as lost', async () => {
    const bench = await start()
    bench.rules.level(5, 1)
    bench.ordered()
    await bench.press(27)
    bench.rules.level(5, 0)
    expect(bench.ordered()).toEqual([])
    expect(bench.rules.health()).toMatchObject({
      button: { fired: 1, failed: 1, error: expect.stringContaining('smoke') },
    })
    await bench.press(27)
    expect(bench.ordered()).toEqual(['17 toggle'])
  })

  it('a rule that does not set the pin when it is found active has no say in it', async () => {
    const bench = await startRules(FAN)
    bench.rules.level(5, 1)
    bench.rules.reading(undefined, { temperature: 29 })
    expect(bench.ordered()).toEqual(['17 on'])
  })

  it('whatever begins and ends, the pin is what the highest that is active wants', () => {
    const change = fc.tuple(fc.nat(3), fc.boolean())
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const claims = new PinClaims()
        let level = 'off'
        const active = new Set<number>()
        const rules = [0, 1, 2, 3].map((priority) => ({
          id: `rule-${priority}`,
          priority,
          carryOut: ({ state }: { state: string }) => {
            level = state
          },
          heldBack: () => {},
        }))
        for (const [index, begins] of changes) {
          const rule = rules[index]
          if (rule === undefined || active.has(index) === begins) continue
          // Those of even priority want it on, the others off; at their end all would have it off.
          if (begins) {
            active.add(index)
            claims.claim(rule, { pin: 17, state: index % 2 === 0 ? 'on' : 'off' })
          } else {
            active.delete(index)
            claims.end(rule, [{ pin: 17, state: 'off' }])
          }
          const highest = Math.max(...active)
          expect(level).toBe(active.size > 0 && highest % 2 === 0 ? 'on' : 'off')
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('a reload', () => {
  const DOOR = '  - { when: { pin: 27, becomes: on, held: 1m }, then: { alert: door } }'

  it('leaves a rule that is the same as it is, wherever it stands now', async () => {
    const bench = await startRules(`${HOT}\n${DOOR}`)
    bench.rules.reading(undefined, { temperature: 31 })
    bench.rules.level(27, 0)
    bench.rules.level(27, 1)
    await bench.clock.advance(50 * SECOND)
    bench.told()
    bench.rules.apply(rulesOf(`${DOOR}\n${HOT}`))
    expect(bench.told()).toEqual([])
    await bench.clock.advance(10 * SECOND)
    expect(bench.retained()).toEqual(['alerts/pi/hot', 'alerts/pi/door'])
    expect(bench.rules.health()).toMatchObject({ hot: { fired: 1 }, 'rule-1': { fired: 1 } })
    await bench.rules.close()
  })

  it('ends the alerts of one that is gone, and hears it no more', async () => {
    const bench = await startRules(`${HOT}\n${DOOR}`)
    bench.rules.reading(undefined, { temperature: 31 })
    bench.told()
    bench.rules.apply(rulesOf(DOOR))
    expect(bench.told()).toEqual(['sensors/pi/alert end hot 1', 'alerts/pi/hot cleared'])
    bench.rules.reading(undefined, { temperature: 20 })
    bench.rules.reading(undefined, { temperature: 31 })
    expect(bench.told()).toEqual([])
    bench.rules.apply([])
    expect([bench.rules.health(), bench.clock.sleeping]).toEqual([undefined, 0])
  })

  it('tells a new one what is known already', async () => {
    const bench = await startRules('')
    bench.rules.reading(undefined, { temperature: 31 })
    bench.rules.level(27, 1)
    bench.rules.sensorStatus('attic', 'offline')
    bench.rules.apply(rulesOf(`${HOT}\n${DOOR}\n  - { when: { sensor: attic, offline: 30s }, then: { alert: gone } }`))
    expect(bench.retained()).toEqual(['alerts/pi/hot'])
    await bench.clock.advance(MINUTE)
    expect(bench.retained()).toEqual(['alerts/pi/hot', 'alerts/pi/gone', 'alerts/pi/door'])
    await bench.rules.close()
  })

  it('tells a new one nothing that a sensor said before it went offline, or was another one', async () => {
    const bench = await startRules('')
    const attic = HOT.replace('metric:', 'sensor: attic, metric:')
    bench.rules.reading('attic', { temperature: 31 })
    bench.rules.sensorStatus('attic', 'online')
    bench.rules.sensorStatus('attic', 'offline')
    bench.rules.apply(rulesOf(attic))
    expect(bench.retained()).toEqual([])
    bench.rules.apply([])
    bench.rules.sensorStatus('attic', 'online')
    bench.rules.sensorGone('attic')
    bench.rules.apply(rulesOf(attic))
    expect(bench.retained()).toEqual([])
    bench.rules.reading('attic', { temperature: 31 })
    expect(bench.retained()).toEqual(['alerts/pi/hot'])
    await bench.rules.close()
  })

  it('of one thing about a pin leaves a press of it that is under way to its rule', async () => {
    const single = '  - { when: { pin: 27, becomes: on, presses: 2 }, then: { set: { pin: 17, state: toggle } } }'
    const bench = await startRules(single)
    bench.rules.level(27, 0)
    await bench.press(27)
    bench.rules.apply(rulesOf(`${single}\n${HOT}`))
    await bench.press(27)
    expect(bench.ordered()).toEqual(['17 toggle'])
  })

  it('gives a pin that a rule held back to the one that is left', async () => {
    const low = '  - { priority: 1, when: { metric: temperature, above: 30 }, then: { set: { pin: 17, state: on } } }'
    const high = '  - { priority: 2, when: { pin: 5, becomes: on }, then: { set: { pin: 17, state: off } } }'
    const bench = await startRules(`${low}\n${high}`)
    bench.rules.level(5, 0)
    bench.rules.level(5, 1)
    bench.rules.reading(undefined, { temperature: 31 })
    expect(bench.ordered()).toEqual(['17 off'])
    bench.rules.apply(rulesOf(low))
    expect(bench.ordered()).toEqual(['17 on'])
  })
})

it('after its end does nothing and leaves no timer', async () => {
  const bench = await startRules(
    `${HOT}\n  - { when: { pin: 27, becomes: on, held: 1m }, then: { set: { pin: 17, state: on } } }`,
  )
  bench.rules.level(27, 0)
  bench.rules.level(27, 1)
  await bench.rules.close()
  bench.rules.reading(undefined, { temperature: 31 })
  await bench.clock.advance(MINUTE)
  expect([bench.ordered(), bench.told(), bench.clock.sleeping]).toEqual([[], [], 0])
})
