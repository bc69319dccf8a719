/** What a rule needs of the file around it, and how it is told where it lacks it. */
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { told } from './told.ts'

const HOUSE = `
sensors:
  - { type: bme280 }
  - { id: attic, type: dht22, pin: 4 }
  - { id: trial, type: simulated, metrics: { humidity: {} } }
gpio:
  outputs: [{ pin: 17 }, { pin: 22, max_on: 10s }, { pin: 23, min_interval: 30s }]
  inputs: [{ pin: 27 }, { pin: 5, mode: counter }]
rules:
`
const parse = (...rules: string[]) =>
  parseConfig(`${HOUSE}${rules.map((rule) => `  - { ${rule} }\n`).join('')}`, 'config.yaml', {
    env: {},
    hostname: 'pi',
  })
/** The first rule stands on line 10. */
const problemsOf = (...rules: string[]): readonly string[] =>
  told(`${HOUSE}${rules.map((rule) => `  - { ${rule} }\n`).join('')}`, {}, 'pi').problems

const ON = 'then: { set: { pin: 17, state: on } }'
const WARM = 'when: { metric: temperature, above: 30 }'
const PRESSED = 'when: { pin: 27, becomes: on }'

describe('a rule', () => {
  it.each([
    'when: { metric: temperature, sensor: attic, above: 30, for: 1m, hysteresis: 0.5 }, then: { alert: high_temp }',
    'when: { metric: temperature, below: 5, above: 30, hysteresis: 12 }, then: [{ alert: a, publish: { topic: a, payload: 5 } }]',
    'when: { metric: humidity, sensor: trial, above: 40, below: 60 }, then: { alert: a }, repeat: 10m, escalate: { after: 30m, alert: b }',
    'when: { pin: 27, becomes: on, held: 2s, presses: 2 }, then: { set: { pin: 17, state: on, for: 5s } }',
    'when: { pin: 27, becomes: true, presses: 1, within: 1s }, then: [{ set: { pin: 17, state: toggle } }, { alert: a }]',
    'when: { pin: 17, becomes: off, held: 1m }, then: { set: { pin: 22, state: on } }, otherwise: { set: { pin: 22, state: off } }',
    'when: { sensor: attic, offline: 5m }, then: { alert: gone }, escalate: { after: 1h, then: [{ alert: b }, { set: { pin: 17, state: on } }] }',
    "when: { offline: 0s }, then: { publish: { topic: 'gpio/other/17/command', payload: on, qos: 2, retain: true } }",
    'when: { offline: 0s }, then: { publish: { topic: gpio/16/command, payload: off } }',
  ])('may be written so: %s', (rule) => {
    expect(problemsOf(rule)).toEqual([])
  })

  it('has an id by its place where it gives none, one action is a list, and defaults are filled in', () => {
    const [first, second] =
      parse(`${WARM}, ${ON}`, `id: bell, when: { pin: 27, becomes: on, presses: 2 }, ${ON.replace('17', '22')}`).config
        ?.rules ?? []
    expect(first).toEqual({
      id: 'rule-1',
      when: {
        kind: 'metric',
        metric: 'temperature',
        sensor: undefined,
        above: 30,
        below: undefined,
        hysteresis: 0,
        for: 0,
      },
      then: [{ set: { pin: 17, state: 'on' } }],
    })
    expect(second).toMatchObject({ id: 'bell', when: { kind: 'pin', pin: 27, level: 1, presses: 2, within: 500 } })
  })

  it.each([
    [`when: {}, ${ON}`, '10:7 rules[0].when: needs metric, pin or offline: what it is about'],
    [`when: { sensor: attic, above: 3 }, ${ON}`, '10:7 rules[0].when: needs metric, pin or offline: what it is about'],
    [`when: { metric: temperature }, ${ON}`, '10:7 rules[0].when: needs above or below: the limit'],
    [`when: { metric: temperature, above: x }, ${ON}`, '10:43 rules[0].when.above: must be a number; it is x'],
    [
      `when: { metric: temperature, pin: 27, above: 3 }, ${ON}`,
      '10:41 rules[0].when.pin: must not stand beside metric: a condition is about one thing; it is 27, and rules[0].when.metric at 10:23 is temperature',
    ],
    [
      `when: { metric: temperature, above: 3, below: 3 }, ${ON}`,
      '10:53 rules[0].when.below: must not be the same as above; it is 3, and rules[0].when.above at 10:43 is 3',
    ],
    [
      `when: { metric: temperature, above: 3, below: 1, hysteresis: 1 }, ${ON}`,
      '10:68 rules[0].when.hysteresis: must be less than half of what lies between above and below: the condition could not end; it is 1, and rules[0].when.above at 10:43 is 3',
    ],
    [
      `when: { metric: temprature, above: 3 }, ${ON}`,
      '10:23 rules[0].when.metric: must be the name of a metric, such as temperature; it is temprature (did you mean temperature?)',
    ],
    [
      `when: { metric: pressure, sensor: attic, above: 3 }, ${ON}`,
      '10:23 rules[0].when.metric: this sensor does not measure pressure: it measures temperature and humidity',
    ],
    [
      `when: { metric: temperature, sensor: trial, above: 3 }, ${ON}`,
      '10:23 rules[0].when.metric: this sensor does not measure temperature: it measures humidity',
    ],
    [
      `when: { metric: temperature, sensor: atic, above: 3 }, ${ON}`,
      '10:44 rules[0].when.sensor: there is no sensor with this id; it is atic (did you mean attic?)',
    ],
    [
      `when: { sensor: cellar, offline: 3s }, ${ON}`,
      '10:23 rules[0].when.sensor: there is no sensor with this id; it is cellar (there is attic and trial)',
    ],
    [
      `when: { pin: 27, becomes: on, for: 3s }, ${ON}`,
      '10:42 rules[0].when.for: is not for a pin: write held; it is 3s, and rules[0].when.pin at 10:20 is 27',
    ],
    [`when: { pin: 27 }, ${ON}`, '10:7 rules[0].when: lacks becomes, which must be on or off'],
    [`when: { pin: 27, becomes: on, within: 1s }, ${ON}`, '10:45 rules[0].when.within: needs presses beside it'],
    [`when: { pin: 27, becoms: on }, ${ON}`, '10:24 rules[0].when.becoms: unknown key (did you mean becomes?)'],
    [
      `when: { pin: 5, becomes: on }, ${ON}`,
      '10:20 rules[0].when.pin: pin 5 counts pulses: it has no level to wait for (take an input with mode: state)',
    ],
    [
      `when: { pin: 6, becomes: on }, ${ON}`,
      '10:20 rules[0].when.pin: pin 6 is neither an input nor an output (add { pin: 6 } to gpio.inputs)',
    ],
    [
      `when: { pin: 22, becomes: on, presses: 2 }, ${ON}`,
      '10:46 rules[0].when.presses: pin 22 is an output, which nobody presses (remove presses)',
    ],
    [
      `${WARM}, then: { set: { pin: 27, state: on } }`,
      '10:69 rules[0].then.set.pin: pin 27 is an input (take an output)',
    ],
    [
      `${WARM}, then: { set: { pin: 6, state: on } }`,
      '10:69 rules[0].then.set.pin: pin 6 is not among gpio.outputs (add { pin: 6 } to gpio.outputs)',
    ],
    [
      `${WARM}, then: { set: { pin: 22, state: on, for: 11s } }`,
      '10:89 rules[0].then.set.for: must not be longer than the pin’s max_on, which is 10s',
    ],
    [
      `${WARM}, then: { set: { pin: 23, state: on, for: 1s } }`,
      '10:89 rules[0].then.set.for: must not be shorter than the pin’s min_interval, which is 30s',
    ],
    [`${WARM}, then: {}`, '10:49 rules[0].then: needs alert, set or publish: what is to be done'],
    [`${WARM}, then: []`, '10:49 rules[0].then: must have at least one action; it is a list'],
    [`${WARM}, thn: { alert: a }`, '10:49 rules[0].thn: unknown key (did you mean then?)'],
    [`${WARM}, then: { alrt: a }`, '10:57 rules[0].then.alrt: unknown key (did you mean alert?)'],
    [
      `${WARM}, then: { publish: { topic: 'a/+', payload: x } }`,
      "10:75 rules[0].then.publish.topic: must contain none of the wildcards + and #: it is published on; it is the text 'a/+'",
    ],
    [
      `${WARM}, then: { publish: { topic: gpio/17/command, payload: on } }`,
      '10:75 rules[0].then.publish.topic: is a topic that this very node obeys: a rule commands others by it (write set, which needs no broker)',
    ],
    ...['devices/{node}/health', 'sensors/pi/temperature', 'alerts/pi/x', 'gpio/17/state'].map(
      (topic): [string, string] => [
        `${WARM}, then: { publish: { topic: '${topic}', payload: x } }`,
        '10:75 rules[0].then.publish.topic: is a topic of this node’s own, which has its meaning already (take one with another beginning)',
      ],
    ),
    [
      `${WARM}, ${ON}, repeat: 10m`,
      '10:96 rules[0].repeat: needs an alert in then: its event is what is repeated; it is 10m, and rules[0].then at 10:49 is a list',
    ],
    [
      `${WARM}, then: { alert: a }, otherwise: { alert: b }`,
      '10:69 rules[0].otherwise: must have no alert: those of then end by themselves; rules[0].then at 10:49 is a list',
    ],
    [
      `when: { pin: 27, becomes: on, presses: 2 }, ${ON}, otherwise: { set: { pin: 17, state: off } }`,
      '10:90 rules[0].otherwise: is for a condition that lasts, and presses are over at once; rules[0].when at 10:7 is a section',
    ],
    [`${WARM}, ${ON}, priority: high`, '10:98 rules[0].priority: must be a whole number; it is high'],
    [
      `id: 'a b', ${WARM}, ${ON}`,
      "10:11 rules[0].id: must be 1 to 64 letters, digits, _ or -; it is the text 'a b' (did you mean a-b?)",
    ],
    [
      `${PRESSED}, then: { alert: a }, escalate: { after: 1m }`,
      '10:59 rules[0].escalate: needs alert, set or publish: what is to be done',
    ],
  ])('is refused where it can’t be meant: %s', (rule, problem) => {
    expect(problemsOf(rule)).toEqual([problem])
  })

  it('has an id of its own, given or not', () => {
    expect(problemsOf(`id: a, ${PRESSED}, ${ON}`, `id: a, ${WARM}, then: { alert: x }`)).toEqual([
      '11:11 rules[1].id: is the id of two rules: this one, and rules[0].id at 10:11 (ids must differ)',
    ])
    expect(problemsOf(`id: rule-2, ${PRESSED}, ${ON}`, `${WARM}, then: { alert: x }`)).toEqual([
      '10:11 rules[0].id: is the id of two rules: this one, and rules[1] at 11:5, which gives none (ids must differ)',
    ])
  })

  it('has alerts of its own, those of its escalation included', () => {
    expect(
      problemsOf(`${PRESSED}, then: { alert: a }`, `${WARM}, then: { alert: b }, escalate: { after: 1m, alert: a }`),
    ).toEqual([
      '11:99 rules[1].escalate.alert: is an alert that is raised twice: here, and at rules[0].then.alert at 10:54: who would clear it? (give each a name of its own)',
    ])
  })

  it('where the own sensor is meant and all have ids, is told which there are', () => {
    const text = `sensors:\n  - { id: attic, type: dht22, pin: 4 }\nrules:\n  - { ${WARM}, then: { alert: a } }\n`
    expect(told(text).problems).toEqual([
      '4:23 rules[0].when.metric: there is no sensor without an id (name one: sensor: attic)',
    ])
  })

  it('with a fault beside it has no second complaint', () => {
    const text = HOUSE.replace('id: attic, ', 'id: "at tic", ').replace('{ pin: 17 }', '{ pin: 177 }')
    expect(
      told(`${text}  - { when: { metric: temperature, sensor: attic, above: 3 }, ${ON} }\n`).problems,
    ).toHaveLength(2)
  })
})

