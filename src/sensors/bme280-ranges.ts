/**
 * What a BME280 or BMP280 can measure: the operating ranges of BST-BME280-DS002, tables 2 to 4. Digits: what ×16
 * resolves above its noise. Used by our own driver (`bme280.ts`) and for the kernel's (`iio-device.ts`).
 */
import type { Span } from '../reading.ts'

export const BME280_RANGES = {
  temperature: { min: -40, max: 85, digits: 2, typical: [18, 24] },
  humidity: { min: 0, max: 100, digits: 1, typical: [35, 60] },
  pressure: { min: 300, max: 1100, digits: 2, typical: [990, 1030] },
} satisfies Readonly<Record<string, Span>>
