/** Parses what comes on `devices/<node>/request`: bytes to an action with its arguments, or why not. Pure; never throws. */
import { z } from 'zod'
import { didYouMean, nearest } from './config/suggest.ts'
import {
  commonKeys,
  hasTimeForLife,
  type MessageId,
  NEEDS_TIME,
  quoted,
  textOf,
  toldId,
  type Validity,
  validityOf,
} from './inbound-json.ts'
import { type ActionName, actions } from './requests/index.ts'

export type ParsedRequest = (
  | { readonly action: ActionName; readonly args: Record<string, unknown>; readonly validity?: Validity }
  | { readonly refusal: string; readonly action?: ActionName }
) & {
  /** What the sender knows the request by; also of one that is refused. */
  readonly id?: MessageId
}

const LOOKS_LIKE = 'it may look like {"id":"1","action":"ping"}'

/** Reads a JSON object with `action`, its arguments, and perhaps `id`, `ts` and `ttl`. `allowed`: the actions to be had here. */
export function parseRequest(payload: Uint8Array, allowed: readonly ActionName[]): ParsedRequest {
  const decoded = textOf(payload, 'request')
  if ('refusal' in decoded) return decoded
  if (decoded.text === '') return { refusal: `the request is empty; ${LOOKS_LIKE}` }
  let json: unknown
  try {
    json = JSON.parse(decoded.text)
  } catch {
    return { refusal: `the request is not valid JSON; ${LOOKS_LIKE}` }
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return { refusal: `the request must be a JSON object; ${LOOKS_LIKE}` }
  const told = toldId(json)
  const wanted = Object.hasOwn(json, 'action') ? Reflect.get(json, 'action') : undefined
  const name = allowed.find((one) => one === wanted)
  if (name === undefined) return { refusal: noSuchAction(wanted, allowed), ...told }

  const args = actions[name].args().shape
  const keys = { action: z.unknown(), ...commonKeys(), ...args }
  const schema = z.strictObject(keys).refine(hasTimeForLife, { error: NEEDS_TIME })
  const result = schema.safeParse(json)
  if (!result.success) {
    const refusal = result.error.issues.map((issue) => explain(issue, Object.keys(keys))).join('; ')
    return { refusal, action: name, ...told }
  }
  const given = Object.entries(result.data).filter(([key]) => Object.hasOwn(args, key))
  return { action: name, args: Object.fromEntries(given), ...validityOf(result.data), ...told }
}

function noSuchAction(wanted: unknown, allowed: readonly ActionName[]): string {
  const there = `there are ${quoted(allowed)}`
  if (wanted === undefined) return `"action" is missing; ${there}`
  if (typeof wanted !== 'string') return `"action" must be text; ${there}`
  if (Object.hasOwn(actions, wanted))
    return `the action ${quoted([wanted])} is not allowed here (remote.actions); ${there}`
  const suggestion = didYouMean(nearest(wanted.slice(0, 32), allowed))
  return [`there is no action ${quoted([wanted])}`, suggestion, there].filter((part) => part !== undefined).join('; ')
}

function explain(issue: z.core.$ZodIssue, keys: readonly string[]): string {
  if (issue.code !== 'unrecognized_keys') return issue.message
  const near = issue.keys.flatMap((key) => nearest(key.slice(0, 32), keys))
  const parts = [`unknown key ${quoted(issue.keys)}`, didYouMean([...new Set(near)]), `there are ${quoted(keys)}`]
  return parts.filter((part) => part !== undefined).join('; ')
}
