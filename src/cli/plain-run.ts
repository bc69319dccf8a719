/**
 * `run` as a service writes it, understood without the command line: what knows all subcommands, and explains what is
 * wrong, costs a start as much as a sensor. Whatever is written otherwise is left to `command-line.ts`. Used by `main.ts`.
 */
import { LOG_LEVELS, type LogLevel } from '../log-level.ts'
import type { RunFlags } from './run.ts'

/** The options of `run` with a value, as people write them. */
const VALUED: ReadonlyMap<string, 'config' | 'logLevel'> = new Map([
  ['-c', 'config'],
  ['--config', 'config'],
  ['--log-level', 'logLevel'],
])

/** The flags, where the arguments are `run` and its options, each once and with a space before its value; else undefined. */
export function plainRun([command, ...rest]: readonly string[]): RunFlags | undefined {
  if (command !== 'run') return undefined
  const found: { config?: string; logLevel?: LogLevel; simulate?: true } = {}
  for (let at = 0; at < rest.length; at += 1) {
    const word = rest[at] ?? ''
    const key = word === '--simulate' ? 'simulate' : VALUED.get(word)
    if (key === undefined || found[key] !== undefined) return undefined
    if (key === 'simulate') {
      found.simulate = true
      continue
    }
    at += 1
    const value = rest[at]
    if (value === undefined || value === '' || value.startsWith('-')) return undefined
    if (key === 'config') found.config = value
    else {
      found.logLevel = LOG_LEVELS.find((level) => level === value)
      if (found.logLevel === undefined) return undefined
    }
  }
  return { logLevel: 'info', ...found }
}
