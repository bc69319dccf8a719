/**
 * Which addresses answer on which I2C bus. The probe is one byte read (SMBus 'receive byte': the address
 * with the read bit, one byte, no acknowledge): nothing is written, not even the empty write ('quick write') that
 * i2cdetect sends to most addresses. i2cdetect reads only at 0x30 to 0x37 and 0x50 to 0x5f, because an empty write
 * there locks memory modules and has damaged EEPROMs (i2c-tools, i2cdetect.8); here that is the rule for all. What a
 * read can do: a chip's status is cleared, its next value is taken; so addresses of a driver of the kernel's are never
 * touched, nor buses of displays and mainboards.
 *
 * A chip that has nothing to say until it was told to measure (SHT3x, SHT4x, HTU21D, Si7021) does not acknowledge a
 * read, and stays unseen. `quick` sends it the empty write, on demand, at these chips' addresses and nowhere else. Called by
 * `scan.ts`.
 */
import type { PromisifiedBus } from 'i2c-bus'
import { type Clock, calledOff } from '../clock.ts'
import { LATE, withDeadline } from '../deadline.ts'
import { messageOf } from '../errors.ts'
import type { Load } from '../optional.ts'
import { errnoOf, i2cError, isSilence } from '../sensors/i2c-error.ts'
import type { SensorTypeName } from '../sensors/index.ts'
import { findBuses, type KnownBus } from './i2c-buses.ts'
import { othersAt, typesAt } from './i2c-chips.ts'

export interface I2cAddress {
  /** 7 bits. */
  readonly address: number
  /** `held`: a driver of the kernel's has it, and it was not touched. */
  readonly state: 'answers' | 'held'
  /** What the kernel calls the chip, where the device tree or somebody else has told it. */
  readonly name?: string
  /** Of `held`: the driver. */
  readonly driver?: string
  /** Types of ours that it may be; nothing but its address says so. */
  readonly types: readonly SensorTypeName[]
  /** What else is often found there. */
  readonly others: readonly string[]
}

export interface I2cBus {
  readonly bus: number
  /** As the kernel calls it. */
  readonly name: string
  readonly probed: boolean
  /** Why it was not probed, or not to the end; what to do. */
  readonly problem?: string
  readonly addresses: readonly I2cAddress[]
}

export interface I2cOptions {
  readonly root: string
  readonly load: Load
  readonly clock: Clock
  /** Ask these buses and no others, whatever they are for. */
  readonly only?: readonly number[] | undefined
  /** The empty write for chips that are silent to reads. */
  readonly quick: boolean
}

/** 0x00 to 0x07 and 0x78 to 0x7f are reserved (UM10204, table 3). */
const FIRST = 0x08
const LAST = 0x77

/** A read here is no question but a command, which takes the alert from whoever raised it (SMBus 3.2, appendix A). */
const ALERT_RESPONSE = 0x0c

/** Si7021, HTU21D; SHT3x and SHT4x. */
export const SILENT_TO_READS: readonly number[] = [0x40, 0x44, 0x45, 0x46]

/** The direction bit of a quick command that is a write. */
const EMPTY_WRITE = 0

/** A controller gives up after a second (i2c-bcm2835.c). */
const PROBE_DEADLINE_MS = 2000

/** Linux, asm-generic/errno-base.h and errno.h. */
const EBUSY = 16
const ETIMEDOUT = 110
/** Found when the file is opened: true for all addresses. */
const NOT_OURS = [1, 2, 13, 95] // EPERM, ENOENT, EACCES, EOPNOTSUPP

/** @throws only for a bug of ours: what can't be asked is told with its bus */
export async function scanI2c(options: I2cOptions, signal: AbortSignal): Promise<I2cBus[]> {
  const found: I2cBus[] = []
  for (const known of await findBuses(options.root)) found.push(await scanBus(known, options, signal))
  return found
}

