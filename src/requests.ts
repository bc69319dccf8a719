/**
 * Requests over MQTT: parse, then act, then answer, where the asker wants it (MQTT 5) or on `devices/<node>/response`.
 * Every request is answered, those that come twice as well, unless it is a retained one that is being cleared. Bad input
 * never throws. Off, nothing is subscribed to and nothing is answered. Made by `agent.ts`; the actions are in `requests/`.
 */
import { setMaxListeners } from 'node:events'
import { type Clock, calledOff } from './clock.ts'
import type { RemoteConfig } from './config/schema.ts'
import { LATE, withDeadline } from './deadline.ts'
import { messageOf, Refused } from './errors.ts'
import { orRefusal } from './inbound-json.ts'
import { createLimitedWarning } from './limited-warning.ts'
import { createLife } from './message-life.ts'
import { type ParsedRequest, parseRequest } from './request.ts'
import type { Answer, RemoteNode } from './requests/action.ts'
import { type ActionName, actions } from './requests/index.ts'
import type { Subscription } from './subscriptions.ts'
import { type Incoming, type Message, shown, type Telemetry } from './telemetry.ts'

export interface RequestsOptions {
  readonly telemetry: Pick<Telemetry, 'requestTopic' | 'response' | 'replyFault'>
  readonly node: RemoteNode
  readonly publish: (message: Message) => void
  readonly clock: Clock
  /** Aborts when the agent is told to stop. */
  readonly signal: AbortSignal
}

/** Requests whose answer takes time that are worked on at once. Reads of one sensor are one read, so that many are cheap. */
const MOST_AT_ONCE = 16
/** So long an answer may take, ms: nobody waits for longer, and nothing waits behind it. */
const DEADLINE_MS = 30_000

/** Makes what hears and answers requests; off until it is configured. */
export function createRequests({ telemetry, node, publish, clock, signal }: RequestsOptions) {
  const { log, unsynchronised } = node
  const warn = createLimitedWarning(clock, log, 'request refused')
  const life = { clock, clockIsRight: () => !unsynchronised(), noun: 'request' }
  let allowed: readonly ActionName[] = []
  let underWay = 0

  return {
    /** From now on these are answered; undefined: none. */
    configure(remote: RemoteConfig): void {
      allowed = remote?.actions ?? []
    },

    /** What is to be heard. Changes with `configure`. */
    subscriptions: (): readonly Subscription[] =>
      allowed.length === 0
        ? []
        : [{ name: 'requests', filter: telemetry.requestTopic, hear: (message) => void hear(message) }],
  }

  /** Returns when the request is answered; never throws. */
  async function hear(message: Incoming): Promise<void> {
    if (allowed.length === 0) return // switched off a moment ago
    if (message.retained && message.payload.length === 0) return // somebody clears a retained request
    const parsed = orRefusal(() => parseRequest(message.payload, allowed))
    try {
      // A promise only where the action takes time: others are answered before the next message is looked at.
      const answer = act(understood(message, parsed))
      tell(message, parsed, answer instanceof Promise ? await answer : answer)
    } catch (error) {
      const reason = error instanceof Refused ? error.message : 'internal error; the log of the node has more'
      if (!(error instanceof Refused))
        log.error(
          { reason: messageOf(error), stack: error instanceof Error ? error.stack : undefined },
          'a request failed',
        )
      else warn({ topic: message.topic.slice(0, 100), reason, request: shown(message.payload) })
      tell(message, parsed, { error: reason })
    }
  }

  function understood(message: Incoming, parsed: ParsedRequest) {
    if (message.retained)
      throw new Refused(
        `retained requests are not answered to; clear this one with: mosquitto_pub -r -n -t '${telemetry.requestTopic}'`,
      )
    const fault = telemetry.replyFault(message)
    if (fault !== undefined) throw new Refused(`the request can’t be answered where it says: ${fault}`)
    if ('refusal' in parsed) throw new Refused(parsed.refusal)
    createLife(message, parsed.validity, life)()
    return parsed
  }

  function act({ action: name, args }: Exclude<ParsedRequest, { refusal: string }>): Answer | Promise<Answer> {
    const action = actions[name]
    if (action.waits !== true) return action.run(args, node, signal)
    if (underWay >= MOST_AT_ONCE)
      throw new Refused(`${MOST_AT_ONCE} requests are being worked on already: ask again when they are answered`)
    underWay += 1
    const run = async (own: AbortSignal): Promise<Answer> => {
      setMaxListeners(0, own) // as many waits as there are sensors, each of which removes its own
      return action.run(args, node, own)
    }
    return withDeadline(run, DEADLINE_MS, clock, signal)
      .then((answer) =>
        answer === LATE ? { error: `no result within ${DEADLINE_MS / 1000} s: it may still come to be` } : answer,
      )
      .catch((error: unknown) => {
        if (calledOff(error, signal)) throw new Refused('the agent stops')
        throw error
      })
      .finally(() => {
        underWay -= 1
      })
  }

  function tell(message: Incoming, { id, action }: ParsedRequest, answer: Answer): void {
    const { replyTo, correlation } = message
    const status = answer.error === undefined ? 'ok' : 'error'
    log.debug({ action, id, status }, 'request answered')
    const to =
      replyTo === undefined || telemetry.replyFault(message) !== undefined ? undefined : { replyTo, correlation }
    publish(telemetry.response({ id, action, status, node: node.id, ...answer }, to))
  }
}
