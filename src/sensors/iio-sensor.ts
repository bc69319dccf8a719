/**
 * The sensor type `iio`: any chip that a driver of the kernel reads, by its name. Nothing native, no group, the same on
 * every Pi. The way to the files is in `iio.ts` and `iio-device.ts`.
 */
import { z } from 'zod'
import { SensorError } from '../errors.ts'
import { QUANTITIES, type Quantity, type Span } from '../reading.ts'
import { devicesNamed, findIioDevices, type IioDevice, listed } from './iio.ts'
import { IIO_QUANTITIES } from './iio-channels.ts'
import { openIio } from './iio-device.ts'
import { type SensorEnv, sensorType } from './sensor.ts'

const NAME_ERROR = 'must be the name of a chip, as in /sys/bus/iio/devices/*/name'
const BUS_ERROR = 'must be the number of an I2C bus: 1 for /dev/i2c-1'
const ADDRESS_ERROR = 'must be an I2C address, 0x03 to 0x77, without quotes'

const options = () =>
  z.strictObject({
    name: z
      .string({ error: NAME_ERROR })
      .regex(/^[\w,.:@+-]{1,64}$/, NAME_ERROR)
      .describe('What the driver or the device tree calls the chip: `bme280`, `si7020`, `dht11`, `dht11@4`.'),
    bus: z
      .int({ error: BUS_ERROR })
      .min(0, BUS_ERROR)
      .optional()
      .describe('Number of its I2C bus, where several chips have the name.'),
    address: z
      .int({ error: ADDRESS_ERROR })
      .min(0x03, ADDRESS_ERROR)
      .max(0x77, ADDRESS_ERROR)
      .optional()
      .describe('Its I2C address, such as `0x76`, where several chips have the name.'),
  })

type Options = z.output<ReturnType<typeof options>>

/** Where a house usually is, in each quantity's unit. */
const TYPICAL: Readonly<Partial<Record<Quantity, Span['typical']>>> = {
  temperature: [18, 24],
  humidity: [35, 60],
  pressure: [990, 1030],
  illuminance: [50, 800],
  co2: [420, 1200],
  distance: [0.5, 2],
  voltage: [4.9, 5.2],
  current: [0.2, 1.2],
  power: [1, 6],
}

export const iio = sensorType({
  summary:
    'Any sensor that a driver of the kernel reads (Industrial I/O), by its name; it gives those of the quantities that the chip has',
  options,
  ownName: true,
  measures: Object.fromEntries(IIO_QUANTITIES.map((quantity) => [quantity, spanOf(quantity)])),
  minIntervalMs: 1000,
  defaultIntervalMs: 10_000,
  // A DHT: 2.1 s until the driver measures anew, and up to 1 s inside it (dht11.c, HZ).
  timeoutMs: 5000,
  hardware: true,
  open: async (options, env) => openIio(await chosen(options, env), env),
})

/** @throws SensorError where there is no such device, or more than one */
async function chosen({ name, bus, address }: Options, { root, name: sensor }: SensorEnv): Promise<IioDevice> {
  const devices = await findIioDevices(root)
  const fitting = devicesNamed(name, devices).filter(
    (device) => (bus === undefined || device.bus === bus) && (address === undefined || device.address === address),
  )
  const [device, ...others] = fitting
  if (device === undefined) {
    const there = `the kernel has these IIO devices: ${listed(devices)}`
    const remedy = 'add its dtoverlay to /boot/firmware/config.txt and reboot'
    throw new SensorError('not-found', `${sensor}: there is no IIO device ${name}; ${there}; ${remedy}`)
  }
  if (others.length === 0) return device
  const remedy = 'set bus and address, or the whole name'
  throw new SensorError('wrong-device', `${sensor}: ${name} could be any of ${listed(fitting)}; ${remedy}`)
}

/** What the quantity allows: the chip is not known here. */
function spanOf(quantity: Quantity): Span {
  const { min, max, digits } = QUANTITIES[quantity]
  return { min, max, digits, typical: TYPICAL[quantity] ?? [min, max] }
}
