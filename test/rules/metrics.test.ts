/** Rules on metrics and on sensors that are offline, with the broker away and a clock that is turned. */
import { describe, expect, it } from 'vitest'
import type { MetricWhen } from '../../src/config/rule-schema.ts'
import { beyond } from '../../src/rules/metric-condition.ts'
import { type RulesBench, startRules } from '../fakes/rules-bench.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

const HOT =
  '  - { id: hot, when: { metric: temperature, sensor: attic, above: 30, for: 1m, hysteresis: 0.5 }, then: { alert: hot } }'
const measure = ({ rules }: RulesBench, temperature: number): void => rules.reading('attic', { temperature })

describe('a limit', () => {
  const limits = (rest: Partial<MetricWhen>): MetricWhen => ({
    ...{ kind: 'metric', metric: 'temperature', sensor: undefined, above: undefined, below: undefined },
    ...{ hysteresis: 0, for: 0 },
    ...rest,
  })
  it.each([
    ['above', { above: 30 }, [30.1], [30, 29]],
    ['below', { below: 5 }, [4.9], [5, 6]],
    ['between the two', { above: 18, below: 25 }, [18.1, 24.9], [18, 25, 30]],
    ['outside of the two', { above: 30, below: 10 }, [9.9, 30.1], [10, 20, 30]],
  ])('%s', (_, rest, holds, holdsNot) => {
    expect(holds.filter((value) => !beyond(limits(rest), value, false))).toEqual([])
    expect(holdsNot.filter((value) => beyond(limits(rest), value, false))).toEqual([])
  })

  it.each([
    ['above', { above: 30 }, [29.6], [29.5]],
    ['below', { below: 5 }, [5.4], [5.5]],
    ['between the two', { above: 18, below: 25 }, [17.6, 25.4], [17.5, 25.5]],
    ['outside of the two', { above: 30, below: 10 }, [29.6, 10.4], [29.5, 10.5, 20]],
  ])('that was passed is left only beyond the hysteresis: %s', (_, rest, holds, holdsNot) => {
    const when = limits({ ...rest, hysteresis: 0.5 })
    expect(holds.filter((value) => !beyond(when, value, true))).toEqual([])
    expect(holdsNot.filter((value) => beyond(when, value, true))).toEqual([])
  })

  it('less a hysteresis is what a person would reckon, not what binary fractions make of it', () => {
    expect(beyond(limits({ above: 20.3, hysteresis: 0.1 }), 20.2, true)).toBe(false)
    expect(beyond(limits({ below: 0.1, hysteresis: 0.2 }), 0.3, true)).toBe(false)
  })
})

describe('a rule on a metric', () => {
  it('begins when its condition has held for its time, and ends beyond the hysteresis', async () => {
    const bench = await startRules(HOT)
    measure(bench, 20)
    expect(bench.told()).toEqual(['alerts/pi/hot cleared'])
    measure(bench, 31)
    await bench.clock.advance(MINUTE - 1)
    expect(bench.told()).toEqual([])
    await bench.clock.advance(1)
    expect(bench.told()).toEqual(['alerts/pi/hot count 1', 'sensors/pi/attic/alert begin hot 1'])
    measure(bench, 29.6)
    expect(bench.told()).toEqual([])
    measure(bench, 29.5)
    expect(bench.told()).toEqual(['sensors/pi/attic/alert end hot 1', 'alerts/pi/hot cleared'])
    measure(bench, 29.6)
    await bench.clock.advance(MINUTE)
    expect(bench.told()).toEqual([])
  })

  it('does not begin where its condition is over before its time', async () => {
    const bench = await startRules(HOT)
    for (let time = 0; time < 10; time += 1) {
      measure(bench, 31)
      await bench.clock.advance(59 * SECOND)
      measure(bench, 29)
      await bench.clock.advance(SECOND)
    }
    expect(bench.told()).toEqual(['alerts/pi/hot cleared'])
  })

  it('without `for` begins at once', async () => {
    const bench = await startRules(
      '  - { when: { metric: humidity, below: 30 }, then: { set: { pin: 17, state: on } } }',
    )
    bench.rules.reading(undefined, { humidity: 29 })
    expect(bench.ordered()).toEqual(['17 on'])
  })

  it('goes by the monotonic clock, whatever is done to the wall clock', async () => {
    const bench = await startRules(HOT)
    measure(bench, 31)
    bench.clock.step(-86_400_000)
    await bench.clock.advance(MINUTE - 1)
    bench.clock.step(2 * 86_400_000)
    expect(bench.retained()).toEqual([])
    await bench.clock.advance(1)
    expect(bench.retained()).toEqual(['alerts/pi/hot'])
  })

  it('hears its own sensor and metric, and nothing else', async () => {
    const bench = await startRules(HOT.replace('for: 1m, ', ''))
    bench.rules.reading(undefined, { temperature: 99 })
    bench.rules.reading('attic', { humidity: 99 })
    expect(bench.told()).toEqual([])
    measure(bench, 31)
    expect(bench.retained()).toEqual(['alerts/pi/hot'])
  })

  it('does not end because nobody measures any more, or its value is missing', async () => {
    const bench = await startRules(HOT.replace('for: 1m, ', ''))
    measure(bench, 31)
    bench.rules.sensorStatus('attic', 'offline')
    bench.rules.reading('attic', { humidity: 50 })
    bench.rules.reading('attic', {})
    await bench.clock.advance(100 * MINUTE)
    expect(bench.retained()).toEqual(['alerts/pi/hot'])
    bench.rules.sensorStatus('attic', 'online')
    measure(bench, 20)
    expect(bench.retained()).toEqual([])
  })

  it('does not begin while its sensor is offline; the time counts where the next value is beyond the limit, too', async () => {
    const bench = await startRules(HOT)
    measure(bench, 31)
    await bench.clock.advance(30 * SECOND)
    bench.rules.sensorStatus('attic', 'offline')
    await bench.clock.advance(10 * MINUTE)
    expect(bench.retained()).toEqual([])
    measure(bench, 31)
    expect(bench.retained()).toEqual(['alerts/pi/hot'])
  })

  it('that waits begins anew where the first value after an outage is all right', async () => {
    const bench = await startRules(HOT)
    measure(bench, 31)
    bench.rules.sensorStatus('attic', 'offline')
    await bench.clock.advance(10 * MINUTE)
    measure(bench, 20)
    measure(bench, 31)
    await bench.clock.advance(MINUTE - 1)
    expect(bench.retained()).toEqual([])
  })

  it('of a thermostat switches on and off again, and off at the start where a fan was left on', async () => {
    const bench = await startRules(`
  - when: { metric: temperature, above: 28, hysteresis: 2 }
    then: { set: { pin: 17, state: on } }
    otherwise: [{ set: { pin: 17, state: off } }, { publish: { topic: house/fan, payload: off, retain: true } }]
`)
    const temperatures = [25, 27, 28.1, 27, 26.1, 26, 27, 28, 28.2]
    const orders = temperatures.map((temperature) => {
      bench.rules.reading(undefined, { temperature })
      return bench.ordered().join()
    })
    expect(orders).toEqual(['17 off', '', '17 on', '', '', '17 off', '', '', '17 on'])
    expect(bench.told()).toEqual(['house/fan off'])
  })
})

