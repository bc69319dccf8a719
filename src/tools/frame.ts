/** One picture of a terminal: lines that fit, and the bytes that put them in the place of those before. Pure. */
import { cutTo } from './printable.ts'

export interface Size {
  readonly columns: number
  readonly rows: number
}

/**
 * Lines as the terminal has room for: cut at its width, and the last one says how many more there are.
 *
 * @param total how many there would be, where not all were made
 */
export function fitted(lines: readonly string[], { columns, rows }: Size, total = lines.length): string[] {
  const room = Math.max(1, rows)
  const more = total - room + 1
  const kept = total <= room ? lines : [...lines.slice(0, room - 1), `… ${more} more ${more === 1 ? 'line' : 'lines'}`]
  // The last column stays free: a terminal may wrap when it is filled.
  return kept.map((line) => cutTo(line, Math.max(1, columns - 1)))
}

const ESC = '\u001b'
/** Another screen, so that the one before comes back; no cursor. */
export const ENTER = `${ESC}[?1049h${ESC}[?25l${ESC}[H${ESC}[2J`
export const LEAVE = `${ESC}[?25h${ESC}[?1049l`

/** Writes over what is there, and clears only what is left of it: nothing flickers. */
export function redrawn(lines: readonly string[]): string {
  return `${ESC}[H${lines.map((line) => `${line}${ESC}[K`).join('\r\n')}${ESC}[J`
}
