/** `sensor-node log`: appends every reading of a broker to a file, and acknowledges each when it is on disk. */
import { createHash } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { aborted } from '../clock.ts'
import { codeOf, messageOf, StoreError } from '../errors.ts'
import { createGroup } from '../logger/group.ts'
import { lock } from '../logger/lock.ts'
import { openLogFile } from '../logger/log-file.ts'
import { createLogger, type Written } from '../logger/logger.ts'
import type { Rotation } from '../logger/rotation.ts'
import type { ConnectionError } from '../mqtt-errors.ts'
import { connectTool, type ToolFilter, type ToolLink } from '../tools/link.ts'
import { createReader, filtersOf, type TopicTemplates } from '../tools/topics.ts'
import type { BrokerFlags } from './broker-flags.ts'
import { createEvents } from './events.ts'
import { EXIT } from './exit-code.ts'
import { createLogEvents } from './log-events.ts'
import { withBroker } from './with-broker.ts'

/** Options of `log` as the command line gives them: one of `csv` and `jsonl` is there. */
export interface LogFlags extends BrokerFlags {
  readonly csv?: string
  readonly jsonl?: string
  readonly rotate?: Rotation
  readonly keep?: number
  readonly id?: string
  readonly share?: string
  /** ms */
  readonly session: number
  readonly json?: boolean
}

const BROKER_HINT =
  'that an outage of the broker loses nothing is up to its configuration: Mosquitto’s must have persistence true and ' +
  'max_queued_messages 0, and for a crash autosave_on_changes true with autosave_interval 1'

/**
 * Runs until a signal. The exit code is 0 where all that was taken is on disk, 1 where something waits for it or the
 * file can't be used, 69 where the broker refuses what is asked of it.
 *
 * @throws ConfigError with all problems of the flags, or of the configuration's `mqtt`
 */
