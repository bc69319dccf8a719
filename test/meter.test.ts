import { describe, expect, it } from 'vitest'
import { parseConfig } from '../src/config/load.ts'
import { createMeter, type Meter } from '../src/meter.ts'

/** As a file says it. */
function meter(keys: string): Meter {
  const text = `gpio: { inputs: [{ pin: 5, mode: counter${keys === '' ? '' : `, ${keys}`} }] }\n`
  const { config, problems } = parseConfig(text, '/etc/sensor-node/config.yaml', { env: {}, hostname: 'h' })
  const [input] = config?.gpio.inputs ?? []
  if (input?.mode !== 'counter') throw new Error(problems.map(({ message }) => message).join())
  return createMeter(input)
}

describe('a meter', () => {
  it('that is not told what a pulse is counts pulses, and pulses per second', () => {
    const { total, rate, unit, rateUnit } = meter('')
    expect([total(1234), rate(2.5), unit, rateUnit]).toEqual([1234, 2.5, undefined, undefined])
  })

  it('of rain tells mm and mm/h, without the noise of binary fractions', () => {
    const { total, rate, unit, rateUnit } = meter('per_pulse: 0.2794, unit: mm, rate: { per: hour }')
    expect([1, 3, 10, 1234].map(total)).toEqual([0.2794, 0.8382, 2.794, 344.7796])
    expect([rate(1 / 60), unit, rateUnit]).toEqual([16.764, 'mm', 'mm/h'])
  })

  it('of electricity tells kWh and W, and what the meter itself shows', () => {
    const { total, rate, rateUnit } = meter(
      'pulses_per_unit: 1000, unit: kWh, offset: 4500.4, rate: { per: hour, scale: 1000, unit: W }',
    )
    expect([total(0), total(1234), rate(1 / 3.6), rateUnit]).toEqual([4500.4, 4501.634, 1000, 'W'])
  })

  it('of water tells litres and litres a minute, also where a pulse is no round number', () => {
    const { total, rate, rateUnit } = meter('pulses_per_unit: 450, unit: l, rate: { per: minute }')
    expect([total(1), total(450), rate(45), rateUnit]).toEqual([0.002222, 1, 6, 'l/min'])
  })

  it('does not make up a unit for a rate that is scaled', () => {
    expect(meter('unit: kWh, rate: { per: hour, scale: 1000 }').rateUnit).toBeUndefined()
  })

  it.each(['0.000000001', '1000000000'])('with %s per pulse still shows each pulse', (amount) => {
    const { total } = meter(`per_pulse: ${amount}`)
    expect(total(2)).toBe(2 * Number(amount))
    expect(total(9_000_000_001)).toBeGreaterThan(total(9_000_000_000))
  })
})
