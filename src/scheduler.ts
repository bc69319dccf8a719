/**
 * One loop per sensor: open, read at a fixed rate, a deadline on everything, close and reopen with back-off after
 * a fault. Loops know nothing of each other, so one sensor's failure or hang never delays another.
 */
import { backoff } from './backoff.ts'
import { type Clock, calledOff, Rests } from './clock.ts'
import { Deadlines, LATE, withDeadline } from './deadline.ts'
import { Demand, resting } from './demand.ts'
import { messageOf, SensorError } from './errors.ts'
import { FaultLog } from './faults.ts'
import type { Logger } from './log.ts'
import type { Sample } from './reading.ts'
import { REOPEN } from './reopen.ts'
import type { Sensor } from './sensors/sensor.ts'

export interface LoopOptions {
  /** For the log: the id, or the type of the node's own sensor. */
  readonly name: string
  readonly intervalMs: number
  /** Deadline of one read. */
  readonly timeoutMs: number
  /** Soonest retry after an ordinary failure; between two reads that are not both on time there is as much. */
  readonly retryMs: number
  readonly open: () => Promise<Sensor>
  readonly clock: Clock
  readonly log: Logger
  /** The quantities that the chip has, known after each open. */
  readonly onOpen: (sensor: Sensor) => void
  /** A good read: raw sample, wall clock and monotonic clock when it was there, ms. */
  readonly onSample: (sample: Sample, at: number, monotonic: number) => void
  readonly onFailure: (error: SensorError) => void
  /** Told on a change only; the first time after the first read or the first failed open. */
  readonly onStatus: (status: 'online' | 'offline') => void
  /** The loop will beat again within this time, ms, if all is well. */
  readonly beat: (withinMs: number) => void
  /** Reads beside the rhythm. What they give goes to those who ask, and not to `onSample`. */
  readonly demand?: Demand
}

/** Opening may take a reset, calibration and a child process, but not for ever. */
const OPEN_DEADLINE_MS = 10_000
/** A driver that does not let go is left behind. */
const CLOSE_DEADLINE_MS = 2000
/** On top of what a step may take before the loop counts as stuck: timers are late on a busy Pi. */
const BEAT_SLACK_MS = 10_000
/** Sums of fractional milliseconds fall short of a tick by their rounding; that is not another tick. */
const FLOAT_SLACK_MS = 0.001
/** Sensors that are read in one turn share a wake-up and a write. Far above what lies between their starts, and soon over. */
const ALIGN_MS = 100
/** Ordinary failures in a row that make a sensor `offline`. */
const ORDINARY_IN_A_ROW = 3

/**
 * Reads one sensor until the signal aborts, then closes it and returns.
 *
 * @throws only for a bug of ours; a sensor's failures go to `onFailure`
 */
export async function runSensor(options: LoopOptions, signal: AbortSignal): Promise<void> {
  try {
    await loop(options, signal)
  } finally {
    options.demand?.close(
      new SensorError('unavailable', 'the sensor is not read any more: the agent stops, or has another configuration'),
    )
  }
}

