/** The nodes that should be there: the file of `fleet --expect`. */
import { readFile } from 'node:fs/promises'
import { ConfigError, codeOf, messageOf } from '../errors.ts'
import { printable } from '../tools/printable.ts'

/** Ids, one on each line; `#` begins a comment. @throws ConfigError */
export async function readExpected(file: string): Promise<string[]> {
  const wrong = (message: string, line = 0): ConfigError =>
    new ConfigError(file, [{ line, column: line === 0 ? 0 : 1, path: '', message }])
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw wrong(`--expect: ${file} can’t be read (${codeOf(error) ?? messageOf(error)})`)
  })
  const ids = text.split('\n').flatMap((line, index) => {
    const id = line.replace(/#.*/, '').trim()
    if (/[\s/+]/.test(id)) throw wrong(`“${printable(id)}” is no node id: one a line, # begins a comment`, index + 1)
    return id === '' ? [] : [id]
  })
  if (ids.length === 0) throw wrong(`--expect: ${file} names no node: one id a line, # begins a comment`)
  return [...new Set(ids)]
}
