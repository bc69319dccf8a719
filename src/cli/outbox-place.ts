/** Where the outbox would be kept by an agent that is started here, for `check`. Touches no file of it. */
import type { Config } from '../config/schema.ts'
import { StoreError } from '../errors.ts'
import { loadLevel } from '../outbox/level-store.ts'
import { MEMORY_RECORDS } from '../outbox.ts'
import { outboxPath } from '../records.ts'

/** `stateFolder`: where state survives a restart; undefined: nowhere. `load`: @throws StoreError where the store can't be used */
export function outboxPlace(
  config: Config['outbox'],
  stateFolder: string | undefined,
  load: () => unknown = loadLevel,
): string {
  const inMemory = `in memory only, at most ${Math.min(config.max_records, MEMORY_RECORDS)} records: `
  const path = outboxPath(config, stateFolder)
  if (path === undefined)
    return `${inMemory}neither outbox.path nor $STATE_DIRECTORY, which a service has, names a folder here`
  try {
    load()
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return inMemory + error.message
  }
  return `${path}, by ${config.path === undefined ? '$STATE_DIRECTORY' : 'outbox.path'}, at most ${config.max_records} records`
}
