/**
 * Where the outbox is on disk: opens the store in its folder, and decides what a store that can't be opened means. A
 * damaged one is put aside, whole, and what can be read of it goes on in a copy. A newer one, and one that somebody
 * else uses, is left alone.
 */
import { cp, rm } from 'node:fs/promises'
import type { Clock } from '../clock.ts'
import { messageOf, StoreError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Load } from '../optional.ts'
import { OutboxFolder } from './folder.ts'
import { type LevelClass, loadLevel, openLevelStore, type RecordStore } from './level-store.ts'

export interface DiskOptions {
  readonly path: string
  readonly clock: Clock
  readonly log: Logger
  readonly load?: Load | undefined
}

export interface Disk {
  /** `salvage`: whether what can be read of a damaged store is wanted. @throws StoreError */
  open(salvage: boolean): Promise<RecordStore>
  /** The store that was open can't be read: the next `open` puts it aside. */
  condemn(reason: StoreError): void
  /** What the disk says for itself; undefined: nothing is wrong with it. Never rejects. */
  complaint(): Promise<StoreError | undefined>
  /** Where the last damaged store was put. */
  readonly aside: string | undefined
}

export function createDisk({ path, clock, log, load }: DiskOptions): Disk {
  const folder = new OutboxFolder(path)
  let condemned: StoreError | undefined
  let aside: string | undefined
  // What was salvaged once and is damaged again would be salvaged for ever.
  let salvaged = false

  const why = async (error: unknown): Promise<StoreError> => {
    if (!(error instanceof StoreError)) return folder.error('io', messageOf(error), error)
    if (error.kind === 'locked') return folder.error('locked', error.message, error)
    if (error.kind !== 'io' && error.kind !== 'damaged') return error
    // LevelDB says the same of a disk that refuses and of files that are missing.
    return (await folder.complaint()) ?? folder.error('damaged', error.message, error)
  }
  const putAside = async (Level: LevelClass, reason: StoreError, salvage: boolean): Promise<void> => {
    const { kept, deleted } = await folder.setAside(new Date(clock.now()))
    aside = kept
    condemned = undefined
    log.error({ reason: reason.message, kept }, 'the outbox on disk is damaged: it is kept aside')
    if (deleted.length > 0) log.warn({ deleted }, 'the oldest of the damaged outboxes were deleted')
    if (!salvage || salvaged) return
    salvaged = true
    try {
      await cp(kept, folder.records, { recursive: true })
      for (const table of await folder.damagedTables()) await rm(table)
      await Level.repair(folder.records)
      await (await openLevelStore(Level, folder.records)).close()
      log.info({ path: folder.records }, 'what can be read of the damaged outbox goes on')
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'nothing can be read of the damaged outbox')
      await rm(folder.records, { recursive: true, force: true })
    }
  }

  return {
    async open(salvage) {
      const Level = loadLevel(load)
      await folder.prepare()
      if (condemned !== undefined) await putAside(Level, condemned, salvage)
      try {
        await folder.inspect()
        return await openLevelStore(Level, folder.records)
      } catch (error) {
        const reason = await why(error)
        if (reason.kind !== 'damaged') throw reason
        await putAside(Level, reason, salvage)
        return await openLevelStore(Level, folder.records).catch(async (thrown: unknown) => {
          throw await why(thrown)
        })
      }
    },
    condemn(reason) {
      condemned = reason
    },
    complaint: () => folder.complaint(),
    get aside() {
      return aside
    },
  }
}