async function loop(options: LoopOptions, signal: AbortSignal): Promise<void> {
  const { name, clock, log, beat, demand = new Demand() } = options
  const faults = new FaultLog(log, 'sensor')
  const ticks = createTicks(clock, options.intervalMs)
  const reads = new Deadlines(clock, signal)
  const rests = new Rests(clock, signal)
  demand.onAsked(rests.asked)
  let status: 'online' | 'offline' | undefined
  let failures = 0

  const setStatus = (next: 'online' | 'offline'): void => {
    if (status === next) return
    status = next
    options.onStatus(next)
  }
  const failed = (error: SensorError): void => {
    faults.happened(error, { sensor: name })
    options.onFailure(error)
  }

  try {
    await keepReading()
  } finally {
    reads.close()
    rests.close()
  }

  async function keepReading(): Promise<void> {
    while (!signal.aborted) {
      try {
        demand.open()
        beat(OPEN_DEADLINE_MS + BEAT_SLACK_MS)
        const sensor = await open()
        try {
          await readOn(sensor)
        } finally {
          await close(sensor)
        }
      } catch (error) {
        if (calledOff(error, signal)) return
        if (!(error instanceof SensorError)) throw error
        failures += 1
        failed(error)
        setStatus('offline')
        const ms = backoff(failures, REOPEN)
        demand.close(resting(error, ms))
        await rest(ms)
      }
    }
  }

  async function open(): Promise<Sensor> {
    const opening = opened(options.open)
    const sensor = await withDeadline(() => opening, OPEN_DEADLINE_MS, clock, signal).catch((error: unknown) => {
      closeWhenThere(opening)
      throw error
    })
    if (sensor !== LATE) {
      log.debug({ sensor: name, quantities: sensor.quantities }, 'sensor opened')
      options.onOpen(sensor)
      return sensor
    }
    closeWhenThere(opening)
    throw new SensorError('timeout', `the sensor did not open within ${OPEN_DEADLINE_MS / 1000} s`)
  }

  async function close(sensor: Sensor): Promise<void> {
    beat(CLOSE_DEADLINE_MS + BEAT_SLACK_MS)
    const told = (reason: string): void => log.debug({ sensor: name, reason }, 'sensor did not close')
    try {
      const closed = await withDeadline(() => sensor.close(), CLOSE_DEADLINE_MS, clock)
      if (closed === LATE) told(`not within ${CLOSE_DEADLINE_MS} ms`)
    } catch (error) {
      told(messageOf(error))
    }
  }

  /** Reads until a fault that needs a reopen, which it throws, or until the signal aborts. */
  async function readOn(sensor: Sensor): Promise<void> {
    let ordinary = 0
    let onTick = false
    let due = true
    let longestMs = 0
    while (!signal.aborted) {
      const begun = clock.monotonic()
      const asked = demand.begin()
      try {
        const sample = await read(sensor)
        ordinary = 0
        failures = 0
        faults.ended({ sensor: name })
        const at = clock.now()
        const monotonic = clock.monotonic()
        if (due) options.onSample(sample, at, monotonic)
        asked?.succeeded({ sample, at, monotonic })
        setStatus('online')
      } catch (error) {
        if (error instanceof SensorError) asked?.failed(error)
        if (!(error instanceof SensorError && error.ordinary)) throw error
        ordinary += 1
        failed(error)
        if (ordinary >= ORDINARY_IN_A_ROW) setStatus('offline')
        if (due && ordinary < ORDINARY_IN_A_ROW && options.retryMs < ticks.untilNext()) {
          await rest(options.retryMs)
          onTick = false
          continue
        }
      }
      longestMs = Math.max(longestMs, clock.monotonic() - begun)
      due = await nextRead(begun, onTick, longestMs)
      onTick = due
    }
  }

  /** Waits for the next tick (true), or for the moment of a read that somebody asks for before it (false). */
  async function nextRead(begun: number, onTick: boolean, longestMs: number): Promise<boolean> {
    const now = clock.monotonic()
    const soonest = begun + options.retryMs
    // A retry or a reopen may lie just before a tick, and a sensor read too soon repeats itself or fails.
    const tick = now + ticks.untilNext(onTick ? 0 : soonest - now)
    // The tick comes on time: a read that is asked for must be over by then, and not lie too soon before it.
    const room = Math.max(options.retryMs, longestMs)
    while (!signal.aborted) {
      const leftMs = tick - clock.monotonic()
      if (leftMs <= FLOAT_SLACK_MS) return true
      const earlyMs = Math.max(0, soonest - clock.monotonic())
      if (earlyMs + room > leftMs)
        await rest(leftMs) // whoever asks gets the read of the tick
      else if (!demand.waiting) await rest(leftMs, 'or asked')
      else if (earlyMs > FLOAT_SLACK_MS) await rest(earlyMs)
      else return false
    }
    return true
  }

  async function read(sensor: Sensor): Promise<Sample> {
    beat(options.timeoutMs + BEAT_SLACK_MS)
    let sample: Sample | typeof LATE
    try {
      sample = await reads.run((own) => sensor.read(own), options.timeoutMs)
    } catch (error) {
      throw calledOff(error, signal) ? error : sensorErrorOf(error)
    }
    if (sample !== LATE) return sample
    throw new SensorError('timeout', `no answer within ${options.timeoutMs} ms`)
  }

  /** `or asked`: until somebody asks for a read, if that is earlier. */
  function rest(ms: number, or?: 'or asked'): Promise<void> {
    beat(ms + BEAT_SLACK_MS)
    return rests.for(ms, or)
  }
}

/**
 * Fixed rate on the monotonic clock: ticks lie at whole intervals from the first, missed ones are skipped. The first read
 * comes at once; all ticks are up to `ALIGN_MS` late, so that sensors that began together are read in one turn.
 */
function createTicks(clock: Clock, intervalMs: number): { untilNext(atLeastMs?: number): number } {
  const grid = Math.min(ALIGN_MS, intervalMs)
  const start = Math.ceil(clock.monotonic() / grid) * grid
  return {
    untilNext(atLeastMs = 0) {
      const elapsed = clock.monotonic() - start
      const next = Math.floor((elapsed + FLOAT_SLACK_MS) / intervalMs) + 1
      const bearable = Math.ceil((elapsed + atLeastMs - FLOAT_SLACK_MS) / intervalMs)
      return Math.max(1, next, bearable) * intervalMs - elapsed
    },
  }
}

/** A driver's surprise (a TypeError in a vendor's callback) is its sensor's fault, not the agent's. */
function sensorErrorOf(error: unknown): SensorError {
  if (error instanceof SensorError) return error
  return new SensorError('bus', `the driver failed: ${messageOf(error)}`, { cause: error })
}

async function opened(open: () => Promise<Sensor>): Promise<Sensor> {
  try {
    return await open()
  } catch (error) {
    throw sensorErrorOf(error)
  }
}

/** A sensor that opens after its deadline must not keep what it holds. */
function closeWhenThere(opening: Promise<Sensor>): void {
  opening.then((sensor) => sensor.close()).catch(() => {}) // it never opened: nothing to give back
}
