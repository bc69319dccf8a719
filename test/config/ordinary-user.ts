/** Files that this user may not read need a user who may not: the superuser reads everything. */

/** Debian's `nobody`. */
const NOBODY = 65_534

/** Runs as an ordinary user, and becomes what it was again. */
export async function asOrdinaryUser<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return await work()
  process.seteuid?.(NOBODY)
  try {
    return await work()
  } finally {
    process.seteuid?.(0)
  }
}
