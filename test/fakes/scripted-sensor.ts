/**
 * A sensor that does what a script says, turn by turn, and keeps a record of how it was used: what a loop may do to
 * a real one (two reads at once, a read of a closed one, a second close) throws.
 */
import type { Clock } from '../../src/clock.ts'
import type { Sample } from '../../src/reading.ts'
import type { Sensor } from '../../src/sensors/sensor.ts'

/** What happens at one turn. Nothing: it succeeds at once. */
export interface Turn {
  /** How long it takes, ms; it gives up on abort. */
  readonly ms?: number
  /** It never answers, and ignores its signal. */
  readonly hang?: boolean
  /** What it throws after that: errors, strings, anything. */
  readonly throws?: unknown
  /** It throws before it has returned a promise. */
  readonly atOnce?: boolean
  readonly sample?: Sample
}

export interface Script {
  readonly open?: (turn: number) => Turn
  /** Counts on over reopens. */
  readonly read?: (turn: number) => Turn
  readonly close?: (turn: number) => Turn
}

export interface ScriptedSensor {
  readonly open: () => Promise<Sensor>
  /** When each of them began, monotonic ms. */
  readonly opens: readonly number[]
  readonly reads: readonly number[]
  readonly closes: readonly number[]
  /** Opened and not closed. */
  readonly held: number
  /** What the loop did that no loop may do. */
  readonly misuses: readonly string[]
  /** Ends every open that hangs, as a driver that comes back late. */
  release(): void
}

export function scriptSensor(clock: Clock, script: Script = {}): ScriptedSensor {
  const opens: number[] = []
  const reads: number[] = []
  const closes: number[] = []
  const misuses: string[] = []
  const hanging: (() => void)[] = []
  let held = 0

  const take = async ({ ms, hang, throws }: Turn, signal?: AbortSignal): Promise<void> => {
    if (ms !== undefined) await clock.sleep(ms, signal)
    if (hang === true) await new Promise<void>((resolve) => hanging.push(resolve))
    if (throws !== undefined) throw throws
  }

  const make = (): Sensor => {
    let closed = false
    let reading = false
    return {
      quantities: ['temperature'],
      read(signal) {
        if (closed) misuses.push('read after close')
        if (reading) misuses.push('two reads at once')
        const turn = script.read?.(reads.length) ?? {}
        reads.push(clock.monotonic())
        if (turn.atOnce === true) throw turn.throws
        reading = true
        return take(turn, signal)
          .then(() => turn.sample ?? { temperature: reads.length })
          .finally(() => {
            reading = false
          })
      },
      close() {
        if (closed) misuses.push('closed twice')
        closed = true
        held -= 1
        const turn = script.close?.(closes.length) ?? {}
        closes.push(clock.monotonic())
        if (turn.atOnce === true) throw turn.throws
        return take(turn)
      },
    }
  }

  return {
    opens,
    reads,
    closes,
    misuses,
    get held() {
      return held
    },
    open() {
      const turn = script.open?.(opens.length) ?? {}
      opens.push(clock.monotonic())
      if (turn.atOnce === true) throw turn.throws
      return take(turn).then(() => {
        held += 1
        return make()
      })
    },
    release() {
      for (const resolve of hanging.splice(0)) resolve()
    },
  }
}
