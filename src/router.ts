/**
 * What comes in from the broker: parse, then apply. Bad input never throws and never moves a pin; it is answered
 * on the pin's error topic and logged, with a limit on repetition.
 */
import type { Clock } from './clock.ts'
import { type Command, parseCommand } from './command.ts'
import { messageOf, Refused } from './errors.ts'
import type { Logger } from './log.ts'
import { type Message, shown, type Telemetry } from './telemetry.ts'

export interface Pins {
  /** Carries a command out. @throws Refused, GpioError */
  command(pin: number, command: Command): Promise<void>
  /** What a pin of the configuration is; undefined for one that is not in it. */
  directionOf(pin: number): 'output' | 'input' | undefined
}

export interface RouterOptions {
  readonly telemetry: Pick<Telemetry, 'commandPin' | 'commandError'>
  readonly pins: Pins
  readonly publish: (message: Message) => void
  readonly clock: Clock
  readonly log: Logger
}

/** The same refusal on the same topic is logged once in this time, ms. */
const REPEAT_MS = 60_000
/** So many refusals are told apart for that. */
const MAX_REMEMBERED = 256

/** Makes the handler for every message of our subscriptions. It returns when the command is carried out; never throws. */
export function createRouter(options: RouterOptions) {
  const { telemetry, pins, publish, log } = options
  const warn = createLimitedWarning(options.clock, log)

  return async (topic: string, payload: Uint8Array, retained: boolean): Promise<void> => {
    const name = telemetry.commandPin(topic)
    if (name === undefined) return
    if (retained && payload.length === 0) return // somebody clears a retained command
    try {
      const { pin, command } = understand(name, topic, payload, retained)
      await pins.command(pin, command)
      log.debug({ pin, command }, 'command carried out')
    } catch (error) {
      const reason = messageOf(error)
      const answer = telemetry.commandError(name, reason, payload)
      if (answer !== undefined) publish(answer)
      warn(topic.slice(0, 100), reason, shown(payload))
    }
  }

  function understand(
    name: string,
    topic: string,
    payload: Uint8Array,
    retained: boolean,
  ): { pin: number; command: Command } {
    const pin = /^(0|[1-9]\d?)$/.test(name) ? Number(name) : undefined
    // Before all else, since it comes back on every connect. Only with a number: the line is for somebody's shell.
    if (retained && pin !== undefined) {
      throw new Refused(`retained commands are not carried out; clear this one with: mosquitto_pub -r -n -t '${topic}'`)
    }
    const direction = pin === undefined ? undefined : pins.directionOf(pin)
    if (pin === undefined || direction === undefined)
      throw new Refused(`pin ${name.slice(0, 32)} is not in the configuration of this node`)
    if (direction === 'input') throw new Refused(`pin ${pin} is an input`)
    const parsed = parseCommand(payload)
    if ('refusal' in parsed) throw new Refused(parsed.refusal)
    return { pin, command: parsed.command }
  }
}

/** Warns once in `REPEAT_MS` of each refusal; beyond `MAX_REMEMBERED` different ones, once of all others together. */
function createLimitedWarning(clock: Clock, log: Logger): (topic: string, reason: string, command: string) => void {
  interface Told {
    since: number
    suppressed: number
  }
  const seen = new Map<string, Told>()
  const others: Told = { since: Number.NEGATIVE_INFINITY, suppressed: 0 }

  const recall = (key: string, now: number): Told => {
    const known = seen.get(key)
    if (known !== undefined) return known
    if (seen.size >= MAX_REMEMBERED) {
      for (const [old, { since, suppressed }] of seen) {
        if (now - since < REPEAT_MS) continue
        others.suppressed += suppressed
        seen.delete(old)
      }
    }
    if (seen.size >= MAX_REMEMBERED) return others
    const fresh = { since: Number.NEGATIVE_INFINITY, suppressed: 0 }
    seen.set(key, fresh)
    return fresh
  }

  return (topic, reason, command) => {
    const now = clock.monotonic()
    const told = recall(`${topic} ${reason}`, now)
    if (now - told.since < REPEAT_MS) {
      told.suppressed += 1
      return
    }
    const more = told.suppressed === 0 ? {} : { suppressed: told.suppressed }
    Object.assign(told, { since: now, suppressed: 0 })
    log.warn({ topic, reason, command, ...more }, 'command refused')
  }
}
