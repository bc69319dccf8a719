/** The message for Home Assistant: as the golden file has it, accepted by Home Assistant's rules, its identity made of ids alone. */
import { readFileSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/load.ts'
import { components, discovery } from '../../src/home-assistant/discovery.ts'
import { mayMeasure } from '../../src/may-measure.ts'
import { QUANTITY_NAMES, type Quantity } from '../../src/reading.ts'
import { createTelemetry, type Message } from '../../src/telemetry.ts'
import { accepted, type Discovery } from './rules.ts'

const HOUSE = `
node: { id: rpi001, name: Cellar }
home_assistant: { area: Cellar }
sensors:
  - { type: bme280, interval: 10s, metrics: { temperature: { digits: 1 } } }
  - { id: attic, name: Cellar attic, type: dht11, pin: 4, interval: 30s, metrics: { humidity: { change: 2 }, temperature: { change: 1, heartbeat: 10m } } }
  - { id: board, type: system, interval: 1m }
  - { id: light, type: bh1750, interval: 10s }
gpio:
  outputs:
    - { pin: 17, name: LED }
    - { pin: 22 }
  inputs:
    - { pin: 27, name: Front door, device_class: door }
    - { pin: 23 }
    - { pin: 5, name: Rain, mode: counter, per_pulse: 0.2794, unit: mm, device_class: precipitation, rate: { per: hour } }
    - { pin: 6, name: Meter, mode: counter, pulses_per_unit: 1000, unit: kWh, rate: { per: hour, scale: 1000, unit: W } }
    - { pin: 13, mode: counter, interval: 1m }
`

const GOLDEN = new URL('../golden/discovery.txt', import.meta.url)

function messageOf(
  yaml: string,
  quantitiesOf: (id: string | undefined) => readonly Quantity[] | undefined = () => undefined,
): Message {
  const { config, problems } = parseConfig(yaml, 'config.yaml', { env: {}, hostname: 'pi' })
  const prefix = config?.home_assistant?.prefix
  if (config === undefined || prefix === undefined || problems.length > 0) throw new Error(JSON.stringify(problems))
  const telemetry = createTelemetry({ node: config.node.id, topics: config.topics, run: 'r' })
  const all = components(config, telemetry, (sensor) => quantitiesOf(sensor.id) ?? mayMeasure(sensor))
  const about = {
    version: '1.2.3',
    supportUrl: 'https://example.org/sensor-node',
    model: 'Raspberry Pi 4 Model B Rev 1.4',
  }
  return telemetry.discovery(prefix, discovery(config, all, about))
}

const read = (yaml: string): Discovery => accepted(messageOf(yaml))

/** By key: unique id and entity id. */
function identities(yaml: string): Record<string, unknown[]> {
  const entries = Object.entries(read(yaml).components)
  return Object.fromEntries(
    entries.map(([key, one]) => [key, 'unique_id' in one ? [one.unique_id, one.default_entity_id] : []]),
  )
}

const sensors = (...lines: string[]): string =>
  `node: { id: n }\nhome_assistant: true\nsensors:\n${lines.map((line) => `  - ${line}\n`).join('')}`

describe('the discovery message', () => {
  it('is what the golden file says, and what Home Assistant accepts', () => {
    const message = messageOf(HOUSE)
    const text = `${message.topic} qos ${message.qos}${message.retain ? ' retained' : ''}\n${JSON.stringify(JSON.parse(message.payload), undefined, 2)}\n`
    if (process.env.SENSOR_NODE_WRITE === 'golden') writeFileSync(GOLDEN, text)
    expect(text).toBe(readFileSync(GOLDEN, 'utf8'))
    const { device, origin } = accepted(message)
    expect(device).toMatchObject({
      name: 'Cellar',
      manufacturer: 'Raspberry Pi',
      sw_version: '1.2.3',
      suggested_area: 'Cellar',
    })
    expect(origin).toEqual({ name: 'sensor-node', sw_version: '1.2.3', support_url: 'https://example.org/sensor-node' })
  })

  it.each(QUANTITY_NAMES)('has an entity for %s that Home Assistant accepts', (quantity) => {
    const yaml = sensors(`{ id: s, type: simulated, interval: 1s, metrics: { ${quantity}: {} } }`)
    expect(Object.keys(read(yaml).components).filter((key) => key.startsWith('sensor.'))).toHaveLength(1)
  })

  it('has only what the chip has: a BMP280 opened as bme280 has no humidity', () => {
    const message = messageOf(sensors('{ type: bme280, interval: 10s }'), () => ['temperature', 'pressure'])
    const keys = Object.keys(accepted(message).components).filter((key) => key.startsWith('own.'))
    expect(keys).toEqual(['own.temperature', 'own.pressure'])
  })

  it('is there while the node and the sensor are: both have to say so', () => {
    const { components } = read(HOUSE)
    const topicsOf = (key: string): unknown => {
      const one = components[key]
      return one !== undefined && 'availability' in one
        ? [one.availability_mode, one.availability?.map(({ topic }) => topic)]
        : undefined
    }
    expect(topicsOf('sensor.attic.temperature')).toEqual([
      'all',
      ['devices/rpi001/status', 'sensors/rpi001/attic/status'],
    ])
    expect(topicsOf('own.temperature')).toEqual(['all', ['devices/rpi001/status', 'sensors/rpi001/status']])
    expect(topicsOf('output.17')).toEqual(['all', ['devices/rpi001/status']])
    expect(components['node.connection']).not.toHaveProperty('availability')
  })

  it('lets a value expire later than the broker does, and never one that may keep silent for ever', () => {
    const { components } = read(HOUSE)
    expect(components['own.temperature']).toMatchObject({ expire_after: 90, suggested_display_precision: 1 })
    expect(components['sensor.attic.temperature']).toMatchObject({ expire_after: 1860 })
    expect(components['sensor.attic.humidity']).not.toHaveProperty('expire_after')
    expect(components['counter.5.total']).not.toHaveProperty('expire_after')
  })

  it('takes the machine’s own values for diagnostic, and no others', () => {
    const { components } = read(HOUSE)
    const diagnostic = Object.entries(components).flatMap(([key, one]) => ('entity_category' in one ? [key] : []))
    expect(diagnostic.every((key) => key.startsWith('sensor.board.') || key.startsWith('node.'))).toBe(true)
    expect(diagnostic.length).toBeGreaterThan(12)
    expect(components['sensor.board.under_voltage.alarm']).toMatchObject({
      platform: 'binary_sensor',
      device_class: 'problem',
    })
  })

  it('shows an alarm that a filter has moved as the number that it is', () => {
    const yaml = sensors('{ type: system, interval: 1m, metrics: { throttled: { scale: 100 } } }')
    expect(read(yaml).components['own.throttled']).toMatchObject({ platform: 'sensor' })
  })
})

describe('the identity of an entity', () => {
  it('does not change with any label', () => {
    const renamed = HOUSE.replace('name: Cellar }', 'name: Garage }')
      .replace('Cellar attic', 'Loft')
      .replace('name: LED', 'name: Lamp')
      .replace('Front door', 'Back door')
      .replace('name: Rain', 'name: Shower')
      .replace('{ pin: 22 }', '{ pin: 22, name: Pump }')
    expect(renamed).not.toContain('Front')
    expect(identities(renamed)).toEqual(identities(HOUSE))
    expect(read(renamed)).not.toEqual(read(HOUSE))
  })

  it('does not change with what else the node has, nor with the order', () => {
    const [a, b] = ['{ id: a, type: bme280, interval: 1s }', '{ id: b, type: system }']
    const alone = identities(sensors(a))
    expect(identities(sensors(b, a))).toMatchObject(alone)
    expect(identities(sensors(a, b))).toMatchObject(alone)
  })

  it.each([
    [
      'the node’s own, and a sensor called own',
      '{ type: bme280, interval: 1s }',
      '{ id: own, type: bme280, address: 0x77 }',
    ],
    ['cpu with a temperature, and the CPU temperature', '{ type: system }', '{ id: cpu, type: bme280 }'],
    ['ids that differ in case', '{ id: A, type: bme280 }', '{ id: a, type: bme280, address: 0x77 }'],
    ['ids that differ in a stroke', '{ id: a-b, type: bme280 }', '{ id: a_b, type: bme280, address: 0x77 }'],
    ['x_cpu temperature, and x CPU temperature', '{ id: x_cpu, type: bme280 }', '{ id: x, type: system }'],
    ['an id of nothing but strokes', '{ id: "-", type: bme280 }', '{ id: _, type: bme280, address: 0x77 }'],
  ])('is another one for another thing: %s', (_, ...lines) => {
    read(sensors(...lines)) // the rules want them unique
    expect(identities(sensors(...lines))).toEqual(
      Object.fromEntries(Object.entries(identities(sensors(...lines.toReversed())))),
    )
  })

  it('is another one on another node, whatever the ids of node and sensor are made of', () => {
    const ids = fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/)
    const unique = (node: string, sensor: string): unknown =>
      identities(`node: { id: "${node}" }\nhome_assistant: true\nsensors: [{ id: "${sensor}", type: sht3x }]\n`)[
        `sensor.${sensor}.temperature`
      ]?.[0]
    expect(unique('a_b', 'c')).not.toBe(unique('a', 'b_c'))
    fc.assert(
      fc.property(ids, ids, ids, ids, (node, sensor, otherNode, otherSensor) => {
        const same = node === otherNode && sensor === otherSensor
        expect(unique(node, sensor) === unique(otherNode, otherSensor)).toBe(same)
      }),
      { numRuns: 50 },
    )
  })
})

