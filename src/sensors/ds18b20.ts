/**
 * DS18B20 and its relatives on 1-Wire, through the kernel's driver: one file, which is a whole measurement with its
 * checksum. A bus measures one at a time. Numbers that the chip gives without having measured are refused.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { codeOf, messageOf, SensorError } from '../errors.ts'
import { type SensorEnv, sensorType } from './sensor.ts'
import { inTurn } from './turns.ts'
import { findThermometers, scratchpadIn, THERMOMETER_ID, type Thermometer } from './w1.ts'

const DEVICE_ERROR = 'must be an id as in /sys/bus/w1/devices, such as 28-0316a2795c1d'

const options = () =>
  z.strictObject({
    device: z
      .string({ error: DEVICE_ERROR })
      .regex(THERMOMETER_ID, DEVICE_ERROR)
      .optional()
      .describe('Its id in `/sys/bus/w1/devices`, such as `28-0316a2795c1d`. Default: the only one that there is.'),
  })

type Options = z.output<ReturnType<typeof options>>

/** DS18B20 datasheet, table 1: the register's value after power-on, before any conversion. */
const POWER_ON = 85_000
/** 0x07FF: what a chip without enough power during the conversion gives (w1_therm.c, convert_t). */
const STARVED = 127_937
/** Where the last reading was no further away than this, °C, 85 °C is a measurement. */
const NEAR = 5

/** The last good reading of a configured sensor, °C, by its options: the same object at every reopen. */
const lastReadings = new WeakMap<object, number>()

export const ds18b20 = sensorType({
  summary: 'DS18B20, DS18S20, DS1822, DS1825 or DS28EA00 on 1-Wire, read by the kernel’s driver: temperature',
  options,
  // Range and resolution of 1/16 °C: DS18B20 datasheet, features.
  measures: { temperature: { min: -55, max: 125, digits: 2, typical: [18, 24] } },
  // A conversion of 12 bits takes 750 ms (datasheet, AC electrical characteristics), and the bus is shared.
  minIntervalMs: 1000,
  defaultIntervalMs: 30_000,
  hardware: true,
  async open(options, env) {
    const thermometer = await chosen(options, env)
    const what = `${env.name}: thermometer ${thermometer.id}`
    env.log.debug({ sensor: env.name, folder: thermometer.folder }, 'thermometer found')
    return {
      quantities: ['temperature'],
      async read(signal) {
        const text = await inTurn(thermometer.master, signal, () => measured(thermometer, what))
        const temperature = celsiusIn(text, what, lastReadings.get(options))
        lastReadings.set(options, temperature)
        return { temperature }
      },
      async close() {},
    }
  },
})

/** @throws SensorError where there is none, not that one, or more than one to choose from */
async function chosen({ device }: Options, { root, name }: SensorEnv): Promise<Thermometer> {
  const all = await findThermometers(root)
  const there = all?.map(({ id }) => id).join(', ')
  const failed = (kind: 'not-found' | 'wrong-device', text: string): SensorError =>
    new SensorError(kind, `${name}: ${text}`)
  if (all === undefined) {
    const remedy = 'add dtoverlay=w1-gpio,gpiopin=4 to /boot/firmware/config.txt and reboot'
    throw failed('not-found', `the kernel has no 1-Wire bus; ${remedy}`)
  }
  const [first, ...others] = all
  if (first === undefined) {
    const remedy = 'check wiring and power, the pull-up of 4.7 kΩ, and the pin of dtoverlay=w1-gpio'
    throw failed('not-found', `no thermometer answers on 1-Wire; ${remedy}`)
  }
  const named = all.find(({ id }) => id === device)
  if (named !== undefined) return named
  if (device !== undefined) throw failed('not-found', `there is no thermometer ${device} on 1-Wire, but ${there}`)
  if (others.length === 0) return first
  throw failed('wrong-device', `there are ${all.length} thermometers on 1-Wire: ${there}; set device to one of them`)
}

/** Has the driver measure; takes 750 ms, and longer where the bus is disturbed. @throws SensorError */
async function measured({ folder }: Thermometer, what: string): Promise<string> {
  const file = join(folder, 'w1_slave')
  try {
    return await readFile(file, 'latin1')
  } catch (error) {
    const code = codeOf(error) ?? messageOf(error)
    const gone = code === 'ENOENT' || code === 'ENODEV'
    const remedy = gone ? 'it is no longer on the bus: check wiring and power' : 'check wiring, pull-up and power'
    const message = `${what}: ${file} can't be read (${code}); ${remedy}`
    throw new SensorError(gone ? 'not-found' : 'bus', message, { cause: error })
  }
}

/**
 * The temperature, °C, of an answer that is one.
 *
 * @param last the reading before, °C
 * @throws SensorError
 */
function celsiusIn(text: string, what: string, last: number | undefined): number {
  const failed = (kind: 'silent' | 'checksum' | 'invalid-data', reason: string): SensorError =>
    new SensorError(kind, `${what} ${reason}`)
  // The driver tells no error: it gives an empty file (w1_therm.c, w1_slave_show).
  if (text === '') throw failed('silent', 'gave no answer; check wiring, pull-up and power')
  const answer = scratchpadIn(text)
  if (answer === undefined) throw failed('invalid-data', `gave '${text.trim().slice(0, 80)}', which is no answer`)
  const bytes = answer.bytes.toString('hex')
  if (!answer.intact) throw failed('checksum', `gave a garbled answer (${bytes}); check wiring and pull-up`)
  // The checksum of nothing but 0 is 0.
  if (answer.bytes.every((byte) => byte === 0)) {
    throw failed('invalid-data', 'gave nothing but zeros; the data wire has a short to ground')
  }
  const celsius = answer.milliCelsius / 1000
  if (answer.milliCelsius === STARVED) {
    throw failed('invalid-data', `gave ${celsius} °C, its sign of too little power; check the supply and the pull-up`)
  }
  if (answer.milliCelsius === POWER_ON && !(last !== undefined && Math.abs(celsius - last) <= NEAR)) {
    throw failed('invalid-data', `gave ${celsius} °C, its value before any measurement; check its supply`)
  }
  return celsius
}