describe('two rules that set one pin', () => {
  it('need a priority each, told with both places', () => {
    const [problem, ...more] = problemsOf(`id: fan, ${WARM}, ${ON}`, `id: button, ${PRESSED}, ${ON}`)
    expect(more).toEqual([])
    expect(problem).toBe(
      '11:71 rules[1].then.set.pin: pin 17 is set by two rules: by button, and by fan (rules[0].then.set.pin at 10:78): which one decides? (give both a priority, such as 1 and 2; the higher one decides)',
    )
    expect(problemsOf(`${WARM}, ${ON}, priority: 1`, `${PRESSED}, ${ON}`)).toHaveLength(1)
    expect(problemsOf(`${WARM}, ${ON}`, `${PRESSED}, ${ON}, priority: 1`)).toHaveLength(1)
    expect(problemsOf(`${WARM}, ${ON}, priority: 1`, `${PRESSED}, ${ON}, priority: 2`)).toEqual([])
  })

  it('need different ones, also where the pin is set by otherwise or an escalation', () => {
    const other = `${PRESSED}, then: { alert: a }, escalate: { after: 1m, set: { pin: 17, state: off } }, priority: 1`
    expect(
      problemsOf(
        `id: fan, ${WARM}, then: { alert: b }, otherwise: { set: { pin: 17, state: off } }, priority: 1`,
        other,
      ),
    ).toEqual([
      '11:124 rules[1].priority: is the priority of two rules that set pin 17: of rule-2, and of fan (rules[0].otherwise.set.pin at 10:103) (priorities must differ; the higher one decides)',
    ])
  })

  it('of which there are three are told once each', () => {
    expect(problemsOf(`${WARM}, ${ON}`, `${PRESSED}, ${ON}`, `when: { offline: 1m }, ${ON}`)).toHaveLength(2)
  })

  it('may be one rule, twice', () => {
    expect(problemsOf(`${WARM}, ${ON}, otherwise: { set: { pin: 17, state: off } }`)).toEqual([])
  })
})