describe('a rule on a sensor that is offline', () => {
  const GONE = '  - { when: { sensor: attic, offline: 5m }, then: { alert: gone } }'

  it('begins when it has been offline for that long, and ends when it is back', async () => {
    const bench = await startRules(GONE)
    bench.rules.sensorStatus('attic', 'online')
    bench.rules.sensorStatus('attic', 'offline')
    await bench.clock.advance(5 * MINUTE - 1)
    expect(bench.retained()).toEqual([])
    await bench.clock.advance(1)
    expect(bench.retained()).toEqual(['alerts/pi/gone'])
    bench.rules.sensorStatus('attic', 'online')
    expect(bench.retained()).toEqual([])
  })

  it('begins for one that never came online, and not for one that was away for less', async () => {
    const bench = await startRules(GONE)
    for (let time = 0; time < 5; time += 1) {
      bench.rules.sensorStatus('attic', 'offline')
      await bench.clock.advance(4 * MINUTE)
      bench.rules.sensorStatus('attic', 'online')
    }
    expect(bench.retained()).toEqual([])
    bench.rules.sensorStatus('attic', 'offline')
    bench.rules.sensorStatus('attic', 'offline')
    await bench.clock.advance(5 * MINUTE)
    expect(bench.retained()).toEqual(['alerts/pi/gone'])
  })

  it('with 0s begins at once, and hears no other sensor', async () => {
    const bench = await startRules(GONE.replace('5m', '0s'))
    bench.rules.sensorStatus(undefined, 'offline')
    expect(bench.told()).toEqual([])
    bench.rules.sensorStatus('attic', 'offline')
    expect(bench.told()).toEqual(['alerts/pi/gone count 1', 'sensors/pi/attic/alert begin gone 1'])
  })
})

describe('a thousand rules', () => {
  it('cost a reading what those cost that it concerns, and wait for nothing that is not theirs', async () => {
    const yaml = Array.from(
      { length: 1000 },
      (_, index) => `  - { when: { metric: temperature, above: ${index}.5, for: 1m }, then: { alert: a${index} } }`,
    ).join('\n')
    const bench = await startRules(yaml)
    const started = performance.now()
    for (let time = 0; time < 1000; time += 1) bench.rules.reading('attic', { temperature: 2000 })
    // Ten thousand times what it takes; a walk through all rules would be a million steps.
    expect(performance.now() - started).toBeLessThan(1000)
    expect(bench.clock.sleeping).toBe(0)
    for (let time = 0; time < 10; time += 1) bench.rules.reading(undefined, { temperature: 10 })
    expect(bench.clock.sleeping).toBe(10)
    await bench.clock.advance(MINUTE)
    expect(bench.retained()).toHaveLength(10)
    await bench.rules.close()
  })
})
