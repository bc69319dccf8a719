/**
 * The connection of a tool: one client beside the agents, without a will, under a client id of its own, that comes back
 * when the broker does. Called by `watch`, `fleet` and their like. What it hears it hands on; what it has to say to a
 * person goes to `say`.
 */
import { type BackoffOptions, fullJitter } from '../backoff.ts'
import { type Clock, calledOff, pause } from '../clock.ts'
import type { MqttConfig } from '../config/schema.ts'
import { connectEither, type Either } from '../connect-either.ts'
import { ConnectionError, failure } from '../mqtt-errors.ts'
import type { Incoming, Message } from '../telemetry.ts'
import { printable } from './printable.ts'

export interface ToolFilter {
  readonly filter: string
  readonly qos: 0 | 1 | 2
  /** Only what is published from now on. */
  readonly only?: 'news'
  /** Without this one the tool is of no use. Default: any one will do. */
  readonly needed?: true
}

export interface ToolOptions {
  /** Name of the tool, for the client id: `watch`. */
  readonly name: string
  readonly mqtt: MqttConfig
  readonly password: () => Promise<string | undefined>
  /** Subscribed to on each connect. */
  readonly filters: readonly ToolFilter[]
  /** `retained`: the broker had kept it, nobody knows how long. A message is acknowledged when this returns or, where it gives a promise, when that resolves. */
  readonly onMessage: (message: Incoming) => void | Promise<void>
  /** After each connect, when all filters are subscribed to. `resumed`: the broker still had our session. */
  readonly onConnected?: (resumed: boolean) => void
  /** The connection has ended, or another try failed. */
  readonly onAway?: (reason: ConnectionError) => void
  /** A line for a person. */
  readonly say: (line: string) => void
  /** For errors: names things as the person did. Default: as the configuration does. */
  readonly words?: (text: string) => string
  /** A session that outlives the connection by so long, ms; its id is the client's. Default: none. */
  readonly session?: { readonly clientId: string; readonly ms: number }
  /** What the broker says when the connection breaks. Default: nothing. */
  readonly will?: Message
  /** A broker that is away at the start is waited for, too. Default: that is an error. */
  readonly patient?: boolean
  readonly clock: Clock
  /** 0 to 1. */
  readonly random: () => number
  /** The folder that stands for `/`. */
  readonly root: string
}

export interface ToolLink {
  readonly connected: boolean
  /** Undefined while there is no connection. */
  readonly protocol: 4 | 5 | undefined
  /** Resolves when the broker has it. @throws ConnectionError, also while it is away */
  publish(message: Message): Promise<void>
  /** Says goodbye. After it, nothing is heard. */
  end(): Promise<void>
  /** Resolves after `end`, or when the signal has aborted and the goodbye is said. Never rejects. */
  readonly ended: Promise<void>
}

/** A person waits for it. */
const RECONNECT: BackoffOptions = { firstMs: 1000, longestMs: 10_000 }
/** A connection that ends sooner counts as a failure. */
const STABLE_MS = 10_000
/** Characters. */
const LONGEST_REASON = 500
/** For the goodbye. */
const GOODBYE_MS = 1000
/** What a health report of a large node has, many times over; bytes. */
const LONGEST_PAYLOAD = 1024 * 1024
/** As far as is known before the broker says. */
const TAKES = { maximumQos: 2, retainAvailable: true } as const

/**
 * Connects and subscribes; goes on until `end` or the signal.
 *
 * @throws ConnectionError where the first try fails and the tool is not patient, or no filter at all is granted; on
 * abort the signal's reason
 */