describe('the name of an entity', () => {
  const nameOf = (yaml: string, key: string): unknown => {
    const one = read(yaml).components[key]
    return one !== undefined && 'name' in one ? one.name : undefined
  }
  const pin = (node: string, name: string): string =>
    `node: { id: n, name: ${node} }\nhome_assistant: true\ngpio: { outputs: [{ pin: 17, name: "${name}" }] }\n`

  it.each([
    ['Attic', 'LED', 'LED'],
    ['Attic', 'attic lamp', 'Lamp'],
    ['Attic', 'Attic', 'GPIO17'],
    ['Attic', 'Attica', 'Attica'],
    ['Attic', 'attic-attic lamp', 'Lamp'],
    ['living-room', 'living_room lamp', 'Lamp'],
    ['Küche', 'Küche: Licht', 'Licht'],
    ['Attic', 'iPhone charger', 'iPhone charger'],
  ])('on the device %s, %s is %s', (device, name, shown) => expect(nameOf(pin(device, name), 'output.17')).toBe(shown))

  it('is that of the quantity for the node’s own sensor, and begins with label or id for another', () => {
    const yaml = sensors(
      '{ type: sht3x }',
      '{ id: attic, type: bme280 }',
      '{ id: x, name: Loft, type: system }',
      '{ id: k, type: iio, name: si7020 }',
    )
    expect(nameOf(yaml, 'own.temperature')).toBe('Temperature')
    expect(nameOf(yaml, 'sensor.attic.temperature')).toBe('attic temperature')
    expect(nameOf(yaml, 'sensor.x.cpu_temperature')).toBe('Loft CPU temperature')
    expect(nameOf(yaml, 'sensor.k.temperature')).toBe('k temperature') // the name of iio is the chip’s
  })
})

