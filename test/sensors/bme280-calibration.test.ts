import type { Calibration } from 'bme280-sensor'
import { describe, expect, it } from 'vitest'
import { bench, openAndRead, opening } from '../fakes/bme280-bench.ts'
import { EXAMPLE, type Raw } from '../fakes/fake-bme280.ts'
import { NEVER, turned } from '../fakes/turned.ts'

/** The formulas of BST-BME280-DS002, section 8.1, in floating point, written down here on their own. */
function bosch(cal: Calibration, raw: Raw): { temperature: number; pressure: number; humidity: number } {
  const coarse = (raw.temperature / 16384 - cal.dig_T1 / 1024) * cal.dig_T2
  const curve = (raw.temperature / 131072 - cal.dig_T1 / 8192) ** 2 * cal.dig_T3
  const fine = coarse + curve

  const centred = fine / 2 - 64000
  const square = (centred * centred * cal.dig_P6) / 32768 + centred * cal.dig_P5 * 2
  const offset = square / 4 + cal.dig_P4 * 65536
  const slope = ((cal.dig_P3 * centred * centred) / 524288 + cal.dig_P2 * centred) / 524288
  const gain = (1 + slope / 32768) * cal.dig_P1
  const linear = ((1048576 - raw.pressure - offset / 4096) * 6250) / gain
  const second = (cal.dig_P9 * linear * linear) / 2147483648
  const pascal = linear + (second + (linear * cal.dig_P8) / 32768 + cal.dig_P7) / 16

  const warm = fine - 76800
  const zero = cal.dig_H4 * 64 + (cal.dig_H5 / 16384) * warm
  const rise = 1 + (cal.dig_H6 / 67108864) * warm * (1 + (cal.dig_H3 / 67108864) * warm)
  const straight = (raw.humidity - zero) * ((cal.dig_H2 / 65536) * rise)
  const bent = straight * (1 - (cal.dig_H1 * straight) / 524288)
  return { temperature: fine / 5120, pressure: pascal / 100, humidity: Math.min(100, Math.max(0, bent)) }
}

describe('a measurement', () => {
  it('gives what the datasheet’s example gives', async () => {
    const setup = bench()
    const sample = await turned(setup.clock, openAndRead(setup))
    expect(sample.temperature).toBe(25.08)
    expect(sample.pressure).toBeCloseTo(1006.53, 2)
  })

  it.each<[string, Partial<Calibration>]>([
    ['a usual part', {}],
    ['a negative H2', { dig_H2: -370 }],
    ['a negative H4', { dig_H4: -100 }],
    ['a negative H5', { dig_H5: -30 }],
    ['a negative H6', { dig_H6: -15 }],
    ['a H4 and a H5 that differ in the byte that they share', { dig_H4: -1, dig_H5: 0x7f0 }],
    ['the smallest of everything signed', { dig_H2: -32768, dig_H4: -2048, dig_H5: -2048, dig_H6: -128 }],
    ['H1 and H3 above 127', { dig_H1: 200, dig_H3: 255 }],
    ['a negative T2 and P4, and large T1 and P1', { dig_T1: 40000, dig_T2: -20000, dig_P1: 60000, dig_P4: -5000 }],
  ])('agrees with the datasheet’s formulas for %s', async (_name, change) => {
    const calibration = { ...EXAMPLE, ...change }
    const setup = bench({ calibration })
    const sensor = await turned(setup.clock, opening(setup))
    for (const temperature of [400_001, 519_888, 600_007]) {
      for (const humidity of [1, 21_000, 29_000, 45_000, 65_000]) {
        setup.chip.raw = { temperature, pressure: 415_148, humidity }
        const sample = await turned(setup.clock, sensor.read(NEVER))
        const expected = bosch(calibration, setup.chip.raw)
        // The package rounds temperature to 0.01 °C, and its t_fine to whole steps.
        expect(Math.abs((sample.temperature ?? Number.NaN) - expected.temperature)).toBeLessThan(0.006)
        expect(Math.abs((sample.pressure ?? Number.NaN) - expected.pressure)).toBeLessThan(0.01)
        expect(Math.abs((sample.humidity ?? Number.NaN) - expected.humidity)).toBeLessThan(0.01)
      }
    }
    await sensor.close()
  })
})
