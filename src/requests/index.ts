/** The registry: the name in a request, and the action behind it. Adding an action is its file and one line here. */
import type { Action } from './action.ts'
import { info } from './info.ts'
import { logLevel } from './log-level.ts'
import { ping } from './ping.ts'
import { read } from './read.ts'
import { reload } from './reload.ts'

const registered = { ping, info, read, log_level: logLevel, reload }

export type ActionName = keyof typeof registered

/** All actions. Arguments are checked by each one's own schema before `run`. */
export const actions = registered as unknown as Readonly<Record<ActionName, Action>> // run's arguments are parsed by that very action

export const ACTION_NAMES = Object.keys(registered) as [ActionName, ...ActionName[]] // the keys of a const object are its keys
