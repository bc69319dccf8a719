/**
 * What is a command, by the contract in the README, and written apart from the parser on purpose. `unsure` is what
 * depends on more than the text: the time, the pin, keys that say for whom and until when.
 */
export type Verdict =
  | { readonly is: 'command'; readonly state: 'on' | 'off' | 'toggle' }
  | { readonly is: 'nothing' | 'unsure' }

const NOTHING: Verdict = { is: 'nothing' }
const UNSURE: Verdict = { is: 'unsure' }

const KEYS = ['state', 'for', 'id', 'ts', 'ttl']

/** Judges a payload. */
export function verdictOn(payload: Uint8Array): Verdict {
  if (payload.length > 1024) return NOTHING
  const bytes = Buffer.from(payload)
  const text = bytes.toString('utf8')
  if (!Buffer.from(text, 'utf8').equals(bytes)) return NOTHING // no text
  const bare = text.replace(/^[ \t\r\n]+/, '').replace(/[ \t\r\n]+$/, '')
  const odd = bare !== bare.trim() // blanks that only Unicode knows
  const state = stateOf(bare.trim())
  if (state !== undefined) return odd ? UNSURE : { is: 'command', state }
  const verdict = verdictOnJson(bare.trim())
  return odd && verdict.is === 'command' ? UNSURE : verdict
}

function verdictOnJson(text: string): Verdict {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return NOTHING
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return NOTHING
  const entries = new Map(Object.entries(json))
  if ([...entries.keys()].some((key) => !KEYS.includes(key))) return NOTHING
  const given = entries.get('state')
  if (!['string', 'boolean', 'number'].includes(typeof given)) return NOTHING
  const state = stateOf(String(given).trim())
  if (state === undefined) return NOTHING
  if (entries.has('for') && !/^\s*\d+(\.\d+)?(ms|s|m|h|d)\s*$/.test(String(entries.get('for')))) return NOTHING
  if (entries.has('for') && Number.parseFloat(String(entries.get('for'))) === 0) return NOTHING
  return entries.size === 1 ? { is: 'command', state } : UNSURE
}

function stateOf(word: string): 'on' | 'off' | 'toggle' | undefined {
  if (/^(on|1|true|high)$/i.test(word)) return 'on'
  if (/^(off|0|false|low)$/i.test(word)) return 'off'
  return /^toggle$/i.test(word) ? 'toggle' : undefined
}
