/**
 * Files that the configuration names: the password and those of TLS. Whether they are there is told at the start,
 * with the place in the configuration; the password is read afresh for each connection, and is in no configuration.
 */
import { isUtf8 } from 'node:buffer'
import { readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError, codeOf, type Problem } from '../errors.ts'
import type { MqttConfig } from './schema.ts'
import { type ConfigNode, entry, good, problemAt, type ScalarNode } from './tree.ts'

/** systemd's folder of credentials has the password under this name, where the configuration names none. */
const CREDENTIAL = 'mqtt-password'

/** A password that MQTT can carry: a string of at most this many bytes (MQTT 5.0, section 1.5.4). */
const LONGEST_PASSWORD = 65_535

/** Any of these lets the whole machine read (the kernel's S_IROTH). */
const OTHERS_MAY_READ = 0o004

export interface Folders {
  /** What relative paths begin at: the folder of the configuration. */
  readonly config: string
  /** `$CREDENTIALS_DIRECTORY`. */
  readonly credentials: string | undefined
}

export interface NamedFiles {
  /** With the path of the password as it was found. */
  readonly mqtt: MqttConfig
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
}

/** The same section with absolute paths; touches no file. */
export function absolutePaths(mqtt: MqttConfig, folder: string): MqttConfig {
  const { password_file, tls } = mqtt
  const absolute = (path: string | undefined): string | undefined => path && resolve(folder, path)
  return {
    ...mqtt,
    ...(password_file === undefined ? {} : { password_file: resolve(folder, password_file) }),
    ...(tls === undefined
      ? {}
      : { tls: { ...tls, ca: absolute(tls.ca), cert: absolute(tls.cert), key: absolute(tls.key) } }),
  }
}

/** Looks at each file that is named, and finds the password. `mqtt` has absolute paths. */
export async function checkFiles(root: ConfigNode, mqtt: MqttConfig, folders: Folders): Promise<NamedFiles> {
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const look = async ({ node, path, shown }: Named, kind: 'public' | 'secret' | 'password'): Promise<void> => {
    const read = kind === 'password' ? await readPasswordFile(path) : await readNamed(path)
    if ('fault' in read) problems.push(problemAt(node, `${shown} ${read.fault}`, read.remedy))
    else if (kind !== 'public' && (read.mode & OTHERS_MAY_READ) !== 0) {
      const remedy = `chmod o-rwx ${/^[\w./-]+$/.test(shown) ? shown : `'${shown}'`}`
      warnings.push(problemAt(node, `${shown} can be read by everybody on this machine`, remedy))
    }
  }

  for (const key of ['ca', 'cert', 'key'] as const) {
    const node = good(entry(root, 'mqtt', 'tls', key))
    const path = mqtt.tls?.[key]
    if (node !== undefined && path !== undefined) await look(namedBy(node, path), key === 'key' ? 'secret' : 'public')
  }
  const password = await passwordFile(root, mqtt, folders)
  if (password === undefined) return { mqtt, problems, warnings }
  await look(password, 'password')
  return { mqtt: { ...mqtt, password_file: password.path }, problems, warnings }
}

/** The same of a section that no file has: whoever named its files did so by hand. `mqtt` has absolute paths. */
export async function checkNamedFiles(mqtt: MqttConfig): Promise<Pick<Problem, 'path' | 'message' | 'suggestion'>[]> {
  const { tls, password_file: password } = mqtt
  const named = [
    ...(['ca', 'cert', 'key'] as const).map((key) => ({ key: `mqtt.tls.${key}`, path: tls?.[key], read: readNamed })),
    { key: 'mqtt.password_file', path: password, read: readPasswordFile },
  ]
  const problems = await Promise.all(
    named.map(async ({ key, path, read }) => {
      const found: object = path === undefined ? {} : await read(path)
      return isFault(found) ? [{ path: key, message: `${path} ${found.fault}`, suggestion: found.remedy }] : []
    }),
  )
  return problems.flat()
}

/** A file, what names it, and how messages may call it. */
interface Named {
  readonly node: ScalarNode
  readonly path: string
  readonly shown: string
}

/** A path that came from the environment is shown as the configuration has it. */
function namedBy(node: ScalarNode, path: string): Named {
  return { node, path, shown: node.expanded ? node.source : path }
}

/** Where the password is: the file that is named, among the credentials first, or the credential of the usual name. */
async function passwordFile(root: ConfigNode, mqtt: MqttConfig, { credentials }: Folders): Promise<Named | undefined> {
  const given = entry(root, 'mqtt', 'password_file')
  const node = good(given)
  if (node !== undefined && mqtt.password_file !== undefined) {
    const name = String(node.value)
    if (name.includes('/') || !credentials) return namedBy(node, mqtt.password_file)
    const credential = join(credentials, name)
    return namedBy(node, (await exists(credential)) ? credential : mqtt.password_file)
  }
  const username = good(entry(root, 'mqtt', 'username'))
  const without = given === undefined && entry(root, 'mqtt', 'password') === undefined
  if (!without || username === undefined || !credentials) return undefined
  const credential = join(credentials, CREDENTIAL)
  return (await exists(credential)) ? { node: username, path: credential, shown: credential } : undefined
}

/**
 * The password for the next connection; undefined where none is configured.
 *
 * @throws ConfigError that names the file, and never tells what is in it
 */
export async function readPassword(mqtt: MqttConfig): Promise<string | undefined> {
  const path = mqtt.password_file
  if (path === undefined) return mqtt.password
  const read = await readPasswordFile(path)
  if (!('fault' in read)) return read.value
  const message = `${path} ${read.fault}`
  throw new ConfigError(path, [{ line: 1, column: 1, path: 'mqtt.password_file', message, suggestion: read.remedy }])
}

function isFault(found: object): found is Fault {
  return 'fault' in found
}

interface Fault {
  /** Goes on after the file's name. */
  readonly fault: string
  readonly remedy: string
}

const FILL = 'write the password into it, on one line'

async function readPasswordFile(path: string): Promise<{ readonly value: string; readonly mode: number } | Fault> {
  const read = await readNamed(path)
  if ('fault' in read) return read
  const { content, mode } = read
  if (!isUtf8(content)) return { fault: 'is not text in UTF-8', remedy: FILL }
  const value = new TextDecoder().decode(content).replace(/\r?\n$/, '')
  if (value === '') return { fault: 'is empty', remedy: FILL }
  if (content.length > LONGEST_PASSWORD) return { fault: 'is longer than a password can be', remedy: FILL }
  return { value, mode }
}

/** Reads a regular file: a pipe could block for ever, a device never end. */
async function readNamed(path: string): Promise<{ readonly content: Buffer; readonly mode: number } | Fault> {
  try {
    const stats = await stat(path)
    if (stats.isDirectory()) return { fault: 'is a folder', remedy: 'name the file in it' }
    if (!stats.isFile()) return { fault: 'is not a regular file', remedy: 'name a file' }
    return { content: await readFile(path), mode: stats.mode }
  } catch (error) {
    return faultOf(codeOf(error), path)
  }
}

function faultOf(code: string | undefined, path: string): Fault {
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const home = path.includes('/~')
    const remedy = home
      ? 'write the whole path: ~ is not replaced here'
      : 'create it, or correct the path; a relative one begins at the folder of this file'
    return { fault: 'does not exist', remedy }
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return {
      fault: 'may not be read by this user',
      remedy: 'make the user that runs sensor-node its owner, or its group',
    }
  }
  return { fault: `can not be read (${code ?? 'unknown reason'})`, remedy: 'look at the file and at its disk' }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    return codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR' // there, and to be complained about when it is read
  }
}