async function scanBus(known: KnownBus, options: I2cOptions, signal: AbortSignal): Promise<I2cBus> {
  const { bus, name, devices, device, purpose } = known
  const held = devices
    .filter(({ driver }) => driver !== undefined)
    .map((one): I2cAddress => ({ ...one, state: 'held', types: [], others: [] }))
  const unasked = (problem: string): I2cBus => ({ bus, name, probed: false, problem, addresses: held })
  const wanted = options.only === undefined ? purpose === undefined : options.only.includes(bus)
  if (!wanted) return unasked(`not asked: ${purpose ?? 'another bus was'}; scan --bus ${bus} does`)
  if (!device)
    return unasked(`there is no /dev/i2c-${bus}: sudo modprobe i2c-dev, or sudo raspi-config nonint do_i2c 0`)
  let opened: PromisifiedBus
  try {
    const { openPromisified } = options.load('i2c-bus') as typeof import('i2c-bus') // the package's types
    opened = await openPromisified(bus) // opens no file yet
  } catch (error) {
    return unasked(`not asked: ${messageOf(error)}`)
  }
  const taken = new Set(held.map(({ address }) => address))
  const { answering, busy, problem, hanging } = await probeAll(opened, bus, taken, options, signal)
  // A transfer that hangs keeps its file, which ends with the process; and so does a file that does not close.
  if (!hanging) await opened.close().catch(() => {})
  const addresses = [
    ...held,
    ...busy.map((address): I2cAddress => ({ address, state: 'held', types: [], others: [] })),
    ...answering.map((address): I2cAddress => {
      const declared = devices.find((one) => one.address === address)?.name
      const guesses = { types: typesAt(address), others: othersAt(address) }
      return { address, state: 'answers', ...(declared === undefined ? {} : { name: declared }), ...guesses }
    }),
  ].sort((a, b) => a.address - b.address)
  return { bus, name, probed: true, ...(problem === undefined ? {} : { problem }), addresses }
}

interface Probed {
  readonly answering: readonly number[]
  /** The kernel says that a driver has it, though nothing showed it. */
  readonly busy: readonly number[]
  readonly problem?: string
  /** Whether a transfer is still under way. */
  readonly hanging?: boolean
}

async function probeAll(
  opened: PromisifiedBus,
  bus: number,
  taken: ReadonlySet<number>,
  { clock, quick }: I2cOptions,
  signal: AbortSignal,
): Promise<Probed> {
  const answering: number[] = []
  const busy: number[] = []
  let asked = 0
  for (let address = FIRST; address <= LAST; address += 1) {
    if (taken.has(address) || address === ALERT_RESPONSE) continue
    asked += 1
    try {
      const answer = await withDeadline(
        () => probe(opened, address, quick && SILENT_TO_READS.includes(address)),
        PROBE_DEADLINE_MS,
        clock,
        signal,
      )
      if (answer === LATE) return { answering, busy, problem: hangs(bus), hanging: true }
      if (answer) answering.push(address)
    } catch (error) {
      if (calledOff(error, signal)) return { answering, busy, problem: 'stopped before the end', hanging: true }
      const errno = errnoOf(error) ?? 0
      if (errno === EBUSY) busy.push(address)
      else if (errno === ETIMEDOUT) return { answering, busy, problem: hangs(bus) }
      else if (NOT_OURS.includes(errno)) {
        return { answering, busy, problem: i2cError({ name: 'not asked', bus, address }, error).message }
      }
      // Whatever else it was: nobody answered there.
    }
  }
  if (answering.length < asked) return { answering, busy }
  const problem = `every address of I2C bus ${bus} answers: a wire is held low; check wiring and power`
  return { answering: [], busy, problem }
}

/** @throws what i2c-bus rejects with, other than silence */
async function probe(opened: PromisifiedBus, address: number, quick: boolean): Promise<boolean> {
  const acknowledged = async (transfer: Promise<unknown>): Promise<boolean> => {
    try {
      await transfer
      return true
    } catch (error) {
      if (isSilence(error)) return false
      throw error
    }
  }
  if (await acknowledged(opened.receiveByte(address))) return true
  // The package's types have a parameter more than the package.
  const writeQuick = opened.writeQuick.bind(opened) as (address: number, bit: number) => Promise<void>
  return quick && (await acknowledged(writeQuick(address, EMPTY_WRITE)))
}

function hangs(bus: number): string {
  return `I2C bus ${bus} hangs: a chip or a short holds a wire low; check wiring, pull-ups and power`
}
