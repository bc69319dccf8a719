/**
 * One counting input at work: looked at every second, its pulses added to the total, total and rate published at the
 * rhythm of the configuration. The agent runs one of these per counter.
 */
import { type Clock, pause } from './clock.ts'
import type { CounterConfig } from './config/schema.ts'
import { GpioError, messageOf } from './errors.ts'
import { FaultLog } from './faults.ts'
import type { Counter, Gpio } from './gpio/gpio.ts'
import type { Health } from './health.ts'
import type { Logger } from './log.ts'
import { createMeter } from './meter.ts'
import type { ReadTime } from './outbox/record-clock.ts'
import type { Part } from './parts.ts'
import { PulseRate } from './pulse-rate.ts'
import { keepTrying } from './reopen.ts'
import type { Message, Telemetry } from './telemetry.ts'
import type { Totals } from './totals.ts'

export interface CountingOptions {
  readonly gpio: Gpio
  readonly clock: Clock
  readonly log: Logger
  readonly totals: Totals
  readonly telemetry: Telemetry
  readonly health: Health
  readonly publish: (message: Message) => void
  readonly store: (record: Message, read: ReadTime) => void
  /** Number of the next record. */
  readonly sequence: () => number
  /** Whether the wall clock is known to be wrong. */
  readonly unsynchronised: () => boolean
  /** The pin failed or came back. */
  readonly onFault: (pin: number, reason: string | undefined) => void
}

/** How much a crash may cost. A look is two system calls, and a write to memory where there is news. */
const LOOK_EVERY_MS = 1000
/** So late may a look be before the loop counts as stuck: timers are, on a busy Pi. */
const BEAT_SLACK_MS = 20_000

/**
 * Counts until the signal aborts, then looks and tells once more, and gives the pin back. It has started when the first
 * try to open it is over.
 *
 * @throws only for a bug of ours
 */
export async function count(options: CountingOptions, part: Part<CounterConfig>): Promise<void> {
  const { gpio, clock, log, totals, health, onFault } = options
  const { signal } = part
  const { pin } = part.config()
  const loop = `counter ${pin}`
  const faults = new FaultLog(log, 'counter')
  const tell = createTeller(options, part)
  const rate = new PulseRate(part.config().rate.idle, clock.monotonic())
  let counter: Counter | undefined
  let seen = 0
  let told: number | undefined
  let due = clock.monotonic()
  let { interval } = part.config()

  const failed = (thrown: unknown): void => {
    const fault = thrown instanceof GpioError ? thrown : new GpioError('io', messageOf(thrown), { cause: thrown })
    const news = faults.current?.kind !== fault.kind
    faults.happened(fault, { pin, name: part.config().name })
    if (news) onFault(pin, fault.message)
  }
  const works = (): void => {
    if (faults.current === undefined) return
    faults.ended({ pin })
    onFault(pin, undefined)
  }
  const tryOpen = async (): Promise<boolean> => {
    try {
      const { name, active_low: activeLow, debounce: debounceMs, pull, edge } = part.config()
      counter = await gpio.counter(pin, { activeLow, debounceMs, pull, edge })
      works()
      log.info({ pin, name, pulses: totals.of(pin) }, 'counter opened')
      return true
    } catch (error) {
      failed(error)
      return false
    }
  }
  /** True where it could be looked at. */
  const look = async (): Promise<boolean> => {
    try {
      const pulses = await counter?.read()
      if (pulses === undefined) return false
      works()
      const came = pulses.count - seen
      seen = pulses.count
      rate.saw(pulses, clock.monotonic())
      await totals.add(pin, came) // first of all, so that what is told does not go back after a crash
      health.counter(pin, { pulses: totals.of(pin), unseen: pulses.unseen, outages: pulses.outages })
      return true
    } catch (error) {
      failed(error)
      return false
    } finally {
      totals.keep()
    }
  }

  const opened = await tryOpen()
  part.started()
  if (!opened) await keepTrying(tryOpen, clock, signal)
  while (!signal.aborted) {
    const now = clock.monotonic()
    const { interval: wanted, rate: wish } = part.config()
    rate.idleMs = wish.idle
    if (wanted !== interval) due = Math.min(due, now + wanted)
    interval = wanted
    if ((await look()) && now >= due) {
      tell(rate.hz(now))
      told = totals.of(pin)
      due += (Math.floor((now - due) / interval) + 1) * interval // ticks that were missed stay missed
    }
    health.beat(loop, LOOK_EVERY_MS + BEAT_SLACK_MS)
    const untilDue = due - clock.monotonic()
    await pause(clock, untilDue > 0 ? Math.min(LOOK_EVERY_MS, untilDue) : LOOK_EVERY_MS, signal)
  }
  if ((await look()) && totals.of(pin) !== told) tell(rate.hz(clock.monotonic()))
  if (counter !== undefined) await gpio.release(pin)
  works()
  health.counter(pin, undefined)
  health.ended(loop)
}

/** Publishes what the counter stands at. */
function createTeller(options: CountingOptions, part: Part<CounterConfig>) {
  const { clock, totals, telemetry, publish, store, log } = options
  return (hz: number | undefined): void => {
    const config = part.config()
    const { pin, name, interval } = config
    const meter = createMeter(config)
    const pulses = totals.of(pin)
    const count = { pulses, total: meter.total(pulses), ...(hz === undefined ? {} : { rate: meter.rate(hz) }) }
    for (const message of telemetry.count(pin, count, interval)) publish(message)
    const read = { at: clock.now(), monotonic: clock.monotonic(), unsynchronised: options.unsynchronised() }
    store(telemetry.countRecord(pin, read.at, count, options.sequence(), read.unsynchronised), read)
    log.debug({ pin, name, ...count }, 'count')
  }
}
