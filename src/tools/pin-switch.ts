/**
 * Switches pins of any node that follows the contract, and waits for what became of it: an answer on the response topic
 * (MQTT 5) or on `result`, a refusal there or on `error`; of a node that gives no answers, the state that follows. One
 * command at a time. Called by `sensor-node gpio`.
 */
import { type Clock, pause } from '../clock.ts'
import { parseCommand } from '../command.ts'
import { parseDuration } from '../duration.ts'
import type { Level } from '../gpio/gpio.ts'
import { ConnectionError } from '../mqtt-errors.ts'
import { commandMessage, type Incoming, type Message, pinTopic } from '../telemetry.ts'
import { jsonOf } from './json.ts'

export interface PinCommand {
  readonly pin: number
  readonly state: 'on' | 'off' | 'toggle'
  /** A duration as people write it. */
  readonly for?: string | undefined
}

export type SwitchOutcome =
  /** `by`: the node has answered, or only its state has followed. */
  | { readonly outcome: 'switched'; readonly state: Level; readonly by: 'answer' | 'state' }
  | { readonly outcome: 'refused'; readonly error: string }
  /** Nothing came in time. */
  | { readonly outcome: 'silent' }

export interface SwitchOptions {
  /** Before the pin's number in a topic. */
  readonly prefix: string
  /** Where answers of MQTT 5 are wanted; nobody else's. */
  readonly replyTo: string
  /** Begins the ids of the commands; nobody else's. */
  readonly idPrefix: string
  readonly timeoutMs: number
  readonly clock: Clock
}

/** So long may an answer come after the state, ms: a node sends both at once. */
const GRACE_MS = 500
/** What the broker keeps of a pin follows its answer to the subscription at once; so long it is waited for, ms. */
const KEPT_MS = 200

/** The last levels of a pin's topics that tell what became of a command. */
export const ANSWERS = ['state', 'result', 'error'] as const

interface Waiting {
  readonly command: PinCommand
  readonly id: string
  readonly before: Level | undefined
  readonly done: (outcome: SwitchOutcome) => void
  readonly followed: (state: Level) => void
}

/** Makes the switch; it must be shown every message of its topics. */
export function createPinSwitch({ prefix, replyTo, idPrefix, timeoutMs, clock }: SwitchOptions) {
  const known = new Map<number, Level>()
  const onState = new Set<() => void>()
  let waiting: Waiting | undefined
  let sent = 0

  function hear({ topic, payload, correlation }: Incoming): void {
    if (topic === replyTo) {
      const json = jsonOf(payload)
      const mine = correlation === undefined ? json?.id === waiting?.id : text(correlation) === waiting?.id
      if (json !== undefined && mine) answered(json)
      return
    }
    const [pin = '', last] = topic.startsWith(`${prefix}/`) ? topic.slice(prefix.length + 1).split('/') : []
    if (last === 'state') {
      heardState(Number(pin), levelOf(payload))
      return
    }
    const json = jsonOf(payload)
    if (json === undefined || waiting === undefined || Number(pin) !== waiting.command.pin) return
    if (last === 'result' && json.id === waiting.id) answered(json)
    // It repeats the beginning of the command, where the id stands.
    if (last === 'error' && typeof json.command === 'string' && json.command.includes(waiting.id)) answered(json)
  }

  function answered(json: Readonly<Record<string, unknown>>): void {
    const state = levelOf(json.state)
    if (state !== undefined) waiting?.done({ outcome: 'switched', state, by: 'answer' })
    else if (typeof json.error === 'string') waiting?.done({ outcome: 'refused', error: json.error })
  }

  function heardState(pin: number, state: Level | undefined): void {
    if (state === undefined) return
    known.set(pin, state)
    for (const tell of onState) tell()
    if (waiting?.command.pin !== pin) return
    const { command, before } = waiting
    const fits = command.state === 'toggle' ? state !== before : state === (command.state === 'on' ? 1 : 0)
    if (fits) waiting.followed(state)
  }

  /** What the broker keeps must not be taken for what follows. */
  async function settle(pin: number, signal: AbortSignal): Promise<void> {
    if (known.has(pin)) return
    const over = new AbortController()
    const look = (): void => {
      if (known.has(pin)) over.abort()
    }
    onState.add(look)
    await pause(clock, KEPT_MS, AbortSignal.any([signal, over.signal]))
    onState.delete(look)
  }

  return {
    hear,

    /**
     * Sends one command. Commands of one connection come one after the other.
     *
     * @throws ConnectionError where the broker can't be had; on abort the signal's reason
     */
    async send(
      command: PinCommand,
      { publish, protocol }: { publish(message: Message): Promise<void>; readonly protocol: 4 | 5 | undefined },
      signal: AbortSignal,
    ): Promise<SwitchOutcome> {
      await settle(command.pin, signal)
      signal.throwIfAborted()
      sent += 1
      const id = `${idPrefix}-${sent}`
      const over = new AbortController()
      const until = AbortSignal.any([signal, over.signal])
      const outcome = new Promise<SwitchOutcome>((done) => {
        let follows = false
        const followed = (state: Level): void => {
          if (follows) return
          follows = true
          void pause(clock, GRACE_MS, until).then(() => done({ outcome: 'switched', state, by: 'state' }))
        }
        waiting = { command, id, before: known.get(command.pin), done, followed }
        void pause(clock, timeoutMs, until).then(() => done({ outcome: 'silent' }))
      })
      try {
        await publish(commandMessage(prefix, command, id, protocol === 5 ? replyTo : undefined))
        const result = await outcome
        signal.throwIfAborted()
        return result
      } catch (error) {
        if (!(error instanceof ConnectionError) || !error.refused) throw error
        return { outcome: 'refused', error: `the broker did not take it: ${error.message}` }
      } finally {
        waiting = undefined
        over.abort()
      }
    },
  }
}

