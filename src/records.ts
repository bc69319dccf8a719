/** The JSON records of the agent: their outbox, the disk below it and the clock beside it, made and ended in one place. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from './clock.ts'
import type { Config } from './config/schema.ts'
import type { OutboxHealth } from './health.ts'
import type { Logger } from './log.ts'
import { createDisk } from './outbox/disk.ts'
import { OutboxKeeper } from './outbox/keeper.ts'
import { type ReadTime, RecordClock } from './outbox/record-clock.ts'
import { Outbox } from './outbox.ts'
import type { Message, Telemetry } from './telemetry.ts'

export interface RecordsOptions {
  readonly config: Config['outbox']
  /** Where state survives a restart; undefined: nowhere. */
  readonly stateFolder: string | undefined
  /** As `readBootId` gives it. */
  readonly boot: string | undefined
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly log: Logger
  /** There may be something to send that was not there before. */
  readonly onReadable: () => void
  /** Something that health tells has changed. */
  readonly onChange: () => void
}

export type Records = ReturnType<typeof createRecords>

/** The folder of the outbox: the configuration's, else one in the state folder; undefined: there is none. */
export function outboxPath(config: Config['outbox'], stateFolder: string | undefined): string | undefined {
  return config.path ?? (stateFolder === undefined ? undefined : join(stateFolder, 'outbox'))
}

export function createRecords(options: RecordsOptions) {
  const { telemetry, clock, log, onReadable, onChange } = options
  let { config } = options
  const path = outboxPath(config, options.stateFolder)
  const id = options.boot?.replaceAll('-', '') ?? ''
  // Without a boot id the monotonic clock means something in this process only.
  const boot = /^[0-9a-f]{32}$/.test(id) ? id : randomBytes(16).toString('hex')
  const times = new RecordClock({ clock, boot, correct: telemetry.corrected })
  const outbox = new Outbox({
    get maxRecords() {
      return config.max_records
    },
    get maxBytes() {
      return config.max_bytes
    },
    get maxAgeMs() {
      return config.max_age
    },
    times,
    onOverflow: () => log.warn({ records: outbox.depth }, 'the outbox is full: dropping the oldest records'),
  })
  const disk = path === undefined ? undefined : createDisk({ path, clock, log })
  const keeper =
    disk &&
    new OutboxKeeper({
      ...{ outbox, times, disk, clock, log, onReadable, onChange },
      get syncMs() {
        return config.sync
      },
    })

  return {
    outbox,

    /** Resolves when it is known what an earlier run left, or that nobody can tell, or on abort. Never rejects. */
    async start(signal: AbortSignal): Promise<void> {
      if (keeper === undefined) {
        log.info('records wait in memory only: neither outbox.path nor $STATE_DIRECTORY names a folder for them')
        return
      }
      await keeper.start(signal)
      if (outbox.depth === 0) return
      log.info({ path, records: outbox.depth }, 'an earlier run left records: they go first')
      onChange()
    },

    /** Other limits; the folder stays what it was. They are kept to from the next record on. */
    apply(next: Config['outbox']): void {
      config = next
    },

    /** `read`: when; default: now. */
    put: (message: Message, read?: ReadTime): void => outbox.put(message, read),

    /** Told whenever the broker comes or goes. */
    connected: (connected: boolean): void => keeper?.connected(connected),

    /** The wall clock was set, for certain. */
    synchronised(): void {
      times.synchronised()
      keeper?.synchronised()
    },

    /** The end is near: from now on nothing stays in memory only. */
    stopping: (): void => keeper?.stopping(),

    /** Resolves when all that was not acknowledged is on disk, or can't be. Never rejects. */
    async close(): Promise<void> {
      if (keeper !== undefined) await keeper.close()
      else if (outbox.depth > 0) log.warn({ records: outbox.depth }, 'records that are in memory only are lost now')
    },

    health(): OutboxHealth {
      const { bytes, oldestMs } = outbox
      const failure = keeper?.failure
      return {
        bytes,
        ...(oldestMs === undefined ? {} : { oldest_age: Math.round(oldestMs / 1000) }),
        store: keeper === undefined || failure !== undefined ? 'memory' : 'disk',
        ...(failure === undefined ? {} : { error: failure.message }),
        ...(disk?.aside === undefined ? {} : { damaged: disk.aside }),
      }
    },
  }
}
