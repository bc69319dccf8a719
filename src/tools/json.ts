/** JSON that anybody may have published, where an object is expected. Pure. */

export type Json = Readonly<Record<string, unknown>>

export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Undefined where the bytes are no JSON object. */
export function jsonOf(payload: Uint8Array): Json | undefined {
  try {
    const json: unknown = JSON.parse(Buffer.from(payload).toString())
    return isRecord(json) ? json : undefined
  } catch {
    return undefined
  }
}

/** A time in RFC 3339, ms since 1970; undefined where it is none. */
export function timeOf(value: unknown): number | undefined {
  const at = typeof value === 'string' ? Date.parse(value.slice(0, 64)) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}
