/** What the board in memory wrote down: every change of every line, over all processes that had it. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'

const entry = z.object({
  at: z.number(),
  line: z.int(),
  direction: z.enum(['in', 'out']),
  level: z.union([z.literal(0), z.literal(1)]),
})
type Entry = z.output<typeof entry>

/** A time during which a line was driven to a level; `to` is undefined where it still is. Milliseconds, monotonic. */
export interface Stretch {
  readonly from: number
  readonly to: number | undefined
}

/** @throws where a line of the file is no entry: half of it would be a hole in the past */
export async function readBoardHistory(file: string): Promise<Entry[]> {
  const text = await readFile(file, 'utf8').catch(() => '') // no pin has been touched yet
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => entry.parse(JSON.parse(line)))
}

/** When the line was driven to that level of the wire. */
export function driven(history: readonly Entry[], line: number, level: 0 | 1): Stretch[] {
  const moves = history.filter((move) => move.line === line)
  const stretches: { from: number; to: number | undefined }[] = []
  for (const { at, direction, level: now } of moves) {
    const open = stretches.at(-1)
    const inside = open !== undefined && open.to === undefined
    const there = direction === 'out' && now === level
    if (there && !inside) stretches.push({ from: at, to: undefined })
    if (!there && inside) open.to = at
  }
  return stretches
}

/** The wire's level at the end of the history; undefined where nobody drives the line. */
export function drivenLast(history: readonly Entry[], line: number): 0 | 1 | undefined {
  const last = history.findLast((move) => move.line === line)
  return last?.direction === 'out' ? last.level : undefined
}
