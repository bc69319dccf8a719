/**
 * How the service runs the agent: the flags of Node.js and the environment that deploy/sensor-node.service gives it, its
 * folders in the place where the bench may write. What the unit earns by a flag, the bench must see.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Service {
  /** Between `node` and the program. */
  readonly flags: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** The folders that systemd makes for a unit, by the setting that asks for them: the variable, specifier and path. */
const FOLDERS = [
  ['StateDirectory', 'STATE_DIRECTORY', '%S', '/var/lib'],
  ['RuntimeDirectory', 'RUNTIME_DIRECTORY', '%t', '/run'],
  ['CacheDirectory', 'CACHE_DIRECTORY', '%C', '/var/cache'],
] as const

/** @param folder where its folders are made  @throws Error where the unit can't be read */
export function readService(unit: string, folder: string): Service {
  const text = readFileSync(unit, 'utf8')
  const values = (key: string): string[] =>
    [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value)
  const env: Record<string, string> = {}
  const moved = (value: string): string =>
    FOLDERS.reduce((all, [, variable, specifier, path]) => {
      const place = join(folder, variable)
      return all.replaceAll(`${specifier}/`, `${place}/`).replaceAll(`${path}/`, `${place}/`)
    }, value)
  for (const [setting, variable, , path] of FOLDERS) {
    const [name] = values(setting)
    if (name === undefined) continue
    env[variable] = moved(`${path}/${name}`)
    mkdirSync(env[variable], { recursive: true, mode: 0o750 })
  }
  for (const line of values('Environment')) {
    const [, name = '', value = ''] = /^"?(\w+)=(.*?)"?$/.exec(line) ?? []
    env[name] = moved(value)
  }
  const [, ...words] = (values('ExecStart')[0] ?? '').split(' ')
  return {
    flags: words.slice(
      0,
      words.findIndex((word) => !word.startsWith('-')),
    ),
    env,
  }
}
