/**
 * Pulses out of nothing, for `--simulate`: the counters of a board in memory whose wires nobody drives count what a
 * meter would send, about one in two seconds, now faster and now slower. Used by the command line.
 */
import type { Clock } from '../clock.ts'
import type { Counter, CounterOptions, Gpio, Pulses } from './gpio.ts'

/** Pulses per second, on average; by how much of itself that swings, and how long a swing takes, s. */
const MEAN_HZ = 0.5
const SWING = 0.5
const PERIOD_S = 60

/** The same backend, its counters with pulses. */
export function withSimulatedPulses(gpio: Gpio, clock: Clock): Gpio {
  return {
    backend: gpio.backend,
    reason: gpio.reason,
    input: (line, options) => gpio.input(line, options),
    output: (line, options) => gpio.output(line, options),
    async counter(line: number, options: CounterOptions): Promise<Counter> {
      const counter = await gpio.counter(line, options)
      const openedMs = clock.monotonic()
      const read = async (): Promise<Pulses> => ({
        ...(await counter.read()),
        ...pulsesAt(clock.monotonic(), openedMs),
      })
      return { line, read }
    },
    release: (line) => gpio.release(line),
    close: () => gpio.close(),
  }
}

function pulsesAt(nowMs: number, openedMs: number): Pick<Pulses, 'count' | 'newestMs'> {
  const seconds = (nowMs - openedMs) / 1000
  const angle = (2 * Math.PI * seconds) / PERIOD_S
  const hz = MEAN_HZ * (1 + SWING * Math.sin(angle))
  // The integral of that rate.
  const turned = MEAN_HZ * (seconds + ((SWING * PERIOD_S) / (2 * Math.PI)) * (1 - Math.cos(angle)))
  const count = Math.floor(turned)
  return { count, newestMs: count === 0 ? undefined : nowMs - ((turned - count) / hz) * 1000 }
}
