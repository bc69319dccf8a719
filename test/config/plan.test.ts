import { describe, expect, it } from 'vitest'
import { changesBetween } from '../../src/config/changes.ts'
import { parseConfig } from '../../src/config/load.ts'
import { changesAnything, type Plan, planReload, restartProblems } from '../../src/config/plan.ts'
import type { Config } from '../../src/config/schema.ts'

function parse(text: string) {
  const { config, problems, root } = parseConfig(text, '/etc/sensor-node/config.yaml', { env: {}, hostname: 'pi' })
  if (config === undefined || root === undefined || problems.length > 0) throw new Error(problems[0]?.message)
  return { config, root }
}
const load = (text: string): Config => parse(text).config

/** What a plan says of each part that changes, in short. */
function short({ parts, blocked }: Plan): string[] {
  return [
    ...parts.flatMap(({ part, added, removed, changed }) => [
      ...added.map(({ name }) => `+${part} ${name}`),
      ...removed.map(({ name }) => `-${part} ${name}`),
      ...changed.map(({ name, changes }) => `~${part} ${name}: ${changes.map(({ key }) => key).join()}`),
    ]),
    ...blocked.map(({ key }) => `!${key}`),
  ]
}
const plan = (from: string, to: string, backend?: string): string[] => short(planReload(load(from), load(to), backend))

const SENSORS = `
sensors:
  - { type: bme280 }
  - { id: attic, type: dht11, pin: 4 }
  - { id: board, type: system }
`

describe('the plan of a reload', () => {
  it('is empty where two files mean the same, however they are written', () => {
    const from = load(`node: { id: pi }\n${SENSORS}gpio: { outputs: [{ pin: 17, initial: off, max_on: 1m }] }`)
    const to = load(`gpio: { outputs: [{ pin: 17, initial: false, max_on: 60s }] }
sensors: [{ id: board, type: system, interval: 60s }, { type: bme280, address: 118 }, { id: attic, pin: 4, type: dht11 }]`)
    const found = planReload(from, to)
    expect([short(found), changesAnything(found)]).toEqual([[], false])
    expect(found.parts.map(({ part, unchanged }) => `${part} ${unchanged}`)).toEqual([
      'sensors 3',
      'gpio.outputs 1',
      'gpio.inputs 0',
      'rules 0',
      'node 1',
      'mqtt 1',
      'outbox 1',
      'home_assistant 1',
      'remote 1',
    ])
  })

  it('knows a sensor by its id, and the node’s own one by having none', () => {
    expect(
      plan(
        SENSORS,
        'sensors: [{ type: simulated }, { id: cellar, type: dht11, pin: 4 }, { id: board, type: system, interval: 2m }]',
      ),
    ).toEqual([
      '+sensors cellar',
      '-sensors attic',
      expect.stringMatching(/^~sensors simulated: type/),
      '~sensors board: interval',
    ])
  })

  it('knows a pin by its number, and an input from an output', () => {
    expect(
      plan(
        'gpio: { outputs: [{ pin: 17 }, { pin: 22 }], inputs: [{ pin: 27 }, { pin: 5 }] }',
        'gpio: { outputs: [{ pin: 22, name: Pump, on_disconnect: { state: off } }, { pin: 27 }], inputs: [{ pin: 17 }, { pin: 5, mode: counter, unit: l }] }',
      ),
    ).toEqual([
      '+gpio.outputs 27',
      '-gpio.outputs 17',
      '~gpio.outputs 22: name,on_disconnect.state,on_disconnect.after',
      '+gpio.inputs 17',
      '-gpio.inputs 27',
      expect.stringMatching(/^~gpio.inputs 5: mode,debounce/),
    ])
  })

  it('takes requests over MQTT on, and off', () => {
    expect(plan(SENSORS, `${SENSORS}remote: { actions: [ping] }`)).toEqual(['~remote remote: actions[0]'])
    expect(plan(`${SENSORS}remote: true`, `${SENSORS}remote: false`)).toEqual([
      expect.stringMatching(/^~remote remote: actions\[0\],/),
    ])
  })

  it('names the keys of a section, however deep', () => {
    expect(
      plan(
        `mqtt: { url: 'mqtts://a', tls: { servername: x } }\n${SENSORS}`,
        `mqtt: { url: 'mqtts://a', tls: { servername: y }, keepalive: 10s }\noutbox: { max_records: 7 }\n${SENSORS}`,
      ),
    ).toEqual(['~mqtt mqtt: keepalive,tls.servername', '~outbox outbox: max_records'])
  })

  it.each([
    ['node: { id: other }', ['!node.id']],
    ['node: { id: other }\nmqtt: { client_id: x }', ['~mqtt mqtt: client_id', '!node.id']],
    ["topics: { gpio: 'gpio/{node}', alerts: a }", ['!topics.gpio', '!topics.alerts']],
    ['gpio: { backend: mock }', ['!gpio.backend']],
    ['gpio: { mock_history: x }', ['!gpio.mock_history']],
    ['outbox: { path: x, sync: 2s }', ['~outbox outbox: sync', '!outbox.path']],
  ])('says that only a restart can do %j', (more, expected) => {
    expect(plan(`node: { id: pi }\n${SENSORS}`, `${SENSORS}${more}`)).toEqual(expected)
  })

  it.each([
    ['onoff', ['~gpio.inputs 5', '!gpio.inputs[1].mode']],
    ['chardev', ['~gpio.inputs 5']],
    ['mock', ['~gpio.inputs 5']],
    ['auto', ['~gpio.inputs 5']], // no pin was opened yet
  ])('that brings the first counter to auto, while %s has the pins', (backend, expected) => {
    const from = 'gpio: { inputs: [{ pin: 27 }, { pin: 5 }] }'
    const found = plan(from, 'gpio: { inputs: [{ pin: 27 }, { pin: 5, mode: counter }] }', backend)
    expect(found.map((line) => line.replace(/(inputs 5).*/, '$1'))).toEqual(expected)
  })

  it('tells each key that needs a restart where it stands, or the section where it is not written', () => {
    const from = load(`node: { id: pi }\n${SENSORS}`)
    const { config, root } = parse(`topics: { gpio: pins }\n${SENSORS}gpio:\n  backend: mock\n`)
    const problems = restartProblems(planReload({ ...from, node: { id: 'other' } }, config), root)
    expect(problems.map(({ path, line, column }) => [path, line, column])).toEqual([
      ['node.id', 1, 1],
      ['topics.gpio', 1, 17],
      ['gpio.backend', 8, 12],
    ])
    expect(problems.map(({ suggestion }) => suggestion)).toEqual(Array(3).fill('sudo systemctl restart sensor-node'))
  })
})

describe('two values', () => {
  it.each([
    [{ a: 1 }, { a: 1, b: undefined }, []],
    [{ a: {} }, {}, []],
    [{ a: [1, 2] }, { a: [1, 3, 4] }, ['a[1]', 'a[2]']],
    [{ a: Number.NaN }, { a: Number.NaN }, []],
    [{ a: { b: 1 } }, { a: 1 }, ['a.b', 'a']],
    [{ a: null }, {}, ['a']],
    [1, 2, ['']],
  ])('%j and %j differ in %j', (from, to, keys) => {
    expect(changesBetween(from, to).map(({ key }) => key)).toEqual(keys)
  })
})
