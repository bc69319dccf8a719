/**
 * The shape of every sensor that is one chip on an I2C bus: its options, opening under a deadline with a hint at
 * the chip's other addresses, one undisturbed conversation for each read, and a bus that is given back whatever
 * happens. What is said in the conversation is the sensor type's own. Called by the sensor types.
 */
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { SensorError } from '../errors.ts'
import type { Load } from '../optional.ts'
import type { Quantity } from '../reading.ts'
import { hex, type I2cPlace, locationOf, openI2c, subject, type Transfers } from './i2c.ts'
import type { Sample, Sensor, SensorEnv } from './sensor.ts'

/** What a conversation with a chip needs. `wire` is good for as long as the bus is ours. */
export interface Conversation {
  readonly place: I2cPlace
  readonly wire: Transfers
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** A chip that is identified and set up. */
export interface ReadyChip {
  /** What this very chip has. */
  readonly quantities: readonly Quantity[]
  /** One measurement, while nobody else uses the bus. @throws SensorError */
  measure(chip: Conversation): Promise<Sample>
}

export interface ChipKind {
  /** All that the chip can have, 7 bits each. */
  readonly addresses: readonly number[]
  /** Identifies the chip and sets it up. @throws SensorError */
  setUp(chip: Conversation): Promise<ReadyChip>
}

/** Setting a chip up takes some 10 ms; the rest is for waiting until the bus is free. */
const OPEN_DEADLINE_MS = 5000

/** How long a chip may stay busy beyond what its datasheet allows, and how often it is asked. */
const GRACE_MS = 200
const POLL_MS = 5

const BUS_ERROR = 'must be the number of an I2C bus: 1 for /dev/i2c-1'

/**
 * The options that every chip has.
 *
 * @param addresses all that the chip can have, the usual one first
 * @param choice what on the chip chooses among them: `its SDO pin`
 */
export function i2cOptions<const A extends readonly [number, ...number[]]>(addresses: A, choice?: string) {
  const names = addresses.map(hex)
  const list = names.length === 1 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
  const marked = list.replaceAll(/0x[\da-f]+/g, '`$&`')
  return {
    bus: z
      .int({ error: BUS_ERROR })
      .min(0, BUS_ERROR)
      .default(1)
      .describe('Number of the I2C bus: N of `/dev/i2c-N`. The header has bus 1.'),
    address: z
      .literal(addresses, { error: `must be ${list}, without quotes` })
      .default(addresses[0])
      .describe(
        `The chip’s I2C address, ${marked}${choice === undefined ? '' : ` (by ${choice})`}. Default: \`${names[0]}\`.`,
      ),
  }
}

/**
 * Opens the sensor that the chip at one place is.
 *
 * @throws SensorError
 */
export async function openI2cSensor(
  load: Load,
  at: Pick<I2cPlace, 'bus' | 'address'>,
  env: SensorEnv,
  kind: ChipKind,
): Promise<Sensor> {
  const { clock, log } = env
  const place = { name: env.name, bus: at.bus, address: at.address }
  const device = await openI2c(load, place, log)
  const converse = <T>(signal: AbortSignal, work: (chip: Conversation) => Promise<T>): Promise<T> =>
    device.exclusively(signal, (wire) => work({ place, wire, clock, signal }))
  try {
    const chip = await within(place, clock, (signal) => converse(signal, (started) => setUpOrHint(started, kind)))
    return {
      quantities: chip.quantities,
      read: (signal) => converse(signal, (started) => chip.measure(started)),
      close: () => device.close(),
    }
  } catch (error) {
    await device.close()
    throw error
  }
}

/**
 * Asks until the chip is done with what it is doing.
 *
 * @throws SensorError of kind `timeout`; what `done` throws; the signal's reason on abort
 */
export async function untilDone(
  { place, clock, signal }: Conversation,
  model: string,
  doing: string,
  done: () => Promise<boolean>,
): Promise<void> {
  const deadline = clock.monotonic() + GRACE_MS
  while (!(await done())) {
    if (clock.monotonic() >= deadline) {
      const text = `${subject(place, model)} has been ${doing} for ${GRACE_MS} ms more than it may; check its power`
      throw new SensorError('timeout', text)
    }
    await clock.sleep(POLL_MS, signal)
  }
}

/** What came cannot be a measurement. @param what after `gave`, before the bytes */
export function unbelievable({ place }: Conversation, model: string, frame: Buffer, what: string): SensorError {
  const text = `${subject(place, model)} gave ${what} (raw ${frame.toString('hex')}); check wiring and power`
  return new SensorError('invalid-data', text)
}

/** The chip is not as we left it. @param what shows it */
export function wasReset({ place }: Conversation, model: string, what: string): SensorError {
  const text = `${subject(place, model)} was reset or set up by another program (${what}); check its power, and who else uses it`
  return new SensorError('invalid-data', text)
}

/** Looks at the chip's other addresses where nothing answers at this one: the usual mistake. */
async function setUpOrHint(chip: Conversation, { addresses, setUp }: ChipKind): Promise<ReadyChip> {
  try {
    return await setUp(chip)
  } catch (error) {
    if (!(error instanceof SensorError) || error.kind !== 'not-found') throw error
    for (const other of addresses) {
      if (other === chip.place.address || !(await chip.wire.answers(other))) continue
      const hint = `a chip answers at ${hex(other)}: if that is it, set address: ${hex(other)}`
      throw new SensorError('not-found', `${error.message}; ${hint}`, { cause: error })
    }
    throw error
  }
}

/** Does `work` under open's own deadline: nobody hands open a signal. */
async function within<T>(place: I2cPlace, clock: Clock, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController()
  const finished = new AbortController()
  const text = `${place.name}: ${locationOf(place)} was not ready within ${OPEN_DEADLINE_MS} ms; a transfer on the bus may hang`
  const deadline = clock.sleep(OPEN_DEADLINE_MS, finished.signal).then(
    () => limit.abort(new SensorError('timeout', text)),
    () => {}, // called off: the work has ended
  )
  try {
    return await work(limit.signal)
  } finally {
    finished.abort()
    await deadline
  }
}
