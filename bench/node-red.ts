/** Node-RED as a peer: from npm into a cache folder, on request only, never a dependency of ours. */
import type { Absent, Contestant, Wanted } from './contestants.ts'

export async function nodeRed(_: Wanted): Promise<Contestant | Absent> {
  return { name: 'Node-RED', why: 'not yet' }
}