describe('the rules', () => {
  const good = (): Record<string, Record<string, unknown>> & { components: Record<string, Record<string, unknown>> } =>
    JSON.parse(messageOf(HOUSE).payload)
  const refused = (change: (message: ReturnType<typeof good>) => unknown): (() => unknown) => {
    const message = good()
    change(message)
    return () =>
      accepted({ topic: 'homeassistant/device/rpi001/config', retain: true, payload: JSON.stringify(message) })
  }
  const part = (message: ReturnType<typeof good>, key: string): Record<string, unknown> => message.components[key] ?? {}

  it.each<[string, (message: ReturnType<typeof good>) => unknown]>([
    ['a key that the platform does not have', (m) => Object.assign(part(m, 'output.17'), { unit_of_measurement: 'W' })],
    [
      'a unit that is not of the device class',
      (m) => Object.assign(part(m, 'own.temperature'), { unit_of_measurement: 'C' }),
    ],
    [
      'a state class that is not of the device class',
      (m) => Object.assign(part(m, 'counter.6.total'), { state_class: 'measurement' }),
    ],
    [
      'a unique id that is there twice',
      (m) => Object.assign(part(m, 'own.humidity'), { unique_id: part(m, 'own.temperature').unique_id }),
    ],
    ['an entity id that is none', (m) => Object.assign(part(m, 'output.17'), { default_entity_id: 'switch.a__b' })],
    [
      'an entity id of another platform',
      (m) => Object.assign(part(m, 'output.17'), { default_entity_id: 'sensor.led' }),
    ],
    ['a name that begins with the device’s', (m) => Object.assign(part(m, 'output.17'), { name: 'Cellar LED' })],
    ['a component without a unique id', (m) => delete part(m, 'output.17').unique_id],
    ['a switch without a topic for commands', (m) => delete part(m, 'output.17').command_topic],
    [
      'a template that is more than one expression',
      (m) => Object.assign(part(m, 'node.version'), { value_template: '{% set a = 1 %}' }),
    ],
    ['a message without an origin', (m) => delete (m as Record<string, unknown>).origin],
    ['a device without identifiers', (m) => Object.assign(m.device ?? {}, { identifiers: [] })],
  ])('refuse %s', (_, change) => expect(refused(change)).toThrow())

  it('refuse a message that is not retained, and one on another topic', () => {
    const message = messageOf(HOUSE)
    expect(() => accepted({ ...message, retain: false })).toThrow(/restart/)
    expect(() => accepted({ ...message, topic: 'homeassistant/sensor/x/config' })).toThrow(/no topic/)
  })
})
