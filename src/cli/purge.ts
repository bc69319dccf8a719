/** `sensor-node purge`: takes from the broker everything that it keeps of this node. For a node that is given up, or moves. */
import { chown, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../clock.ts'
import { loadConfig } from '../config/load.ts'
import { readPassword } from '../config/secrets.ts'
import { codeOf, messageOf } from '../errors.ts'
import { readMachineId } from '../host.ts'
import { createLog } from '../log.ts'
import { isForeign, MANIFEST_FILE, type ManifestContents, manifestFile } from '../manifest.ts'
import { ConnectionError } from '../mqtt-errors.ts'
import { purge as purgeBroker } from '../purge.ts'
import { jsonText, printable } from '../tools/printable.ts'
import { EXIT } from './exit-code.ts'
import { findConfig } from './find-config.ts'
import { loadEnv } from './load-env.ts'
import { printWarnings } from './problems.ts'
import { untilSignal } from './signals.ts'

/** Options of `purge` as the command line gives them. */
export interface PurgeFlags {
  readonly config?: string
  readonly state?: string
  readonly dryRun?: boolean
  readonly force?: boolean
  readonly json?: boolean
}

/** Characters of a topic and what is wrong with it. */
const LONGEST_LINE = 2000
/** Where systemd puts the state of our unit (`StateDirectory=` in deploy/sensor-node.service). */
const USUAL_STATE = '/var/lib/sensor-node'

/**
 * Clears and prints. The exit code is 0 where nothing of the node is left at the broker, or nothing was to be done,
 * and 69 where the broker could not be had.
 *
 * @throws ConfigError with all problems
 */
export async function purge(flags: PurgeFlags): Promise<number> {
  const file = await findConfig(flags.config)
  const { config, warnings } = await loadConfig(file, loadEnv())
  printWarnings(file, warnings)
  const folder = flags.state ?? process.env.STATE_DIRECTORY?.split(':')[0] ?? USUAL_STATE
  const manifest = await readManifest(folder)
  const signal = untilSignal(() => process.stderr.write('stopping …\n'))
  const dryRun = flags.dryRun ?? false
  const asJson = flags.json === true
  const problems: Record<string, string> = {}
  try {
    const { online, cleared, left } = await purgeBroker(
      {
        config,
        remembered: manifest?.topics ?? [],
        password: () => readPassword(config.mqtt),
        clock: systemClock,
        root: '/',
        dryRun,
        force: flags.force ?? false,
        onTopic(topic, problem) {
          if (problem !== undefined) problems[topic] = problem
          const line = problem === undefined ? topic : `${topic} is not cleared: ${problem}`
          if (!asJson) process.stdout.write(`${printable(line, LONGEST_LINE)}\n`)
        },
      },
      signal,
    )
    if (asJson) {
      const told = left.map((topic) => ({
        topic,
        ...(problems[topic] === undefined ? {} : { error: problems[topic] }),
      }))
      const result = { node: config.node.id, broker: config.mqtt.url, dry_run: dryRun, online, cleared, left: told }
      process.stdout.write(`${jsonText(result, 2)}\n`)
    }
    if (online) {
      const remedy = 'stop it before (sudo systemctl stop sensor-node), or say --force'
      process.stderr.write(`${config.node.id} is online, and would publish all of it again: ${remedy}\n`)
      return EXIT.failed
    }
    if (dryRun) process.stderr.write(`${left.length} topics would be cleared at ${config.mqtt.url}\n`)
    else {
      const kept = await forget(folder, manifest, new Set(cleared))
      process.stderr.write(
        `${left.length === 0 ? 'nothing' : `${left.length} topics`} of ${config.node.id} left at ${config.mqtt.url}\n`,
      )
      return left.length === 0 && kept ? EXIT.ok : EXIT.failed
    }
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof ConnectionError) && !signal.aborted) throw error
    process.stderr.write(`${config.mqtt.url}: ${signal.aborted ? 'stopped before the end' : messageOf(error)}\n`)
    return signal.aborted ? EXIT.failed : EXIT.unavailable
  }
}

/** What the agent has written down; undefined where there is nothing, which is told, or nothing of this machine's. */
async function readManifest(folder: string): Promise<ManifestContents | undefined> {
  const note = (reason: string): void =>
    void process.stderr.write(`${join(folder, MANIFEST_FILE)} ${reason}: looking only for what the broker shows\n`)
  try {
    await stat(join(folder, MANIFEST_FILE))
  } catch (error) {
    note(codeOf(error) === 'ENOENT' ? 'is not there' : `can’t be read (${messageOf(error)})`)
    return undefined
  }
  const found = await manifestFile(folder, await createLog('warn', process.stderr.isTTY, 2)).load()
  if (found === undefined || !isForeign(found, await readMachineId('/'))) return found
  note('was made on another machine')
  return undefined
}

/** After the broker's word only. Gives back whether it could be done. */
async function forget(
  folder: string,
  before: ManifestContents | undefined,
  cleared: ReadonlySet<string>,
): Promise<boolean> {
  if (before === undefined) return true
  const path = join(folder, MANIFEST_FILE)
  const topics = before.topics.filter((topic) => !cleared.has(topic))
  try {
    if (topics.length === 0) await unlink(path)
    else {
      const still = <T>(all: Readonly<Record<string, T>>) =>
        Object.fromEntries(Object.entries(all).filter(([topic]) => !cleared.has(topic)))
      const { uid, gid } = await stat(path)
      const kept = manifestFile(folder, await createLog('warn', process.stderr.isTTY, 2))
      await kept.save(() => ({ ...before, topics, entities: still(before.entities), removed: still(before.removed) }))
      await chown(path, uid, gid) // root may have called us
    }
    return true
  } catch (error) {
    process.stderr.write(`${path} can’t be written: ${messageOf(error)}\n`)
    return false
  }
}
