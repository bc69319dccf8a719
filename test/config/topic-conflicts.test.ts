// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a configuration names a variable
import { describe, expect, it } from 'vitest'
import { told } from './told.ts'

const OWN = 'sensors: [{ type: system }]\n'
const NAMED = (id: string) => `sensors: [{ type: system, id: ${id} }]\n`
const PINS = 'gpio: { outputs: [{ pin: 17 }] }\n'

const problemsOf = (text: string, env: Readonly<Record<string, string>> = {}) =>
  told(text, env).problems.map((line) => line.replace(' (give each prefix a beginning of its own)', ''))

describe('prefixes that yield one topic twice', () => {
  it('are told at the later one, with the place of the other', () => {
    expect(problemsOf(`${OWN}topics:\n  devices: home/{node}\n  sensors: home/{node}\n`)).toEqual([
      '4:12 topics.sensors: yields the topic home/{node}/status, which is taken: home/{node}/status comes from topics.devices at 3:12',
    ])
  })

  it('are told with the default, where one is not in the file', () => {
    expect(problemsOf(`${OWN}topics: { sensors: "devices/{node}" }\n`)).toEqual([
      '2:20 topics.sensors: yields the topic devices/{node}/status, which is taken: devices/{node}/status comes from topics.devices (by default devices/{node})',
    ])
  })

  it('may be equal only when {node} is replaced', () => {
    expect(problemsOf(`${OWN}topics: { sensors: devices/rpi001 }\n`)).toHaveLength(1)
    expect(problemsOf(`${OWN}topics: { sensors: devices/rpi002 }\n`)).toEqual([])
    expect(problemsOf(`node: { id: rpi002 }\n${OWN}topics: { sensors: devices/rpi002 }\n`)).toHaveLength(1)
  })

  it('can overlap by the id of a sensor, which is named', () => {
    expect(problemsOf(`${NAMED('rpi001')}topics: { sensors: devices }\n`)).toEqual([
      '2:20 topics.sensors: yields, with sensors[0].id at 1:31, the topic devices/rpi001/status, which is taken: devices/{node}/status comes from topics.devices (by default devices/{node})',
    ])
    expect(problemsOf(`${NAMED('x')}topics: { devices: "sensors/{node}/x" }\n`)).toEqual([
      '2:20 topics.devices: yields the topic sensors/{node}/x/status, which is taken: sensors/{node}/x/status comes from topics.sensors (by default sensors/{node}) with sensors[0].id at 1:31',
    ])
  })

  it('may be equal where no topic really meets another', () => {
    expect(problemsOf(`${NAMED('board')}topics: { sensors: home, devices: home }\n`)).toEqual([])
    expect(problemsOf(`${NAMED('board')}topics: { sensors: home, devices: home/x }\n`)).toEqual([])
  })

  it('are told once for each two of them', () => {
    expect(problemsOf(`${OWN}${PINS}topics: { sensors: a, devices: a, gpio: a, alerts: a }\n`)).toHaveLength(3)
  })

  it('can meet what alerts may be called', () => {
    expect(problemsOf(`${OWN}topics: { alerts: "sensors/{node}" }\n`)).toEqual([
      '2:19 topics.alerts: yields the topic sensors/{node}/+, which is taken: sensors/{node}/cpu_temperature comes from topics.sensors (by default sensors/{node})',
    ])
  })

  it('can meet the topics that commands come in on', () => {
    expect(problemsOf(`${OWN}${PINS}topics: { alerts: gpio/5 }\n`)).toEqual([
      '3:19 topics.alerts: yields the topic gpio/5/+, which is taken: gpio/+/command comes from topics.gpio (by default gpio)',
    ])
    expect(problemsOf(`${OWN}topics: { alerts: gpio/5 }\n`)).toEqual([])
  })

  it('are compared beside faults elsewhere, and not where they are wrong themselves', () => {
    const both = 'topics: { sensors: a, devices: a }\n'
    expect(problemsOf(`sensors: [{ type: system, interval: 1 }]\n${both}`)).toHaveLength(2)
    expect(problemsOf(`sensors: [{ type: x }]\n${both}`)).toHaveLength(2)
    expect(problemsOf(`${OWN}topics: { sensors: a, devices: a, foo: 1 }\n`)).toHaveLength(2)
    expect(problemsOf(`${OWN}topics: { sensors: "sensors/#", devices: "sensors/{node}" }\n`)).toHaveLength(1)
  })

  it('are not confused by two sensors with one id, which is told elsewhere', () => {
    expect(problemsOf('sensors: [{ type: system, id: a }, { type: system, id: a }]\n')).toHaveLength(1)
  })

  it('are shown as the file has them, where they come from the environment', () => {
    const [problem = '', ...more] = problemsOf(`${OWN}topics:\n  sensors: \${P}\n  devices: secret/x\n`, {
      P: 'secret/x',
    })
    expect(more).toEqual([])
    expect(problem).toBe(
      '4:12 topics.devices: yields a topic, which is taken: the same one comes from topics.sensors at 3:12',
    )
  })

  it('may not outgrow their limit when {node} is replaced', () => {
    const long = `${'{node}/'.repeat(20)}x`
    expect(problemsOf(`node: { id: ${'n'.repeat(64)} }\n${OWN}topics: { gpio: "${long}" }\n`)).toEqual([
      '3:17 topics.gpio: must have at most 200 characters when the id of the node takes the place of {node}',
    ])
  })
})

it('the defaults never meet, whatever the ids are', () => {
  for (const id of ['status', 'data', 'temperature', 'rpi001', 'devices', '17']) {
    expect(
      problemsOf(`node: { id: "17" }\nsensors: [{ type: simulated }, { type: simulated, id: "${id}" }]\n${PINS}`),
    ).toEqual([])
  }
})
