import { describe, expect, it } from 'vitest'
import { createBirth } from '../src/birth.ts'
import { parseConfig } from '../src/config/load.ts'
import { createTelemetry } from '../src/telemetry.ts'
import { FakeClock } from './fakes/fake-clock.ts'

function setUp(keys = 'mode: state') {
  const text = `node: { id: n1 }\ngpio: { inputs: [{ pin: 27, ${keys} }] }\n`
  const { config } = parseConfig(text, '/etc/sensor-node/config.yaml', { env: {}, hostname: 'h' })
  if (config === undefined) throw new Error('the configuration is wrong')
  const telemetry = createTelemetry({ node: 'n1', run: 'r', topics: config.topics })
  const gpio: { backend: string; reason?: string } = { backend: 'auto' }
  const host = { host: 'h', kernel: '6.12' }
  const birth = createBirth({
    config: () => config,
    telemetry,
    run: 'r',
    version: '1',
    simulate: false,
    gpio,
    clock: new FakeClock(),
    host,
  })
  return { birth, gpio, told: () => JSON.parse(String(birth.message().payload)) }
}

describe('the birth message', () => {
  it('tells the GPIO backend and why, as it is when the message is made', () => {
    const { gpio, told } = setUp()
    expect(told()).toMatchObject({ gpio: 'auto' })
    expect(told()).not.toHaveProperty('gpio_reason')
    Object.assign(gpio, { backend: 'chardev', reason: 'no sysfs' })
    expect(told()).toMatchObject({ gpio: 'chardev', gpio_reason: 'no sysfs' })
  })

  it('tells of a counter its mode, its units and its topics', () => {
    const { told } = setUp('mode: counter, name: Rain, per_pulse: 0.2794, unit: mm, rate: { per: hour }')
    expect(told().pins).toEqual([
      {
        ...{ pin: 27, name: 'Rain', direction: 'input', mode: 'counter', interval: 10, unit: 'mm', rate_unit: 'mm/h' },
        topics: { total: 'gpio/27/total', rate: 'gpio/27/rate', data: 'gpio/27/data' },
      },
    ])
  })

  it('tells of any other pin its direction and its topics', () => {
    expect(setUp().told().pins).toEqual([{ pin: 27, direction: 'input', topics: { state: 'gpio/27/state' } }])
  })

  it('is outdated by another backend, once it was told, until it is told anew', () => {
    const { birth, gpio } = setUp()
    gpio.backend = 'onoff'
    expect(birth.outdated()).toBe(false)
    birth.message()
    gpio.backend = 'chardev'
    expect(birth.outdated()).toBe(true)
    birth.message()
    expect(birth.outdated()).toBe(false)
  })
})