export async function connectTool(options: ToolOptions, signal: AbortSignal): Promise<ToolLink> {
  const { clock, say, mqtt } = options
  // A broker may say anything.
  const words = (text: string): string => printable(options.words?.(text) ?? text, LONGEST_REASON)
  const config = { ...mqtt, client_id: options.session?.clientId ?? clientId(options) }
  const over = new AbortController()
  const until = AbortSignal.any([signal, over.signal])
  let current: Either | undefined
  /** MQTT 3.1.1 has no word for it, and hangs up at more: what is granted to a filter less than it asked for tells. */
  let takes: Message['qos'] = 2
  let known: 4 | 5 | undefined
  /** What a person has been told of the broker's absence. */
  let told: string | undefined

  const open = async (): Promise<Either> => {
    const { password, onMessage, root, session, will } = options
    const either = await connectEither(
      {
        ...{ config, password, will, takes: TAKES, clock, root, longestPayload: LONGEST_PAYLOAD },
        onMessage: (message) => (until.aborted ? undefined : onMessage(message)),
        sessionMs: session?.ms,
      },
      until,
      known,
    )
    try {
      await subscribe(either)
    } catch (error) {
      either.connection.destroy()
      throw error
    }
    return either
  }

  const subscribe = async ({ connection, protocol }: Either): Promise<void> => {
    const { filters } = options
    takes = 2
    const refusals = await Promise.all(
      filters.map(({ filter, qos, only, needed }) =>
        connection.subscribe(filter, qos, only ?? 'kept').then(
          (granted) => {
            if (protocol === 4 && granted < qos) takes = Math.min(takes, granted) as Message['qos']
            return undefined
          },
          (error: unknown) => ({ filter, needed, error: failure(error) }),
        ),
      ),
    )
    const refused = refusals.filter((one) => one !== undefined)
    const [first] = refused
    if (first === undefined) return
    const missed = refused.find(({ needed }) => needed)
    if (missed !== undefined) throw missed.error
    // Where the connection broke, no other filter was granted either.
    if (!first.error.refused || refused.length === filters.length) throw first.error
    if (known === undefined)
      for (const { filter, error } of refused) say(`${filter} is not heard: ${words(error.message)}`)
  }

  const accept = (either: Either): void => {
    current = either
    known = either.protocol
    if (told !== undefined) say(`${mqtt.url}: the broker is back`)
    told = undefined
    options.onConnected?.(either.connection.resumed)
  }

  const away = (error: ConnectionError): void => {
    current = undefined
    options.onAway?.(error)
    if (told !== error.kind) say(`${mqtt.url}: ${words(error.message)}; trying again`)
    told = error.kind
  }

  /** From a connection that is there (or a first failure) to the end. */
  const keepUp = async (first: number): Promise<void> => {
    let failures = first
    while (!until.aborted) {
      if (current !== undefined) {
        const since = clock.monotonic()
        const ended = await untilClosed(current, until)
        if (ended === undefined) return leave(current)
        failures = clock.monotonic() - since < STABLE_MS ? failures + 1 : 0
        away(ended)
      }
      await pause(clock, failures === 0 ? 0 : fullJitter(failures, RECONNECT, options.random), until)
      if (until.aborted) return
      try {
        accept(await open())
      } catch (error) {
        if (calledOff(error, until)) return
        failures += 1
        away(failure(error))
      }
    }
    if (current !== undefined) await leave(current)
  }

  const leave = async ({ connection }: Either): Promise<void> => {
    current = undefined
    await Promise.race([connection.end(), clock.sleep(GOODBYE_MS)])
    connection.destroy()
  }

  let failures = 0
  try {
    accept(await open())
  } catch (error) {
    const reason = failure(error)
    if (options.patient !== true || calledOff(error, until) || reason.refused) throw error
    failures = 1
    away(reason)
  }
  const ended = keepUp(failures)

  return {
    get connected() {
      return current !== undefined
    },
    get protocol() {
      return current?.protocol
    },
    async publish(message) {
      if (current === undefined) throw new ConnectionError('away', 'the broker is away')
      const { qos } = message
      await current.connection.publish(qos > takes ? { ...message, qos: takes } : message)
    },
    async end() {
      over.abort()
      await ended
    },
    ended,
  }
}

/** The reason why it ended; undefined: the signal aborted. */
function untilClosed({ connection }: Either, signal: AbortSignal): Promise<ConnectionError | undefined> {
  return new Promise((resolve) => {
    const abort = (): void => resolve(undefined)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    void connection.closed.then((reason) => {
      signal.removeEventListener('abort', abort)
      resolve(reason)
    })
  })
}

/** Another for each call; at most 23 characters of letters, digits and `-`, as a strict broker of 3.1.1 wants. */
function clientId({ name, random }: ToolOptions): string {
  const suffix = Math.floor(random() * 36 ** 8)
    .toString(36)
    .padStart(8, '0')
  return `sn-${name}-${suffix}`.slice(-23)
}
