/**
 * Which tables a LevelDB consists of. Others may lie in its folder: one that was being written when the power went is
 * no damage, its records are still in the log. The manifest is a log (`doc/log_format.md`) of changes
 * (`db/version_edit.cc`). Its checksums are LevelDB's business, which looks at these; here it is only read.
 */
import { varints } from './varints.ts'

const BLOCK_BYTES = 32_768
/** Checksum, u32; length, u16; type, u8. */
const HEADER_BYTES = 7
const FULL = 1
const LAST = 4

/** What a change may say, by its tag. */
const COMPARATOR = 1
const COMPACT_POINTER = 5
const DELETED_FILE = 6
const NEW_FILE = 7
/** The log's number, the next file's, the last sequence's, the previous log's: one number each. */
const NUMBERS: readonly number[] = [2, 3, 4, 9]

/** Numbers of the tables; undefined where the manifest makes no sense. */
export function tablesOf(manifest: Buffer): Set<number> | undefined {
  const tables = new Set<number>()
  for (const change of changesIn(manifest)) if (!apply(change, tables)) return undefined
  return tables
}

function* changesIn(manifest: Buffer): Generator<Buffer> {
  let parts: Buffer[] = []
  for (let at = 0; at + HEADER_BYTES <= manifest.length; ) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES)
    if (left < HEADER_BYTES) {
      at += left // what is too short for a header is filled with zeros
      continue
    }
    const end = at + HEADER_BYTES + manifest.readUInt16LE(at + 4)
    const type = manifest.readUInt8(at + 6)
    if (end > manifest.length || type === 0) return
    parts.push(manifest.subarray(at + HEADER_BYTES, end))
    at = end
    if (type !== FULL && type !== LAST) continue
    yield Buffer.concat(parts)
    parts = []
  }
}

/** False for a change that makes no sense. */
function apply(change: Buffer, tables: Set<number>): boolean {
  const numbers = varints(change)
  const skipText = (): void => numbers.skip(numbers.number() ?? 0)
  while (!numbers.over) {
    const tag = numbers.number()
    if (tag === COMPARATOR) skipText()
    else if (tag === COMPACT_POINTER) {
      numbers.number()
      skipText()
    } else if (tag === DELETED_FILE || tag === NEW_FILE) {
      numbers.number() // its level
      const table = numbers.number()
      if (table === undefined) return false
      if (tag === DELETED_FILE) tables.delete(table)
      else {
        tables.add(table)
        numbers.number() // its size
        skipText()
        skipText()
      }
    } else if (tag !== undefined && NUMBERS.includes(tag)) numbers.number()
    else return false
  }
  return true
}
