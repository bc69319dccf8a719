/**
 * What comes in from the broker: parse, then apply, then answer. Bad input never throws and never moves a pin; it is
 * answered on the pin's error topic and logged, with a limit on repetition. A sender that wants to know gets an answer
 * of its own, on the topic that it named (MQTT 5) or, for a command with an `id`, on the pin's result topic.
 */
import type { Clock } from './clock.ts'
import { type Command, type Parsed, parseCommand, type Validity } from './command.ts'
import { formatDuration } from './config/values.ts'
import { messageOf, Refused } from './errors.ts'
import type { Level } from './gpio/gpio.ts'
import type { Logger } from './log.ts'
import { type Incoming, type Message, type Outcome, shown, type Telemetry } from './telemetry.ts'

export interface Pins {
  /**
   * Carries a command out, when it is its turn and `check` does not throw then. Gives the level.
   *
   * @throws Refused, GpioError, what `check` throws
   */
  command(pin: number, command: Command, check: () => void): Promise<Level>
  /** What a pin of the configuration is; undefined for one that is not in it. */
  directionOf(pin: number): 'output' | 'input' | undefined
}

export interface RouterOptions {
  readonly telemetry: Pick<Telemetry, 'commandPin' | 'commandError' | 'commandResult' | 'commandReply' | 'replyFault'>
  readonly pins: Pins
  readonly publish: (message: Message) => void
  readonly clock: Clock
  /** Whether the wall clock is right, as far as anybody knows: `ttl` is judged by it. */
  readonly clockIsRight: () => boolean
  readonly log: Logger
}

/** The same refusal on the same topic is logged once in this time, ms. */
const REPEAT_MS = 60_000
/** So many refusals are told apart for that. */
const MAX_REMEMBERED = 256

/** Makes the handler for every message of our subscriptions. It returns when the command is carried out; never throws. */
export function createRouter(options: RouterOptions) {
  const { telemetry, pins, publish, clock, log } = options
  const warn = createLimitedWarning(clock, log)

  return async (message: Incoming): Promise<void> => {
    const { topic, payload, retained } = message
    const name = telemetry.commandPin(topic)
    if (name === undefined) return
    if (retained && payload.length === 0) return // somebody clears a retained command
    const parsed = parseCommand(payload)
    try {
      const { pin, command, check } = understand(name, message, parsed)
      const state = await pins.command(pin, command, check)
      log.debug({ pin, command }, 'command carried out')
      answer(name, message, parsed, { state })
    } catch (error) {
      const reason = messageOf(error)
      const told = telemetry.commandError(name, reason, payload)
      if (told !== undefined) publish(told)
      warn(topic.slice(0, 100), reason, shown(payload))
      answer(name, message, parsed, { error: reason })
    }
  }

  /** Tells the sender what became of the command, where it asked for that. */
  function answer(name: string, { replyTo, correlation }: Incoming, { id }: Parsed, outcome: Outcome): void {
    if (replyTo !== undefined) {
      const to = correlation === undefined ? { replyTo } : { replyTo, correlation }
      if (telemetry.replyFault(to) === undefined) publish(telemetry.commandReply(to, id, outcome))
    } else if (id !== undefined) {
      const result = telemetry.commandResult(name, id, outcome)
      if (result !== undefined) publish(result)
    }
  }

  function understand(
    name: string,
    message: Incoming,
    parsed: Parsed,
  ): { pin: number; command: Command; check: () => void } {
    const { topic, retained } = message
    const pin = /^(0|[1-9]\d?)$/.test(name) ? Number(name) : undefined
    // Before all else, since it comes back on every connect. Only with a number: the line is for somebody's shell.
    if (retained && pin !== undefined) {
      throw new Refused(`retained commands are not carried out; clear this one with: mosquitto_pub -r -n -t '${topic}'`)
    }
    const direction = pin === undefined ? undefined : pins.directionOf(pin)
    if (pin === undefined || direction === undefined)
      throw new Refused(`pin ${name.slice(0, 32)} is not in the configuration of this node`)
    if (direction === 'input') throw new Refused(`pin ${pin} is an input`)
    const fault = telemetry.replyFault(message)
    if (fault !== undefined) throw new Refused(`the command can’t be answered: ${fault}`)
    if ('refusal' in parsed) throw new Refused(parsed.refusal)
    return { pin, command: parsed.command, check: validity(message, parsed.validity) }
  }

  /** Makes what refuses the command once its time is over, and refuses it at once where it is. */
  function validity({ expiresMs }: Incoming, told: Validity | undefined): () => void {
    let until = expiresMs === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() + expiresMs
    if (told !== undefined) {
      if (!options.clockIsRight()) throw new Refused('"ttl" can’t be judged: this node’s clock is not set yet')
      const ageMs = clock.now() - told.at
      const good = `and it was good for ${formatDuration(told.ttlMs)} only`
      if (ageMs >= told.ttlMs) throw new Refused(`the command was given ${seconds(ageMs)} ago, ${good}`)
      // As far off as an expired one, the other way round: by such a clock nothing can be judged.
      if (-ageMs > told.ttlMs)
        throw new Refused(
          `"ts" is ${seconds(-ageMs)} ahead of this node’s clock: the sender’s clock or this one is wrong`,
        )
      until = Math.min(until, clock.monotonic() + told.ttlMs - ageMs)
    }
    return () => {
      if (clock.monotonic() >= until) throw new Refused('the command expired before its turn came')
    }
  }
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1000)} s`
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
