/**
 * How every tool is told of its broker: by flags, by the `mqtt` section of a configuration, or not at all, which means
 * the usual configuration or this machine. A password is in a file: the command line is for everybody to see.
 */
import { resolve } from 'node:path'
import { loadBroker } from '../config/load.ts'
import { type MqttConfig, mqttSchema } from '../config/schema.ts'
import { checkNamedFiles, readPassword } from '../config/secrets.ts'
import { ConfigError, type Problem } from '../errors.ts'
import { type TopicTemplates, USUAL_TOPICS } from '../tools/topics.ts'
import type { BrokerFlags } from './broker-flags.ts'
import { findConfig, isThereAny } from './find-config.ts'
import { loadEnv } from './load-env.ts'
import { printWarnings } from './problems.ts'

/** A broker that a tool can talk to. */
export interface Broker {
  readonly mqtt: MqttConfig
  readonly password: () => Promise<string | undefined>
  /** Where its nodes publish. */
  readonly topics: TopicTemplates
  /** Id of the node of the configuration, where there is one. */
  readonly node: string | undefined
  /** Names flags where flags were given, instead of keys of a configuration. */
  readonly words: (text: string) => string
}

/** Where the file comes from in messages about flags. */
const COMMAND_LINE = 'command line'

/**
 * Finds the broker, and looks whether its files are there.
 *
 * @throws ConfigError with all problems of the flags, or of the configuration's `mqtt`
 */
export async function findBroker(flags: BrokerFlags): Promise<Broker> {
  const { config, url, username, passwordFile, ca, cert, key, servername } = flags
  const given = [url, username, passwordFile, ca, cert, key, servername].some((one) => one !== undefined)
  if (config !== undefined && given)
    throw new ConfigError(COMMAND_LINE, [
      problem('--config', 'has a broker of its own', 'leave out --config, or the other options of the broker'),
    ])
  if (!given && (config !== undefined || (await isThereAny()))) return fromConfig(await findConfig(config))
  return fromFlags(flags)
}

async function fromConfig(file: string): Promise<Broker> {
  const { mqtt, node, topics, warnings } = await loadBroker(file, loadEnv())
  printWarnings(file, warnings)
  return { mqtt, node, topics, password: () => readPassword(mqtt), words: (text) => text }
}

async function fromFlags(flags: BrokerFlags): Promise<Broker> {
  const { url, username, passwordFile, ca, cert, key, servername } = flags
  const problems: Problem[] = []
  const needs = (flag: string, other: string): void => void problems.push(problem(flag, `needs ${other} beside it`))
  if (passwordFile !== undefined && username === undefined) needs('--password-file', '--username')
  if (cert !== undefined && key === undefined) needs('--cert', '--key')
  if (key !== undefined && cert === undefined) needs('--key', '--cert')
  const secure = url !== undefined && /^mqtts:/i.test(url)
  const tls = Object.entries({ ca, cert, key, servername }).filter(([, value]) => value !== undefined)
  const [firstTls] = tls
  if (firstTls !== undefined && !secure) needs(`--${firstTls[0]}`, 'a --url that begins with mqtts://')
  const files = Object.fromEntries(
    tls.map(([name, value]) => [name, name === 'servername' ? value : resolve(value ?? '')]),
  )
  const section = {
    ...(url === undefined ? {} : { url }),
    ...(username === undefined ? {} : { username }),
    ...(passwordFile === undefined ? {} : { password_file: resolve(passwordFile) }),
    ...(tls.length === 0 ? {} : { tls: files }),
  }
  const parsed = mqttSchema.safeParse(section)
  if (!parsed.success && problems.length === 0)
    problems.push(
      ...parsed.error.issues.map(({ path, message }) => problem(inFlags(`mqtt.${path.join('.')}`), inFlags(message))),
    )
  if (!parsed.success || problems.length > 0) throw new ConfigError(COMMAND_LINE, problems)
  const mqtt = parsed.data
  const missing = await checkNamedFiles(mqtt)
  if (missing.length > 0)
    throw new ConfigError(
      COMMAND_LINE,
      missing.map(({ path, message, suggestion }) => problem(inFlags(path), message, suggestion)),
    )
  const topics = USUAL_TOPICS
  return { mqtt, node: undefined, topics, password: () => readPassword(mqtt), words: inFlags }
}

function problem(flag: string, message: string, suggestion?: string): Problem {
  return { line: 0, column: 0, path: flag, message, ...(suggestion === undefined ? {} : { suggestion }) }
}

/** `mqtt.tls.ca` is `--ca`. There is no flag for a password. */
function inFlags(text: string): string {
  return text.replace(/\bmqtt\.(?:tls\.)?(url|username|password_file|ca|cert|key|servername)\b/g, (_, name: string) =>
    name === 'password_file' ? '--password-file' : `--${name}`,
  )
}
