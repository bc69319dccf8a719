/** What an agent read, from its own log at level debug: the other side of the books. */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

export interface Tally {
  /** Readings so far, by `run sensor`. */
  readonly read: ReadonlyMap<string, number>
  /** Milliseconds since the epoch of every reading, by `run sensor`, in order. */
  readonly times: ReadonlyMap<string, readonly number[]>
  /** Resolves when the log has a line with this message that `accepts`, from now on. */
  said(message: string, accepts?: (line: Line) => boolean): Promise<Line>
}

export type Line = Readonly<Record<string, unknown>> & { readonly msg: string }

const PATIENCE_MS = 60_000

/** Follows the log of one process. */
export function tally(output: Readable): Tally {
  const times = new Map<string, number[]>()
  const read = new Map<string, number>()
  const waiting = new Set<(line: Line) => void>()
  let run = ''
  createInterface({ input: output }).on('line', (text) => {
    const line = parse(text)
    if (line === undefined) return
    if (line.msg === 'starting') run = String(line.run)
    if (line.msg === 'reading') {
      const key = `${run} ${line.sensor}`
      read.set(key, (read.get(key) ?? 0) + 1)
      const list = times.get(key) ?? []
      list.push(Date.parse(String(line.time)))
      times.set(key, list)
    }
    for (const look of waiting) look(line)
  })
  return {
    read,
    times,
    said: (message, accepts = () => true) =>
      new Promise((resolve, reject) => {
        const look = (line: Line): void => {
          if (line.msg !== message || !accepts(line)) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve(line)
        }
        const timer = setTimeout(() => {
          waiting.delete(look)
          reject(new Error(`the agent did not say '${message}' within ${PATIENCE_MS} ms`))
        }, PATIENCE_MS)
        waiting.add(look)
      }),
  }
}

function parse(text: string): Line | undefined {
  // A process that is killed may leave half a line.
  if (!text.startsWith('{') || !text.endsWith('}')) return undefined
  const line: unknown = JSON.parse(text)
  return typeof line === 'object' && line !== null && 'msg' in line ? (line as Line) : undefined // just looked
}
