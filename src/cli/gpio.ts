/** `sensor-node gpio`: switches a pin of a node over MQTT, or many by lines on standard input, and says what became of it. */
import { createInterface } from 'node:readline'
import { parseDuration } from '../duration.ts'
import { ConfigError } from '../errors.ts'
import { connectTool } from '../tools/link.ts'
import {
  answerFilters,
  createPinSwitch,
  type PinCommand,
  pinCommand,
  pinCommandLine,
  type SwitchOutcome,
} from '../tools/pin-switch.ts'
import { printable } from '../tools/printable.ts'
import type { BrokerFlags } from './broker-flags.ts'
import { EXIT } from './exit-code.ts'
import type { Broker } from './find-broker.ts'
import { withBroker } from './with-broker.ts'

/** Options of `gpio` as the command line gives them. */
export interface GpioFlags extends BrokerFlags {
  readonly for?: string
  readonly node?: string
  readonly timeout: string
  readonly json?: boolean
}

const EXIT_OF = { switched: EXIT.ok, refused: EXIT.refused, silent: EXIT.silent } as const
/** Of an error that a node tells, characters. */
const LONGEST_ERROR = 300

/**
 * Sends and waits. The exit code is that of the first command that was not carried out.
 *
 * @throws ConfigError with what is wrong with the arguments, or with the configuration's `mqtt`
 */
export async function gpio(pin: string | undefined, state: string | undefined, flags: GpioFlags): Promise<number> {
  const timeoutMs = parseDuration(flags.timeout) ?? 0
  if (timeoutMs <= 0) throw wrong('--timeout', `“${flags.timeout}” is no duration, such as 5s`)
  if (flags.node !== undefined && !/^[A-Za-z0-9_-]{1,64}$/.test(flags.node))
    throw wrong('--node', 'must be 1 to 64 letters, digits, _ or -')
  const single = pin === undefined ? undefined : fromArguments(pin, state, flags.for)
  if (single === undefined && flags.for !== undefined)
    throw wrong('--for', 'is for one pin; on standard input it stands on the line: 17 on 5s')

  return withBroker(flags, async (basics, signal, broker) => {
    const { clock, random, say } = basics
    const { prefix, devices } = places(broker, flags.node)
    const own = Math.floor(random() * 36 ** 8).toString(36)
    const replyTo = `${devices}/response/${own}`
    const pins = createPinSwitch({ prefix, replyTo, idPrefix: own, timeoutMs, clock })
    const filters = [
      ...answerFilters(prefix, single?.pin).map((filter) => ({ filter, qos: 1 as const })),
      { filter: replyTo, qos: 2 as const }, // as much as a command has: the broker tells whether it takes that
    ]
    const link = await connectTool({ ...basics, name: 'gpio', filters, onMessage: pins.hear }, signal)
    let code: number = EXIT.ok
    const carryOut = async (command: PinCommand): Promise<void> => {
      const outcome = await pins.send(command, link, signal)
      tell(command, outcome, flags, say)
      if (code === EXIT.ok) code = EXIT_OF[outcome.outcome]
    }
    try {
      if (single !== undefined) await carryOut(single)
      else {
        if (process.stdin.isTTY) say('one command a line, such as: 17 on')
        let number = 0
        for await (const line of createInterface({ input: process.stdin, signal })) {
          number += 1
          const command = pinCommandLine(line)
          if (command === undefined) continue
          if (!('problem' in command)) await carryOut(command)
          else {
            say(`line ${number}: ${printable(command.problem, LONGEST_ERROR)}`)
            if (code === EXIT.ok) code = EXIT.config
          }
        }
      }
      return signal.aborted ? EXIT.failed : code
    } catch (error) {
      if (signal.aborted) return EXIT.failed
      throw error
    } finally {
      await link.end()
    }
  })
}

function fromArguments(pin: string, state: string | undefined, time: string | undefined): PinCommand {
  if (state === undefined) throw wrong('gpio', `what is pin ${printable(pin)} to become: on, off or toggle?`)
  const command = pinCommand(pin, state, time)
  if ('problem' in command) throw wrong('gpio', printable(command.problem, LONGEST_ERROR))
  return command
}

/** Where the pins of the node are, and where it may be answered. */
function places({ topics, node: own }: Broker, named: string | undefined): { prefix: string; devices: string } {
  const node = named ?? own
  const fill = (prefix: string): string => (node === undefined ? prefix : prefix.replaceAll('{node}', node))
  // The plain prefix of several nodes is that of one with a level for each.
  const apart = named !== undefined && named !== own && !topics.gpio.includes('{node}')
  return {
    prefix: apart ? `${topics.gpio}/${named}` : fill(topics.gpio),
    devices: node === undefined ? 'sensor-node' : fill(topics.devices),
  }
}

function tell({ pin }: PinCommand, outcome: SwitchOutcome, flags: GpioFlags, say: (line: string) => void): void {
  if (flags.json === true) {
    const error = outcome.outcome === 'refused' ? { error: outcome.error } : {}
    process.stdout.write(`${JSON.stringify({ pin, ...outcome, ...error })}\n`)
  } else if (outcome.outcome === 'switched') {
    process.stdout.write(`${pin} ${outcome.state === 1 ? 'on' : 'off'}\n`)
    if (outcome.by === 'state') say(`${pin}: the node gave no answer; this is the state that followed`)
  } else if (outcome.outcome === 'refused') {
    say(`${pin}: refused: ${printable(outcome.error, LONGEST_ERROR)}`)
  } else {
    say(
      `${pin}: no answer within ${flags.timeout}: is the node online, is the pin one of its outputs, is --node right, may this user command it?`,
    )
  }
}

function wrong(path: string, message: string): ConfigError {
  return new ConfigError('command line', [{ line: 0, column: 0, path, message }])
}