export async function log(flags: LogFlags): Promise<number> {
  const path = flags.csv ?? flags.jsonl ?? ''
  return withBroker(flags, async (basics, signal, { topics, mqtt }) => {
    const { clock, say } = basics
    const tell = createEvents(flags.json, clock)
    const events = createLogEvents(tell, clock)
    const failed = (reason: string): number => {
      say(reason)
      return EXIT.failed
    }
    const file = await absolute(path).catch((error: unknown) => messageOf(error))
    if (typeof file === 'string') return failed(`${path} can’t be written: ${file}`)
    const held = await lock(file.path)
    if (held === undefined) return failed(`${path} is being written by another sensor-node log`)
    const format = flags.csv === undefined ? 'jsonl' : 'csv'
    const rotation = flags.rotate ?? 'never'
    const meaningOf = createReader(topics)
    const opened = await openLogFile({
      ...{
        file: file.path,
        format,
        rotation,
        keep: flags.keep,
        meaningOf,
        clock,
        note: say,
        onRotated: events.rotated,
      },
    }).catch((error: unknown) => {
      if (error instanceof StoreError) return error
      throw error
    })
    if (opened instanceof StoreError) return failed(opened.message)

    const onStuck = (reason: string): void => tell('stuck', { reason })
    const logger = createLogger({ file: opened, clock, say, onProgress: events.progress, onStuck })
    const clientId = flags.id ?? usualId(file.path)
    const fatal = new AbortController()
    let failure: string | undefined
    const give = (reason: string): void => {
      failure ??= reason
      fatal.abort()
    }
    const filters = filtersFor(topics, flags.share)
    const { share } = flags
    const written = logger.run()
    const leave = new AbortController()
    const early = (): void => leave.abort(signal.reason)
    signal.addEventListener('abort', early)
    let link: ToolLink | undefined
    const common = { ...basics, name: 'log', filters, patient: true }
    const group =
      share === undefined
        ? undefined
        : createGroup({
            ...{ group: share, clientId, clock, say },
            publish: async (message) => link?.publish(message),
            adopt: (peer, onAway, until) =>
              connectTool(
                {
                  ...{ ...common, onAway, say: () => {}, session: { clientId: peer, ms: flags.session } },
                  onMessage: (message) => logger.take(message),
                },
                until,
              ),
          })
    const introduce = (): void => {
      const all = filters.map(({ filter }) => filter)
      tell('logging', { topics: all, broker: mqtt.url, file: file.path, id: clientId })
      say(`logging ${all.join(' and ')} of ${mqtt.url} to ${path}, as ${clientId}`)
      say(BROKER_HINT)
    }
    let result: Written
    let connects = 0
    let connectedAt = 0
    let kicks = 0
    try {
      link = await connectTool(
        {
          ...{ ...common, session: { clientId, ms: flags.session } },
          ...(group === undefined ? {} : { will: group.will, filters: [group.filter, ...filters] }),
          onMessage: (message) => (group?.hear(message) === true ? undefined : logger.take(message)),
          onConnected(resumed) {
            if (link !== undefined) group?.connected()
            if (connects === 0) introduce()
            tell('connected', { resumed })
            if (!resumed && (connects > 0 || opened.continued)) say(forgotten(clientId))
            connects += 1
            connectedAt = clock.monotonic()
          },
          onAway(error: ConnectionError) {
            tell('away', { reason: error.message })
            const soon = clock.monotonic() - connectedAt < STABLE_MS
            const taken = error.kind === TAKEN_OVER
            kicks = soon && (taken || error.kind === 'closed') ? kicks + 1 : taken ? 1 : 0
            if (kicks === KICKS) say(`is another client called ${clientId}, too? Each logger needs an --id of its own`)
            // Another one of the group may have taken us for dead, and leaves when we are back.
            if (taken && (share === undefined || kicks >= KICKS))
              give(`another client is ${clientId}: give each logger an --id of its own`)
          },
        },
        leave.signal,
      )
      signal.removeEventListener('abort', early)
      if (share !== undefined && link.protocol === 4) give('--share needs MQTT 5, which this broker does not speak')
      if (link.connected) group?.connected()
      await aborted(AbortSignal.any([signal, fatal.signal]))
    } finally {
      logger.stop()
      result = await written
      await group?.leave()
      await link?.end()
      await opened.close()
      held.release()
    }
    say(
      `${result.rows} readings written${result.duplicates === 0 ? '' : `, ${result.duplicates} records left out that were there already`}`,
    )
    if (result.waiting > 0)
      failure ??= `${result.waiting} messages are not on disk: the broker has them for ${clientId}`
    const code = failure === undefined ? EXIT.ok : failed(failure)
    await events.end(result, code)
    return code
  })
}

/** MQTT 5 section 2.4, Session taken over. */
const TAKEN_OVER = 'refused-142'

/** So many short connections in a row, each ended by the broker, look like another client with our id. */
const KICKS = 3
const STABLE_MS = 10_000

function forgotten(id: string): string {
  return `the broker knew no session of ${id}: what was published since it was last here is lost, if there was anything (${BROKER_HINT})`
}

/** What a record may be heard on; and the births, which tell of which sensors there are records. */
function filtersFor(topics: TopicTemplates, share: string | undefined): ToolFilter[] {
  const births = filtersOf(['devices'], topics).filter((filter) => filter.endsWith('/info'))
  const sensors = filtersOf(['sensors'], topics).map((filter) => filter.replace(/(\/\+)+\/#$/, '/#'))
  const counters = filtersOf(['counters'], topics)
  const shared = (filter: string): string => (share === undefined ? filter : `$share/${share}/${filter}`)
  return [
    ...births.map((filter) => ({ filter, qos: 1 as const })),
    ...sensors.map((filter) => ({
      filter: shared(filter),
      qos: 1 as const,
      only: 'news' as const,
      needed: true as const,
    })),
    ...counters.map((filter) => ({ filter: shared(filter), qos: 1 as const, only: 'news' as const })),
  ]
}

/** The same at each start, and another for each file and machine. */
function usualId(file: string): string {
  return `sn-log-${createHash('sha256').update(`${hostname()} ${file}`).digest('hex').slice(0, 12)}`
}

/** However the file is called, it is one and the same. @throws where there is no such folder */
async function absolute(path: string): Promise<{ readonly path: string }> {
  try {
    return { path: await realpath(path) }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return { path: join(await realpath(dirname(resolve(path))), basename(path)) }
  }
}