/** Filters of what a pin says; without pins, those of all. */
export function answerFilters(prefix: string, pin: number | undefined): string[] {
  return ANSWERS.map((last) => pinTopic(prefix, pin ?? '+', last))
}

/** `17`, `on` and perhaps `5s`, as typed; or what is wrong with them. */
export function pinCommand(pin: string, state: string, time?: string): PinCommand | { readonly problem: string } {
  const number = /^(?:GPIO)?(\d{1,3})$/i.exec(pin)?.[1]
  if (number === undefined) return { problem: `“${pin}” is no pin: it must be a BCM number, such as 17` }
  const parsed = state.startsWith('{') ? undefined : parseCommand(Buffer.from(state))
  if (parsed === undefined || 'refusal' in parsed) return { problem: `“${state}” is none of on, off, toggle` }
  if (time !== undefined && (parseDuration(time) ?? 0) <= 0)
    return { problem: `“${time}” is no duration: it must be 500ms, 5s, 10m or the like` }
  return { pin: Number(number), state: parsed.command.state, for: time }
}

/** A line such as `17 on`, `17 on 5s` or `17 on --for 5s`; undefined for an empty one and a comment. */
export function pinCommandLine(line: string): PinCommand | { readonly problem: string } | undefined {
  const [pin, state, ...rest] = line.replace(/#.*/, '').trim().split(/\s+/)
  if (pin === undefined || pin === '') return undefined
  if (state === undefined) return { problem: 'it must be a pin and a state, such as 17 on' }
  const times = ['for', '--for'].includes(rest[0] ?? '') ? rest.slice(1) : rest
  if (times.length > 1 || times.length < rest.length - 1 || (rest.length > 0 && times.length === 0))
    return { problem: 'after the state may only stand a duration, such as 5s' }
  return pinCommand(pin, state, times[0])
}

/** Of a payload, or of a value in JSON. */
function levelOf(value: unknown): Level | undefined {
  const word = (value instanceof Uint8Array ? text(value) : String(value)).trim().toLowerCase()
  if (['1', 'on', 'true', 'high'].includes(word)) return 1
  return ['0', 'off', 'false', 'low'].includes(word) ? 0 : undefined
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}
