/** Which boot of the machine this is: a time of the monotonic clock means nothing in another one. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The kernel's id of this boot (random(4)), below `root`; undefined where the machine does not tell. */
export async function readBootId(root: string): Promise<string | undefined> {
  try {
    const id = (await readFile(join(root, 'proc/sys/kernel/random/boot_id'), 'utf8')).trim()
    return id === '' ? undefined : id
  } catch {
    return undefined // not every machine has it
  }
}
