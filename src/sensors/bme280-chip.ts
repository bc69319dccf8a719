/**
 * The conversation with a BME280 or BMP280: which one it is, a fresh start, and single measurements in forced mode.
 * Everything that comes back is checked, because a chip that lost its power answers politely with default numbers.
 * Sections are those of BST-BME280-DS002; a BMP280 (BST-BMP280-DS001) is the same without humidity. Called by
 * bme280.ts.
 */
import type { Calibration } from 'bme280-sensor'
import { SensorError } from '../errors.ts'
import { HUMIDITY_CALIBRATION, isBlank, MAIN_CALIBRATION, parseCalibration } from './bme280-calibration.ts'
import { hex, locationOf, subject } from './i2c.ts'
import { type Conversation, unbelievable, untilDone, wasReset } from './i2c-sensor.ts'

export type Model = 'BME280' | 'BMP280'

/** Section 5.3, memory map. */
const ID = 0xd0
const RESET = 0xe0
const CONTROL_HUMIDITY = 0xf2
const STATUS = 0xf3
const CONTROL = 0xf4
const CONFIG = 0xf5
const DATA = 0xf7

/** Section 5.4.1, and section 4.3.1 of the BMP280's datasheet (0x56 and 0x57 are samples). */
const MODELS: ReadonlyMap<number, Model> = new Map([
  [0x60, 'BME280'],
  [0x58, 'BMP280'],
  [0x57, 'BMP280'],
  [0x56, 'BMP280'],
])

/** Section 5.4.2. */
const SOFT_RESET = 0xb6
/** Table 1, start-up time. */
const START_UP_MS = 2
/** Section 5.4.4: bit 0 while the chip copies its calibration, bit 3 while it measures. */
const UPDATING = 0x01
const MEASURING = 0x08

/**
 * Sections 5.4.3, 5.4.5 and 5.4.6: temperature and pressure ×16 (20 bits; with the filter off ×1 would give pressure
 * in steps of 2.6 Pa), humidity ×1, filter off, asleep. The masks leave out what does not matter or changes.
 */
const SETTINGS = [
  { register: CONTROL_HUMIDITY, value: 0x01, mask: 0x07 },
  { register: CONFIG, value: 0x00, mask: 0x1c },
  { register: CONTROL, value: 0xb4, mask: 0xfc },
] as const
const FORCED = 0xb5
const MODE = 0x03
const NORMAL = 0x03

/** Section 9.1, maximum for these settings: 1.25 + 2.3 × 16 + 2.3 × 16 + 0.575 + 2.3 + 0.575 = 78.3 ms. */
const CONVERSION_MS = 79

/** What the data registers hold for a quantity that was not measured (section 5.4.7 to 5.4.9). */
const SKIPPED = { pressure: 0x80000, temperature: 0x80000, humidity: 0x8000 } as const
/** A real value can equal the mark of a skipped one (26.46 °C does for one calibration); noise moves it the next time. */
const ATTEMPTS = 3

/**
 * Asks the chip what it is.
 *
 * @throws SensorError `wrong-device`, `not-found`, `permission`, `bus`
 */
export async function identify({ place, wire }: Conversation): Promise<Model> {
  const id = await wire.readByte(ID)
  const model = MODELS.get(id)
  if (model !== undefined) return model
  const wanted = 'a BME280 has 0x60, a BMP280 0x58, 0x57 or 0x56'
  const remedy = id === 0x00 || id === 0xff ? 'the bus looks stuck: check the wiring' : 'check address and type'
  const text = `${place.name}: the chip at ${locationOf(place)} has the id ${hex(id)}, but ${wanted}; ${remedy}`
  throw new SensorError('wrong-device', text)
}

/**
 * Resets the chip, reads its calibration and leaves it asleep with our settings.
 *
 * @throws SensorError
 */
export async function setUp(chip: Conversation, model: Model): Promise<Calibration> {
  const { wire, clock, signal } = chip
  await wire.writeByte(RESET, SOFT_RESET)
  await clock.sleep(START_UP_MS, signal)
  await untilDone(chip, model, 'copying its calibration', async () => ((await wire.readByte(STATUS)) & UPDATING) === 0)
  const calibration = await readCalibration(chip, model)
  // Humidity's setting counts from the next write to the control register on, which is therefore the last.
  for (const { register, value } of settingsOf(model)) await wire.writeByte(register, value)
  await untilAsleep(chip, model)
  return calibration
}

