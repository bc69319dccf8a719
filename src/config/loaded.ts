/**
 * The last step of loading: the files that a configuration names. Apart from `load.ts`, because it is taken at each
 * start, also where nothing else of a configuration has to be looked at again.
 */
import { dirname, resolve } from 'node:path'
import { ConfigError, type Problem } from '../errors.ts'
import type { Overlays } from '../overlays.ts'
import { clearTextPassword } from './clear-text.ts'
import type { Config } from './schema.ts'
import { checkFiles, type NamedFiles } from './secrets.ts'
import { type ConfigNode, inFileOrder } from './tree.ts'

/** What a configuration may take from the process. */
export interface LoadEnv {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly hostname: string
  /** Who has which pins of this machine; without it the file is good for any machine, or for none (`--simulate`). */
  readonly overlays?: Overlays
  /** What relative paths begin at; default: the folder of the file. */
  readonly folder?: string
}

export interface Loaded {
  readonly config: Config
  readonly warnings: readonly Problem[]
  readonly file: string
  /** The file, with the places of everything. */
  readonly root: ConfigNode
}

/** What the text of a file came to. */
export interface Read {
  readonly config: Config
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  /** The file, with the places of everything below `mqtt`, at least. */
  readonly root: ConfigNode
}

/**
 * The same, with what there is to be said of the files that it names.
 *
 * @throws ConfigError with all problems at once, in the order of the file
 */
export async function withNamedFiles(read: Read, file: string, env: LoadEnv): Promise<Loaded> {
  const { root } = read
  const files = await checkNamed(read, file, env)
  if (read.problems.length + files.problems.length > 0)
    throw new ConfigError(file, inFileOrder([...read.problems, ...files.problems]))
  const mqtt = { ...read.config.mqtt, ...files.mqtt }
  const warnings = inFileOrder([...read.warnings, ...files.warnings, ...clearTextPassword(root, mqtt)])
  return { config: { ...read.config, mqtt }, warnings, file, root }
}

export function checkNamed(
  { config, root }: Pick<Read, 'config' | 'root'>,
  file: string,
  env: LoadEnv,
): Promise<NamedFiles> {
  const folders = { config: env.folder ?? folderOf(file), credentials: env.env.CREDENTIALS_DIRECTORY }
  return checkFiles(root, config.mqtt, folders)
}

export function folderOf(file: string): string {
  return dirname(resolve(file))
}