describe('a rule on an output', () => {
  it('does not set that output', () => {
    expect(problemsOf(`when: { pin: 17, becomes: on }, then: { set: { pin: 17, state: off } }`)).toEqual([
      '10:59 rules[0].then.set.pin: is the pin that sets off this very rule: it would go round for ever (a rule must not come back to the pin that sets it off)',
    ])
  })

  it('does not come back to itself by others', () => {
    const [problem, ...more] = problemsOf(
      `when: { pin: 17, becomes: on }, then: { set: { pin: 22, state: on } }`,
      `id: next, when: { pin: 22, becomes: on }, then: { alert: x }, escalate: { after: 1s, set: { pin: 23, state: on } }`,
      `when: { pin: 23, becomes: on }, then: { set: { pin: 17, state: off } }`,
    )
    expect(more).toEqual([])
    expect(problem).toContain('10:59 rules[0].then.set.pin: sets off next (rules[1] at 11:5) and')
    expect(problem).toContain('rule-3 (rules[2] at 12:5)')
    expect(
      problemsOf(
        `when: { pin: 17, becomes: on }, then: { set: { pin: 22, state: on } }`,
        `when: { pin: 22, becomes: on }, then: { set: { pin: 23, state: on } }`,
      ),
    ).toEqual([])
  })
})
