/** The numbers in LevelDB's files: seven bits a byte, the lowest first; the top bit says that there is more. */

export type Varints = ReturnType<typeof varints>

/** Reads one after the other. */
export function varints(bytes: Buffer) {
  let at = 0
  return {
    /** Undefined where the bytes end, or for more than a number holds. */
    number(): number | undefined {
      let value = 0
      for (let factor = 1; at < bytes.length && factor < Number.MAX_SAFE_INTEGER; factor *= 128) {
        const byte = bytes.readUInt8(at)
        at += 1
        value += (byte & 127) * factor
        if (byte < 128) return Number.isSafeInteger(value) ? value : undefined
      }
      return undefined
    },
    skip(count: number): void {
      at += count
    },
    get over(): boolean {
      return at >= bytes.length
    },
  }
}