/**
 * One measurement, raw: the data registers 0xF7 to 0xFE (a BMP280's end at 0xFC; the rest is filled as skipped).
 *
 * @throws SensorError, kind `invalid-data` for a chip that was reset or asleep, and for frames that measure nothing
 */
export async function measure(chip: Conversation, model: Model): Promise<Buffer> {
  const { wire, clock, signal } = chip
  for (let attempt = 1; ; attempt += 1) {
    await untilAsleep(chip, model)
    await wire.writeByte(CONTROL, FORCED)
    await clock.sleep(CONVERSION_MS, signal)
    await untilAsleep(chip, model)
    const frame = await wire.readBlock(DATA, model === 'BME280' ? 8 : 6)
    // Again: the settings are lost with the power, so a frame between two good checks is no default.
    await untilAsleep(chip, model)
    const raw = rawOf(frame, model)
    if (raw.some(({ value, full }) => value === 0 || value === full))
      throw unbelievable(chip, model, frame, 'no measurement')
    if (raw.every(({ value, skipped }) => value !== skipped)) return padded(frame)
    if (attempt >= ATTEMPTS) throw unbelievable(chip, model, frame, 'a quantity that it skipped')
  }
}

function settingsOf(model: Model) {
  return SETTINGS.filter(({ register }) => model === 'BME280' || register !== CONTROL_HUMIDITY)
}

async function readCalibration({ place, wire }: Conversation, model: Model): Promise<Calibration> {
  const { register, length, lengthWithoutHumidity } = MAIN_CALIBRATION
  const main = await wire.readBlock(register, model === 'BME280' ? length : lengthWithoutHumidity)
  const humidity =
    model === 'BME280' ? await wire.readBlock(HUMIDITY_CALIBRATION.register, HUMIDITY_CALIBRATION.length) : undefined
  for (const block of [main, humidity]) {
    if (block === undefined || !isBlank(block)) continue
    const text = `${subject(place, model)} gave a calibration of nothing but ${hex(block.readUInt8(0))}; check wiring and power`
    throw new SensorError('invalid-data', text)
  }
  return parseCalibration(main, humidity)
}

/** Waits until the chip sleeps, and makes sure that our settings are still in it. */
async function untilAsleep(chip: Conversation, model: Model): Promise<void> {
  const first = model === 'BME280' ? CONTROL_HUMIDITY : STATUS
  await untilDone(chip, model, 'measuring', async () => {
    const block = await chip.wire.readBlock(first, CONFIG - first + 1)
    const control = block.readUInt8(CONTROL - first)
    for (const { register, value, mask } of settingsOf(model)) {
      const found = block.readUInt8(register - first)
      if ((found & mask) !== value) throw lostSettings(chip, model, register, found, value)
    }
    if ((control & MODE) === NORMAL) throw lostSettings(chip, model, CONTROL, control, FORCED & ~MODE)
    return (control & MODE) === 0 && (block.readUInt8(STATUS - first) & MEASURING) === 0
  })
}

/** The values of the frame beside their marks: `skipped`, and `full` for all bits set. */
function rawOf(frame: Buffer, model: Model) {
  const pressure = { value: frame.readUIntBE(0, 3) >> 4, skipped: SKIPPED.pressure, full: 0xfffff }
  const temperature = { value: frame.readUIntBE(3, 3) >> 4, skipped: SKIPPED.temperature, full: 0xfffff }
  if (model === 'BMP280') return [pressure, temperature]
  return [pressure, temperature, { value: frame.readUInt16BE(6), skipped: SKIPPED.humidity, full: 0xffff }]
}

function padded(frame: Buffer): Buffer {
  return frame.length === 8 ? frame : Buffer.concat([frame, Buffer.from([0x80, 0x00])])
}

function lostSettings(chip: Conversation, model: Model, register: number, found: number, wanted: number): SensorError {
  return wasReset(chip, model, `register ${hex(register)} is ${hex(found)} and not ${hex(wanted)}`)
}
