/**
 * What a tool that runs for long tells a script: with --json an object for each thing that has happened, one a line, on
 * standard output. What it tells a person goes on to standard error. Used by `log`, `simulate` and `demo`.
 */
import type { Clock } from '../clock.ts'
import { jsonText } from '../tools/printable.ts'

/** Tells of one thing. The names and fields are in the help of each command, and stay as they are. */
export type Tell = (event: string, fields?: Readonly<Record<string, unknown>>) => void

/** @param wanted without it, nothing is told */
export function createEvents(wanted: boolean | undefined, clock: Clock): Tell {
  if (wanted !== true) return () => {}
  return (event, fields = {}) => {
    const time = new Date(clock.now()).toISOString()
    process.stdout.write(`${jsonText({ time, event, ...fields })}\n`)
  }
}
