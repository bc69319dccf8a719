/**
 * What is wrong with a draft, in the words of whoever gave the answers: its lines and paths nobody has seen. Pure. Called
 * by `init.ts` for options, and by `init-questions.ts` for what was typed.
 */
import type { Problem } from '../errors.ts'
import type { Draft, PinAnswer } from './init-draft.ts'

const FLAGS: Readonly<Record<string, string>> = {
  'node.id': '--id',
  'mqtt.url': '--url',
  'mqtt.username': '--username',
  'mqtt.password_file': '--password-file',
}
const PLACE = /\bgpio\.(outputs|inputs)\[(\d+)\](?:\.\w+)*/g
/** `24:14`, as one place of a file names another. */
const POSITION = / at \d+:\d+/g

/** Of options: each problem names the option, with its value where there are several. */
export function inOptions({ path, message, suggestion }: Problem, draft: Draft): Problem {
  const words = (text: string): string =>
    pinsNamed(text, draft, (flag, pin) => `${flag} ${pin}`)
      .replace(/\b(needs|use) username\b/, '$1 --username')
      .replace(/\bpassword_file\b/, '--password-file')
  // A path that is typed begins where it is typed.
  const told = suggestion?.replace(/; a relative one begins at the folder of this file/, '')
  return {
    ...{ line: 0, column: 0, path: FLAGS[path] ?? words(path), message: words(message) },
    ...(told === undefined ? {} : { suggestion: words(told) }),
  }
}

/** Of an answer: what to tell who has just typed it. */
export function inAnswer({ message, suggestion }: Problem, draft: Draft): string {
  const text = `${message}${suggestion === undefined ? '' : `; ${suggestion}`}`
  return pinsNamed(text, draft, (_, pin) => pin)
}

function pinsNamed(text: string, draft: Draft, name: (flag: string, pin: string) => string): string {
  const named = text.replace(PLACE, (place, kind: 'outputs' | 'inputs', index: string) => {
    const answer = draft[kind][Number(index)]
    return answer === undefined ? place : name(kind === 'outputs' ? '--output' : '--input', typed(answer))
  })
  return named.replace(POSITION, '')
}

function typed({ pin, name }: PinAnswer): string {
  return name === undefined ? pin : `${pin}=${name}`
}
