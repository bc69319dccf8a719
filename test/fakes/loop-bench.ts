/** A sensor's loop at work on a scripted sensor, with everything that it tells, and a health that hears its beats. */
import { getEventListeners } from 'node:events'
import type { SensorError } from '../../src/errors.ts'
import { createHealth } from '../../src/health.ts'
import type { Sample } from '../../src/reading.ts'
import { type LoopOptions, runSensor } from '../../src/scheduler.ts'
import { type FakeClock, settled } from './fake-clock.ts'
import { type RecordingLog, recordLog } from './recording-log.ts'
import { type Script, type ScriptedSensor, scriptSensor } from './scripted-sensor.ts'

const SECOND = 1000

export interface Loop extends RecordingLog {
  readonly sensor: ScriptedSensor
  readonly samples: { sample: Sample; at: number; monotonic: number }[]
  readonly failures: SensorError[]
  /** Everything that was told, in order: `online`, `offline`, `sample`, `failed`. */
  readonly events: string[]
  readonly stuck: () => string[]
  /** The allowances of its beats, ms. */
  readonly beats: number[]
  readonly ended: Promise<void>
  /** True when the loop has returned. */
  readonly over: () => boolean
  stop(): Promise<void>
  listeners(): number
}

/** Starts the loop of one sensor, read every 10 s unless `options` say otherwise. */
export function startLoop(clock: FakeClock, script: Script, options: Partial<LoopOptions> = {}): Loop {
  const controller = new AbortController()
  const { signal } = controller
  const recording = recordLog()
  const sensor = scriptSensor(clock, script)
  const samples: Loop['samples'] = []
  const failures: SensorError[] = []
  const events: string[] = []
  const health = createHealth(clock, () => ({
    connected: false,
    reconnects: 0,
    lastError: undefined,
    queued: 0,
    dropped: {},
  }))
  const beats: number[] = []
  let over = false
  const ended = runSensor(
    {
      name: 'attic',
      intervalMs: 10 * SECOND,
      timeoutMs: 10 * SECOND,
      retryMs: SECOND,
      open: sensor.open,
      clock,
      log: recording.log,
      onOpen: () => events.push('open'),
      onSample(sample, at, monotonic) {
        events.push('sample')
        samples.push({ sample, at, monotonic })
      },
      onFailure(error) {
        events.push('failed')
        failures.push(error)
      },
      onStatus: (status) => events.push(status),
      beat(withinMs) {
        beats.push(withinMs)
        health.beat('sensor attic', withinMs)
      },
      ...options,
    },
    signal,
  ).finally(() => {
    over = true
  })
  return {
    ...recording,
    sensor,
    samples,
    failures,
    events,
    beats,
    stuck: health.stuck,
    ended,
    over: () => over,
    listeners: () => getEventListeners(signal, 'abort').length,
    async stop() {
      controller.abort()
      await settled()
    },
  }
}

/** A number from 0 to 1 that looks random and is the same in every run. */
export function createRandom(): () => number {
  let state = 1
  return () => {
    state = (state * 48271) % 2147483647 // Park and Miller's generator
    return state / 2147483647
  }
}
