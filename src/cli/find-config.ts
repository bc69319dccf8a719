/** Which configuration to take. */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ConfigError, codeOf } from '../errors.ts'

/** Looked for in this order where none is named. */
export const CONFIG_FILES = ['./config.yaml', '/etc/sensor-node/config.yaml'] as const

/**
 * The named file, or the first of the usual ones that is there.
 *
 * @throws ConfigError where there is none
 */
export async function findConfig(named: string | undefined): Promise<string> {
  if (named !== undefined) return resolve(named)
  let closed: string | undefined
  for (const file of CONFIG_FILES) {
    try {
      await stat(file)
      return resolve(file)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') closed = file // in a folder that this user may not enter
    }
  }
  if (closed !== undefined) return resolve(closed) // whoever reads it tells what is wrong
  const message = `no configuration: there is neither ${CONFIG_FILES.join(' nor ')}`
  const suggestion = 'name one with --config FILE (check takes it as its argument)'
  throw new ConfigError(CONFIG_FILES[0], [{ line: 0, column: 0, path: '', message, suggestion }])
}

/** Whether one of the usual ones is there, or may be: in a folder that this user may not enter. */
export async function isThereAny(): Promise<boolean> {
  const found = await Promise.all(
    CONFIG_FILES.map((file) =>
      stat(file).then(
        () => true,
        (error: unknown) => codeOf(error) !== 'ENOENT',
      ),
    ),
  )
  return found.includes(true)
}
