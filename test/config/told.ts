/** What a configuration is told, as short lines that a test can compare. */
import { parseConfig } from '../../src/config/load.ts'
import type { Problem } from '../../src/errors.ts'

export interface Told {
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

/** `line:column path: message (suggestion)` for each problem and warning, nothing read from disk. */
export function told(text: string, env: Readonly<Record<string, string>> = {}, hostname = 'rpi001.local'): Told {
  const { problems, warnings } = parseConfig(text, '/etc/sensor-node/config.yaml', { env, hostname })
  return { problems: problems.map(line), warnings: warnings.map(line) }
}

export function line({ line, column, path, message, suggestion }: Problem): string {
  return `${line}:${column} ${path}: ${message}${suggestion === undefined ? '' : ` (${suggestion})`}`
}
