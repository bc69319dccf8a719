/**
 * Who has beaten when, what works and what does not. Decides whether the watchdog may be fed, and says in one line
 * (for systemd) and in one object (for MQTT) how the node is.
 */
import type { Clock } from './clock.ts'
import type { Rejection } from './reading.ts'

/** What a counter has come to. */
export interface CounterHealth {
  /** In its life. */
  readonly pulses: number
  /** Since the start: of the pulses, those counted by the kernel's numbers alone, as its buffer was full. */
  readonly unseen: number
  /** Since the start: how often the line was lost; what came meanwhile is not counted. */
  readonly outages: number
}

interface SensorHealth {
  /** For people. Not unique: an id may be the type of the sensor that has none. */
  readonly name: string
  /** The id, or undefined for the node's own. */
  readonly id: string | undefined
  readonly type: string
  status: 'starting' | 'online' | 'offline'
  ok: number
  failed: number
  rejected: number
  /** On the monotonic clock, ms. */
  lastGood: number | undefined
  error: string | undefined
}

/** The outbox as `health` tells it. */
export interface OutboxHealth {
  readonly bytes: number
  /** Seconds. */
  readonly oldest_age?: number
  /** Where records go that the broker does not take. */
  readonly store: 'disk' | 'memory'
  /** Why they go to memory only, though they should not. */
  readonly error?: string
  /** Where a damaged store was put. */
  readonly damaged?: string
}

export interface BrokerHealth {
  readonly connected: boolean
  readonly reconnects: number
  readonly lastError: string | undefined
  readonly queued: number
  readonly outbox?: OutboxHealth
  readonly dropped: Readonly<Record<string, number>>
  /** Of each rule, what it has come to; undefined: there are none. */
  readonly rules?: object | undefined
  /** What the connection gives; undefined while there is none. */
  readonly session?: object | undefined
}

/** A file that is no configuration at all has many; the log has them all. */
const PROBLEMS_TOLD = 20

export type Health = ReturnType<typeof createHealth>

/** Makes the health of one agent. `broker` is asked whenever health is told. */
export function createHealth(clock: Clock, broker: () => BrokerHealth) {
  const started = clock.monotonic()
  const deadlines = new Map<string, number>()
  const sensors = new Set<SensorHealth>()
  const pinFaults = new Map<number, string>()
  const counters = new Map<number, CounterHealth>()
  let configProblems: readonly string[] = []

  return {
    /** The loop of that name is alive and will beat again within `withinMs`. */
    beat(loop: string, withinMs: number): void {
      deadlines.set(loop, clock.monotonic() + withinMs)
    },

    /** The loop of that name has come to its end, as it should: nobody waits for its beats. */
    ended(loop: string): void {
      deadlines.delete(loop)
    },

    /** Loops that have missed their own deadline. Empty: the watchdog may be fed. A broker that is away is no reason. */
    stuck(): string[] {
      const now = clock.monotonic()
      return [...deadlines].filter(([, deadline]) => deadline < now).map(([loop]) => loop)
    },

    /** Registers a sensor; the returned functions are for its loop, which takes it away again with `gone`. */
    sensor(name: string, id: string | undefined, type: string) {
      const entry: SensorHealth = {
        name,
        id,
        type,
        status: 'starting',
        ok: 0,
        failed: 0,
        rejected: 0,
        lastGood: undefined,
        error: undefined,
      }
      sensors.add(entry)
      return {
        ok(rejected: readonly Rejection[]): void {
          entry.ok += 1
          entry.rejected += rejected.length
          entry.lastGood = clock.monotonic()
          entry.error = undefined
        },
        failed(error: Error): void {
          entry.failed += 1
          entry.error = error.message
        },
        status(status: 'online' | 'offline'): void {
          entry.status = status
        },
        gone(): void {
          sensors.delete(entry)
        },
      }
    },

    pin(pin: number, fault: string | undefined): void {
      if (fault === undefined) pinFaults.delete(pin)
      else pinFaults.set(pin, fault)
    },

    /** Undefined: there is no such counter any more. */
    counter(pin: number, counter: CounterHealth | undefined): void {
      if (counter === undefined) counters.delete(pin)
      else counters.set(pin, counter)
    },

    /** Why the configuration file was not taken over, a line each; none: what runs is what was loaded last. */
    config(problems: readonly string[]): void {
      configProblems = problems.slice(0, PROBLEMS_TOLD)
      const more = problems.length - configProblems.length
      if (more > 0) configProblems = [...configProblems, `and ${more} more`]
    },

    /** `online, 3 sensors ok, 0 queued`; what fails is named. */
    line(): string {
      const { connected, queued, outbox } = broker()
      const all = [...sensors]
      const ok = all.filter(({ status }) => status === 'online').length
      const failing = all.filter(({ status }) => status === 'offline').map(({ name }) => name)
      const parts = [connected ? 'online' : 'broker away', `${ok} sensor${ok === 1 ? '' : 's'} ok`]
      if (failing.length > 0) parts.push(`failing: ${failing.join(' ')}`)
      if (pinFaults.size > 0) parts.push(`pins failing: ${[...pinFaults.keys()].join(' ')}`)
      parts.push(`${queued} queued${outbox?.error === undefined ? '' : ' in memory only'}`)
      const [problem, ...others] = configProblems
      if (problem !== undefined) parts.push(`config not reloaded: ${problem}${others.length > 0 ? ' …' : ''}`)
      return parts.join(', ')
    },

    /** The payload of `devices/<node>/health`. Ages and uptime in seconds, memory in bytes. */
    report(): object {
      const now = clock.monotonic()
      const { reconnects, lastError, queued, outbox, dropped, session, rules } = broker()
      const { rss, heapUsed } = process.memoryUsage()
      return {
        timestamp: new Date(clock.now()).toISOString(),
        uptime: Math.round((now - started) / 1000),
        memory: { rss, heap_used: heapUsed },
        sensors: [...sensors].map(({ id, type, status, ok, failed, rejected, lastGood, error }) => ({
          ...(id === undefined ? {} : { id }),
          type,
          status,
          ok,
          failed,
          rejected,
          ...(lastGood === undefined ? {} : { age: Math.round((now - lastGood) / 1000) }),
          ...(error === undefined ? {} : { error }),
        })),
        pins: Object.fromEntries(pinFaults),
        ...(counters.size === 0 ? {} : { counters: Object.fromEntries(counters) }),
        ...(rules === undefined ? {} : { rules }),
        outbox: { depth: queued, ...outbox, dropped },
        reconnects,
        ...(session === undefined ? {} : { mqtt: session }),
        ...(lastError === undefined ? {} : { last_error: lastError }),
        ...(configProblems.length === 0 ? {} : { config_error: configProblems.join('\n') }),
      }
    },
  }
}
