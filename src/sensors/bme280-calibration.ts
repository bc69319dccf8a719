/**
 * The trimming parameters of a BME280 or BMP280, out of the chip's own memory, with the signs that the datasheet
 * gives them (BST-BME280-DS002, section 4.2.2, table 16). Pure; called by bme280-chip.ts.
 */
import type { Calibration } from 'bme280-sensor'

/** 0x88 to 0xA1: temperature, pressure, one reserved byte, and dig_H1. A BMP280 has the first 24 bytes. */
export const MAIN_CALIBRATION = { register: 0x88, length: 26, lengthWithoutHumidity: 24 } as const

/** 0xE1 to 0xE7: dig_H2 to dig_H6. */
export const HUMIDITY_CALIBRATION = { register: 0xe1, length: 7 } as const

/** Parameters of humidity where the chip has none. */
const NO_HUMIDITY = { dig_H1: 0, dig_H2: 0, dig_H3: 0, dig_H4: 0, dig_H5: 0, dig_H6: 0 } as const

/** True for a block that no chip left the factory with: all bits the same, as a stuck bus or an empty memory has. */
export function isBlank(block: Buffer): boolean {
  return block.every((byte) => byte === 0x00) || block.every((byte) => byte === 0xff)
}

/**
 * @param main 0x88 and the following, 24 or 26 bytes
 * @param humidity 0xE1 to 0xE7; absent for a BMP280
 */
export function parseCalibration(main: Buffer, humidity: Buffer | undefined): Calibration {
  return {
    dig_T1: main.readUInt16LE(0),
    dig_T2: main.readInt16LE(2),
    dig_T3: main.readInt16LE(4),
    dig_P1: main.readUInt16LE(6),
    dig_P2: main.readInt16LE(8),
    dig_P3: main.readInt16LE(10),
    dig_P4: main.readInt16LE(12),
    dig_P5: main.readInt16LE(14),
    dig_P6: main.readInt16LE(16),
    dig_P7: main.readInt16LE(18),
    dig_P8: main.readInt16LE(20),
    dig_P9: main.readInt16LE(22),
    ...(humidity === undefined ? NO_HUMIDITY : parseHumidity(main.readUInt8(25), humidity)),
  }
}

function parseHumidity(h1: number, block: Buffer) {
  // 0xE5 is shared: its low half belongs to H4 (whose high byte is 0xE4), its high half to H5 (0xE6). Both 12 bits, signed.
  const shared = block.readUInt8(4)
  return {
    dig_H1: h1,
    dig_H2: block.readInt16LE(0),
    dig_H3: block.readUInt8(2),
    dig_H4: block.readInt8(3) * 16 + (shared & 0x0f),
    dig_H5: block.readInt8(5) * 16 + (shared >> 4),
    dig_H6: block.readInt8(6),
  }
}
