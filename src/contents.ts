/**
 * What a small file of the agent's own may hold. These files are read at each start, most of which check nothing else: the
 * library of schemas would take longer to load than all of them take to be read. Used with `state-file.ts`.
 */

/** Whether a value that came out of JSON is one of these. */
export type Contents<T> = (value: unknown) => value is T

/** The type behind it. */
export type Held<C> = C extends Contents<infer T> ? T : never

type Sections = Readonly<Record<string, Contents<unknown>>>
type Whole<R extends Sections, O extends Sections> = { readonly [K in keyof R]: Held<R[K]> } & {
  readonly [K in keyof O]?: Held<O[K]> | undefined
}

export const text: Contents<string> = (value) => typeof value === 'string'

/** JSON has numbers that none of ours can be: 1e999 is read as Infinity. */
export const number: Contents<number> = (value): value is number => Number.isFinite(value)

/** 0, 1, 2 … as far as a number holds them exactly. */
export const count: Contents<number> = (value): value is number => Number.isSafeInteger(value) && Number(value) >= 0

export function oneOf<const V extends string | number | boolean>(...values: V[]): Contents<V> {
  return (value): value is V => values.some((one) => one === value)
}

export function listOf<T>(entry: Contents<T>): Contents<T[]> {
  return (value): value is T[] => Array.isArray(value) && value.every(entry)
}

/** Any keys, or such as fit the pattern. */
export function tableOf<T>(entry: Contents<T>, key = /^/): Contents<Record<string, T>> {
  return (value): value is Record<string, T> =>
    isTable(value) && Object.entries(value).every(([name, held]) => key.test(name) && entry(held))
}

/** These keys, and perhaps those; what else there is has another version written, and does not matter. */
export function section<R extends Sections, O extends Sections>(required: R, optional: O): Contents<Whole<R, O>> {
  return (value): value is Whole<R, O> =>
    isTable(value) &&
    Object.entries(required).every(([key, held]) => Object.hasOwn(value, key) && held(value[key])) &&
    Object.entries(optional).every(([key, held]) => !Object.hasOwn(value, key) || held(value[key]))
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The number of a pin, as a key. */
export const PIN_KEY = /^\d{1,2}$/
