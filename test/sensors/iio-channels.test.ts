import { describe, expect, it } from 'vitest'
import { channelNames, channelsOf, numberIn } from '../../src/sensors/iio-channels.ts'

/** What the files give, as `temperature: in_temp_input`. */
function sources(...files: string[]): string[] {
  return channelsOf(files).map(({ quantity, source }) => `${quantity}: ${Object.values(source).join(' ')}`)
}

describe('the channels', () => {
  it('take the driver’s own result before a raw number', () => {
    expect(sources('in_temp_raw', 'in_temp_scale', 'in_temp_input')).toEqual(['temperature: in_temp_input'])
  })

  it('take a raw number with its own or its kind’s scale and offset', () => {
    expect(sources('in_voltage3_raw', 'in_voltage_scale', 'in_voltage3_offset')).toEqual([
      'voltage: in_voltage3_raw in_voltage_scale in_voltage3_offset',
    ])
    expect(sources('in_temp_raw', 'in_temp_scale')).toEqual(['temperature: in_temp_raw in_temp_scale '])
  })

  it('take the one without a number, or the only one with a number', () => {
    expect(sources('in_temp0_input', 'in_temp_input')).toEqual(['temperature: in_temp_input'])
    expect(sources('in_illuminance0_input')).toEqual(['illuminance: in_illuminance0_input'])
  })

  it.each([
    ['two inputs', ['in_voltage0_raw', 'in_voltage1_raw', 'in_voltage_scale']],
    ['a difference', ['in_voltage0-voltage1_raw', 'in_voltage0-voltage1_scale']],
    ['the object or the air', ['in_temp_object_raw', 'in_temp_ambient_raw', 'in_temp_scale']],
    ['a raw number without a scale', ['in_temp_raw', 'in_temp_offset']],
    ['an extreme', ['in_temp_peak_raw', 'in_temp_scale']],
    ['an output', ['out_voltage0_raw', 'out_voltage0_scale']],
    ['a threshold', ['in_temp_thresh_rising_value', 'in_temp_oversampling_ratio']],
    ['another substance', ['in_concentration_voc_input']],
    ['nothing', []],
  ])('leave out %s', (_, files) => {
    expect(sources(...files)).toEqual([])
  })

  it.each([
    ['in_temp', 25_080, 'temperature', 25.08],
    ['in_humidityrelative', 57_805.6640625, 'humidity', 57.8056640625],
    ['in_pressure', 100.653253906, 'pressure', 1006.53253906],
    ['in_illuminance', 120, 'illuminance', 120],
    ['in_concentration_co2', 0.0417, 'co2', 417],
    ['in_distance', 0.731, 'distance', 0.731],
    ['in_voltage0', 3300, 'voltage', 3.3],
    ['in_current0', 250, 'current', 0.25],
    ['in_power0', 825, 'power', 0.825],
  ])('turn %s %d into our unit', (channel, value, quantity, ours) => {
    const [found] = channelsOf([`${channel}_input`])
    expect(found?.quantity).toBe(quantity)
    expect(found?.toUnit(value)).toBeCloseTo(ours, 9)
  })

  it('are named for people, each once', () => {
    expect(
      channelNames(['name', 'in_temp_object_raw', 'in_accel_x_raw', 'in_accel_x_input', 'in_accel_scale']),
    ).toEqual(['in_accel_x', 'in_temp_object'])
  })
})

describe('a number', () => {
  it.each([
    ['25080.000000000\n', 25_080],
    ['-0.500000\n', -0.5],
    ['0\n', 0],
    ['2508', 2508],
  ])('is %j', (text, value) => {
    expect(numberIn(text)).toBe(value)
  })

  it.each([
    '',
    '\n',
    ' \n',
    'nan\n',
    'NaN',
    '1e3',
    '0x10',
    '12 dB\n',
    '12.\n',
    '.5',
    '1 2\n',
    '12\n13\n',
    '+1',
    'Infinity',
  ])('is not %j', (text) => {
    expect(numberIn(text)).toBeUndefined()
  })
})
