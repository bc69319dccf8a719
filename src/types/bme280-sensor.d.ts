/** What we use of the package `bme280-sensor`, which has no types of its own. */
declare module 'bme280-sensor' {
  /** Trimming parameters under the names of the datasheet (BST-BME280-DS002, section 4.2.2). */
  export interface Calibration {
    readonly dig_T1: number
    readonly dig_T2: number
    readonly dig_T3: number
    readonly dig_P1: number
    readonly dig_P2: number
    readonly dig_P3: number
    readonly dig_P4: number
    readonly dig_P5: number
    readonly dig_P6: number
    readonly dig_P7: number
    readonly dig_P8: number
    readonly dig_P9: number
    readonly dig_H1: number
    readonly dig_H2: number
    readonly dig_H3: number
    readonly dig_H4: number
    readonly dig_H5: number
    readonly dig_H6: number
  }

  /** What `readSensorData` asks of its bus. */
  export interface FrameSource {
    readI2cBlock(
      address: number,
      register: number,
      length: number,
      buffer: Buffer,
      done: (error: null, bytesRead: number, frame: Buffer) => void,
    ): void
  }

  export interface SensorData {
    readonly temperature_C: number
    readonly humidity: number
    readonly pressure_hPa: number
  }

  /** What stands on the prototype of the exported class, and the fields that it works on. */
  export interface Compensation {
    cal: Calibration
    i2cBus: FrameSource
    readSensorData(): Promise<SensorData>
  }

  /** The package's one export. */
  export interface Package {
    readonly prototype: Compensation
  }
}
