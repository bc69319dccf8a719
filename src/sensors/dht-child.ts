/**
 * The program of the child process in which node-dht-sensor runs: that package pokes the pins' registers through a
 * memory map, and its mistakes end in a signal. Started by `dht-process.ts` with the package's name as argument. It
 * first tells whether the package loads, then answers one request at a time. It imports next to nothing, because
 * every byte is paid for twice on a small board.
 */
import { messageOf, type SensorErrorKind } from '../errors.ts'
import { loadOptional } from '../optional.ts'

/** The package's numbers of the sensor types; 22 is also the AM2302. */
export type DhtModel = 11 | 22

export interface Request {
  readonly model: DhtModel
  /** BCM number. */
  readonly pin: number
}

/** °C and %RH, finite. */
export interface Values {
  readonly is: 'values'
  readonly temperature: number
  readonly humidity: number
}

export interface Failure {
  readonly is: 'failure'
  readonly kind: SensorErrorKind
  /** Goes on after the sensor's name and a colon. */
  readonly message: string
}

export type Reply = { readonly is: 'loaded' } | Values | Failure

/** The part of the package that is safe to use: without the callback, or after its two-argument `initialize`, it segfaults. */
interface Vendor {
  read(model: number, pin: number, done: (error: unknown, temperature?: unknown, humidity?: unknown) => void): void
  setMaxRetries(retries: number): void
}

/** Attempts after the first, 450 ms apart (node-dht-sensor.cpp, ReadWorker::Read); its own default is 3. */
const RETRIES = 1
/** BCM numbers on the 40-pin header. The package checks none: 32 and more read beyond its arrays. */
const LAST_PIN = 27

/**
 * The package gives no codes. These are all texts of its asynchronous read (node-dht-sensor.cpp, ReadWorker) that
 * can happen here, and this is the one place that looks at them.
 */
const KNOWN_FAILURES: Readonly<Record<string, Failure>> = {
  'failed to read sensor': failure(
    'silent',
    'no usable answer (silence or a wrong checksum, node-dht-sensor does not tell which); if it stays so, check the wiring, the pull-up resistor of about 5 kΩ and the type',
  ),
  'failed to initialize sensor': failure(
    'permission',
    'node-dht-sensor may not use the pins; add the user of the agent to the group gpio (sudo usermod -aG gpio <user>), restart it, and see that /dev/gpiomem exists',
  ),
}

run(process.argv[2])

function run(vendorName: string | undefined): void {
  if (process.send === undefined || vendorName === undefined) {
    process.stderr.write('this program is a part of sensor-node and is started by it\n')
    process.exitCode = 64 // EX_USAGE of sysexits.h
    return
  }
  // A terminal sends its signals to the whole group: the agent decides when we end.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  // The agent is gone. An ordinary exit would wait for a thread that the package may hold for ever.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  let vendor: Vendor
  try {
    vendor = load(vendorName)
  } catch (error) {
    answer(failure('unavailable', messageOf(error)))
    return
  }
  process.on('message', (message) => {
    measure(vendor, message as Request).then(answer, (error: unknown) => answer(describe(error))) // only dht-process.ts sends
  })
  answer({ is: 'loaded' })
}

function answer(reply: Reply): void {
  process.send?.(reply)
}

function load(name: string): Vendor {
  const vendor = loadOptional(name) as Vendor // the interface of version 0.4, whose lock file is ours
  vendor.setMaxRetries(RETRIES)
  return vendor
}

function measure(vendor: Vendor, { model, pin }: Request): Promise<Reply> {
  return new Promise((resolve, reject) => {
    if (!Number.isInteger(pin) || pin < 0 || pin > LAST_PIN || (model !== 11 && model !== 22)) {
      resolve(
        failure('unsupported', `there is no DHT${model} on pin ${pin}; pins are 0 to ${LAST_PIN}, types 11 and 22`),
      )
      return
    }
    vendor.read(model, pin, (error, temperature, humidity) => {
      if (error) reject(error)
      else resolve(judge(temperature, humidity))
    })
  })
}

function judge(temperature: unknown, humidity: unknown): Reply {
  if (typeof temperature !== 'number' || typeof humidity !== 'number' || !Number.isFinite(temperature + humidity)) {
    return failure('invalid-data', `node-dht-sensor gave ${temperature} °C and ${humidity} % for values`)
  }
  // Forty bits of 0 carry the right checksum, 0: what a line gives on which nothing is sent.
  if (temperature === 0 && humidity === 0) {
    return failure('checksum', 'every bit of the answer was 0, which is a garbled transfer and no measurement')
  }
  return { is: 'values', temperature, humidity }
}

function describe(error: unknown): Failure {
  const text = messageOf(error)
  return KNOWN_FAILURES[text] ?? failure('bus', `node-dht-sensor failed: ${text}`)
}

function failure(kind: SensorErrorKind, message: string): Failure {
  return { is: 'failure', kind, message }
}
