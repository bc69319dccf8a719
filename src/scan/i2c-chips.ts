/**
 * What a chip at an I2C address may be. Asking it for an id would mean to write the register's number first, and for a
 * chip that is not what we think this is a command: a multiplexer (0x70 to 0x77) switches, an expander (0x20 to 0x27,
 * 0x38 to 0x3f) drives its relays. So this is a guess by address alone; the sensor's driver finds out, when it is
 * told that the chip is its own. Called by `i2c.ts`.
 */
import { z } from 'zod'
import { type SensorTypeName, sensorTypes } from '../sensors/index.ts'

/** Types of ours that have the address, in the order of the registry: by their schemas, so a new type is among them. */
export function typesAt(address: number): SensorTypeName[] {
  return (Object.keys(sensorTypes) as SensorTypeName[]).filter((name) => addressesOf(name).includes(address)) // its own keys
}

/** Common chips on breakout boards that have the address, and are none of ours: makers' datasheets. */
export function othersAt(address: number): readonly string[] {
  return OTHERS.filter(([first, last]) => address >= first && address <= last).map(([, , name]) => name)
}

const OTHERS: readonly (readonly [first: number, last: number, name: string])[] = [
  [0x18, 0x1f, 'MCP9808'],
  [0x1d, 0x1e, 'accelerometer or magnetometer'],
  [0x20, 0x27, 'PCF8574 or MCP23017 (expander, LCD backpack)'],
  [0x29, 0x29, 'VL53L0X, TSL2591 or TCS34725'],
  [0x38, 0x3f, 'PCF8574A (expander)'],
  [0x39, 0x39, 'APDS-9960 or TSL2561'],
  [0x3c, 0x3d, 'SSD1306 (display)'],
  [0x40, 0x43, 'INA219'],
  [0x40, 0x40, 'Si7021, HTU21D or PCA9685'],
  [0x44, 0x47, 'INA219 or OPT3001'],
  [0x48, 0x4b, 'TMP102, LM75 or PCF8591'],
  [0x50, 0x57, 'EEPROM'],
  [0x53, 0x53, 'ADXL345'],
  [0x57, 0x57, 'MAX3010x'],
  [0x58, 0x58, 'SGP30'],
  [0x59, 0x59, 'SGP40'],
  [0x5a, 0x5b, 'MLX90614, CCS811 or MPR121'],
  [0x5c, 0x5c, 'AM2320'],
  [0x60, 0x60, 'MCP4725 or Si5351'],
  [0x61, 0x61, 'SCD30'],
  [0x62, 0x62, 'SCD4x'],
  [0x68, 0x68, 'DS3231 (clock) or MPU-6050'],
  [0x69, 0x69, 'SPS30 or MPU-6050'],
  [0x70, 0x77, 'TCA9548 (multiplexer) or HT16K33 (display)'],
  [0x76, 0x77, 'BME680, BMP3xx or MS5611'],
  [0x77, 0x77, 'BMP180'],
]

/** The schema lists them where the type is one chip; `iio` takes any. */
function addressesOf(name: SensorTypeName): readonly number[] {
  const { properties } = z.toJSONSchema(sensorTypes[name].options, { io: 'input', unrepresentable: 'any' })
  const address = properties?.address
  if (typeof address !== 'object') return []
  const all: unknown[] = address.enum ?? [address.const]
  return all.filter((one) => typeof one === 'number')
}
