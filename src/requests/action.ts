/**
 * The contract of an action that may be asked for over MQTT. An action is one file beside this one and one line in
 * `index.ts`; its arguments are checked, told and documented by the object that it exports.
 */
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Reader } from '../readers.ts'

/** What a reload came to: what it changed, or what is wrong with the file, in which case nothing has. */
export type Reloaded =
  | { readonly ok: true; readonly changes: unknown }
  | { readonly ok: false; readonly problems: readonly string[] }

/** What an action may use of the node. */
export interface RemoteNode {
  readonly id: string
  /** Id of this start. */
  readonly run: string
  readonly clock: Clock
  readonly uptimeMs: () => number
  /** What the birth has. */
  readonly about: () => object
  readonly readers: () => readonly Reader[]
  /** Whether the wall clock is known to be wrong. */
  readonly unsynchronised: () => boolean
  /** Its level is that of the whole program. */
  readonly log: Logger
  /** Loads the configuration anew; where it is under way already, does as it likes best. Undefined: it can't be done. */
  readonly reload?: (() => Promise<Reloaded>) | undefined
}

/** What is told beside `id`, `action`, `status` and `node`. `error`, for people, makes the status `error`. Holds no secret. */
export type Answer = object & { readonly error?: string }

export interface Action<A extends z.ZodObject = z.ZodObject> {
  /** For the documents: what it does. */
  readonly summary: string
  /** For the documents: the keys of its answer. */
  readonly answers: string
  /** The keys that it takes, described. Their messages name the key. */
  readonly args: () => A
  /** Its answer takes time: only so many at once, each with a deadline. */
  readonly waits?: true
  /**
   * `signal` aborts at the deadline.
   *
   * @throws Refused, told to who asks; anything else is a bug, and only in the log
   */
  readonly run: (args: z.output<A>, node: RemoteNode, signal: AbortSignal) => Answer | Promise<Answer>
}

/** Gives an action its inferred types; returns it unchanged. */
export function action<A extends z.ZodObject>(made: Action<A>): Action<A> {
  return made
}

/** For an action that takes no arguments. */
export const NONE = () => z.object({})
