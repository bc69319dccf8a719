/**
 * Looks whether a table file of LevelDB is whole. LevelDB does not, unless it was built to: it reads a damaged block
 * as if nothing were, and where that makes no sense to it, it ends the process. The layout is that of its own
 * `doc/table_format.md`: blocks, an index of them, and a footer that says where the index is.
 */
import { readFile } from 'node:fs/promises'
import { type Varints, varints } from './varints.ts'

/** Two handles, padded, and the magic number. */
const FOOTER_BYTES = 48
const MAGIC = 0xdb4775248b80fb57n
/** After each block: its type, u8 (0: not compressed, and we write no other), and its checksum, u32. */
const TRAILER_BYTES = 5
/** A checksum is stored turned and shifted (`util/crc32c.h`), so that one of data with checksums in it is no special case. */
const MASK_DELTA = 0xa282ead8

interface Handle {
  readonly offset: number
  readonly size: number
}

/** False for anything but a table that LevelDB wrote, unchanged. @throws where the file can't be read */
export async function isWholeTable(file: string): Promise<boolean> {
  return tableIsWhole(await readFile(file))
}

export function tableIsWhole(table: Buffer): boolean {
  if (table.length < FOOTER_BYTES || table.readBigUInt64LE(table.length - 8) !== MAGIC) return false
  const footer = varints(table.subarray(table.length - FOOTER_BYTES, -8))
  // The filter of the table is listed in the first, its records are in the second.
  return [handleFrom(footer), handleFrom(footer)].every((index) => {
    const entries = index && blockAt(table, index)
    return entries !== undefined && handlesIn(entries)?.every((handle) => blockAt(table, handle) !== undefined) === true
  })
}

/** The contents of a block whose checksum is right. */
function blockAt(table: Buffer, { offset, size }: Handle): Buffer | undefined {
  const end = offset + size
  if (end + TRAILER_BYTES > table.length || table.readUInt8(end) !== 0) return undefined
  return masked(crc32c(table.subarray(offset, end + 1))) === table.readUInt32LE(end + 1)
    ? table.subarray(offset, end)
    : undefined
}

/** The values of an index: where the blocks are. An entry has the lengths of the shared and the own part of its key, and of its value. */
function handlesIn(block: Buffer): Handle[] | undefined {
  if (block.length < 4) return undefined
  const restarts = block.readUInt32LE(block.length - 4)
  const end = block.length - 4 * (restarts + 1)
  const handles: Handle[] = []
  if (end < 0) return undefined
  const entries = varints(block.subarray(0, end))
  while (!entries.over) {
    entries.number()
    const own = entries.number()
    entries.number()
    entries.skip(own ?? 0)
    const handle = handleFrom(entries)
    if (handle === undefined) return undefined
    handles.push(handle)
  }
  return handles
}

function handleFrom(numbers: Varints): Handle | undefined {
  const offset = numbers.number()
  const size = numbers.number()
  return offset === undefined || size === undefined ? undefined : { offset, size }
}

function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0
}

/** CRC-32C (RFC 3720, appendix B.4); zlib has the other one. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 255] ?? 0)
  return (crc ^ 0xffffffff) >>> 0
}
