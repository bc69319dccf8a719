/**
 * A terminal that shows one picture after another, in place: until the signal aborts, at most as often as it takes them.
 * It is left as it was, with the last picture below the command, however the program ends.
 */
import { type Clock, pause } from '../clock.ts'
import { ENTER, fitted, LEAVE, redrawn, type Size } from '../tools/frame.ts'

/** What of `process.stdout` is used. */
export interface Terminal {
  readonly columns?: number
  readonly rows?: number
  write(text: string): boolean
  on(event: 'drain' | 'resize', listener: () => void): unknown
  off(event: 'drain' | 'resize', listener: () => void): unknown
}

export interface Picture {
  readonly lines: readonly string[]
  /** How many lines there would be, had all been made. */
  readonly total: number
}

/** Where a terminal does not say: what one has had since 1978. */
const USUAL: Size = { columns: 80, rows: 24 }

/** Ends with the signal. @param picture makes at least as many lines as there is room for, if there are; those beyond are cut here */
export async function showOn(
  terminal: Terminal,
  {
    picture,
    everyMs,
    clock,
  }: { readonly picture: (size: Size) => Picture; readonly everyMs: number; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  let busy = false
  let last: string[] = []
  const draw = (): void => {
    if (busy) return // a slow line shows fewer pictures, no older ones
    const size = { columns: terminal.columns || USUAL.columns, rows: terminal.rows || USUAL.rows }
    const { lines, total } = picture(size)
    last = fitted(lines, size, total)
    busy = !terminal.write(redrawn(last))
  }
  const drained = (): void => {
    busy = false
  }
  let left = false
  const leave = (): void => {
    if (left) return
    left = true
    terminal.write(`${LEAVE}${last.join('\n')}\n`)
  }
  terminal.on('drain', drained)
  terminal.on('resize', draw)
  process.on('exit', leave) // of the impatient end
  terminal.write(ENTER)
  try {
    while (!signal.aborted) {
      draw()
      await pause(clock, everyMs, signal)
    }
  } finally {
    terminal.off('drain', drained)
    terminal.off('resize', draw)
    leave()
    process.off('exit', leave)
  }
}
