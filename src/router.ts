/**
 * What comes in from the broker: parse, then apply, then answer. Bad input never throws and never moves a pin; it is
 * answered on the pin's error topic and logged, with a limit on repetition. A sender that wants to know gets an answer
 * of its own, on the topic that it named (MQTT 5) or, for a command with an `id`, on the pin's result topic.
 */
import type { Clock } from './clock.ts'
import { type Command, type Parsed, parseCommand } from './command.ts'
import { messageOf, Refused } from './errors.ts'
import type { Level } from './gpio/gpio.ts'
import { orRefusal } from './inbound-json.ts'
import { createLimitedWarning } from './limited-warning.ts'
import type { Logger } from './log.ts'
import { createLife } from './message-life.ts'
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

/** Makes the handler for every message of our subscriptions. It returns when the command is carried out; never throws. */
export function createRouter(options: RouterOptions) {
  const { telemetry, pins, publish, clock, log } = options
  const warn = createLimitedWarning(clock, log, 'command refused')
  const life = { clock, clockIsRight: options.clockIsRight, noun: 'command' }

  return async (message: Incoming): Promise<void> => {
    const { topic, payload, retained } = message
    const name = telemetry.commandPin(topic)
    if (name === undefined) return
    if (retained && payload.length === 0) return // somebody clears a retained command
    const parsed = orRefusal(() => parseCommand(payload))
    try {
      const { pin, command, check } = understand(name, message, parsed)
      const state = await pins.command(pin, command, check)
      log.debug({ pin, command }, 'command carried out')
      answer(name, message, parsed, { state })
    } catch (error) {
      const reason = messageOf(error)
      const told = telemetry.commandError(name, reason, payload)
      if (told !== undefined) publish(told)
      warn({ topic: topic.slice(0, 100), reason, command: shown(payload) })
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
    return { pin, command: parsed.command, check: createLife(message, parsed.validity, life) }
  }
}
