/** What the configuration says of Home Assistant, and what it refuses. */
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { formatProblem } from '../../src/errors.ts'

const REST = 'sensors: [{ type: system }]\n'
const parse = (text: string) => parseConfig(text + REST, 'config.yaml', { env: {}, hostname: 'pi' })
const of = (text: string): unknown => parse(text).config?.home_assistant
const problems = (text: string): string[] => parse(text).problems.map((problem) => formatProblem('c', problem))

describe('home_assistant', () => {
  it.each(['', 'home_assistant: false\n'])('is off by default, and by %j', (text) => {
    expect(problems(text)).toEqual([])
    expect(of(text)).toBeUndefined()
  })

  it.each(['home_assistant: true\n', 'home_assistant: {}\n', 'home_assistant:\n'])(
    'is on by %j, with its defaults',
    (text) => {
      expect(problems(text)).toEqual([])
      expect(of(text)).toEqual({ prefix: 'homeassistant', status_topic: 'homeassistant/status' })
    },
  )

  it('takes prefix, status topic and area', () => {
    expect(of('home_assistant: { prefix: house/ha, area: Attic }\n')).toEqual({
      prefix: 'house/ha',
      status_topic: 'house/ha/status',
      area: 'Attic',
    })
    expect(of('home_assistant: { status_topic: hass/birth }\n')).toMatchObject({ status_topic: 'hass/birth' })
  })

  it.each([
    ['home_assistant: yes please\n', /home_assistant: must be true, false, or a section/],
    ['home_assistant: { prefx: a }\n', /home_assistant\.prefx: unknown key \(did you mean prefix\?\)/],
    ['home_assistant: { prefix: "a/#" }\n', /home_assistant\.prefix: must contain none of the wildcards/],
    ['home_assistant: { prefix: "a/{node}" }\n', /home_assistant\.prefix: must be the same for all nodes/],
    ['home_assistant: { area: "" }\n', /home_assistant\.area: must not be empty/],
    [
      'home_assistant: true\ntopics: { devices: homeassistant }\n',
      /home_assistant: Home Assistant would announce itself on a topic of this node/,
    ],
    [
      'home_assistant: { status_topic: devices/pi/status }\n',
      /home_assistant\.status_topic: Home Assistant would announce/,
    ],
    [
      'home_assistant: { status_topic: gpio/17/command }\n',
      /home_assistant\.status_topic: Home Assistant would announce/,
    ],
  ])('refuses %j, and says why', (text, message) => {
    expect(problems(text)).toHaveLength(1)
    expect(problems(text)[0]).toMatch(message)
  })
})

describe('the device class of an input', () => {
  const input = (fields: string): string => `gpio: { inputs: [{ pin: 27, ${fields} }] }\n`

  it.each([
    'device_class: door',
    'device_class: motion, mode: state',
    'device_class: water, mode: counter, unit: L',
    'device_class: energy, mode: counter, unit: kWh',
    'device_class: gas, mode: counter, unit: m³',
  ])('may be %s', (fields) => expect(problems(input(fields))).toEqual([]))

  it.each([
    ['device_class: dor', /device_class: must be a device class of Home Assistant.*did you mean door/],
    ['device_class: water', /device_class: must be .* with mode: state/],
    ['device_class: door, mode: counter', /device_class: must be energy, gas, .* with mode: counter/],
    ['device_class: water, mode: counter, unit: l', /device_class: needs unit: m³, L, .* beside it/],
    ['device_class: energy, mode: counter', /device_class: needs unit: Wh/],
  ])('may not be %s', (fields, message) => {
    expect(problems(input(fields))).toHaveLength(1)
    expect(problems(input(fields))[0]).toMatch(message)
  })
})

describe('the labels of node and sensors', () => {
  it('are taken, and have a longest length', () => {
    const { config } = parse('node: { id: n, name: Kitchen }\n')
    expect(config?.node).toEqual({ id: 'n', name: 'Kitchen' })
    expect(problems(`node: { name: ${'x'.repeat(65)} }\n`)[0]).toMatch(/node\.name: must have at most 64 characters/)
  })
})
