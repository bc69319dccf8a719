/** A terminal without a window: runs a command on a pseudo-terminal, and tells what stands on its screen, with colours. */
import { spawn } from 'node:child_process'
import xterm, { type IBufferCell, type Terminal } from '@xterm/headless'
import { codeOf } from '../../src/errors.ts'

/** Characters in a row that look the same. */
export interface Run {
  readonly text: string
  /** Of the 16 colours of a terminal; undefined: its own. */
  readonly colour?: number
  readonly bold?: boolean
}
export type Line = readonly Run[]

export interface Screen {
  /** Waits until the screen has a text. */
  shows(pattern: RegExp): Promise<void>
  /** What it has now, without the empty lines at its end. */
  lines(): Line[]
  /** Resolves with the status of the command when it has ended by itself. */
  readonly exited: Promise<number>
  /** Ends it as Ctrl-C would, if it runs. */
  end(): Promise<number>
}

interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly columns: number
  readonly rows: number
  /** What stands in the place of a text that is another one each time. */
  readonly instead?: readonly (readonly [string, string])[]
}

const PATIENCE_MS = 20_000

/** Starts a command that thinks a person looks. It is to be ended, whatever comes. */
export function startOnTerminal({ program, args, cwd, env, columns, rows, instead = [] }: Command): Screen {
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true })
  const typed = [program, ...args].map((arg) => `'${arg}'`).join(' ')
  // `script` has a pseudo-terminal to give; the pid is told before the program takes the shell's place.
  const inside = `stty cols ${columns} rows ${rows}; echo "$$" >&3; exec ${typed}`
  const child = spawn('bash', ['-c', 'exec script -qec "$INSIDE" /dev/null 3>&4', '--'], {
    cwd,
    env: { ...process.env, ...env, INSIDE: inside, TERM: 'xterm-256color' },
    stdio: ['ignore', 'pipe', 'inherit', 'ignore', 'pipe'],
  })
  const pid = new Promise<number>((resolve) => {
    child.stdio[4]?.once('data', (bytes: Buffer) => resolve(Number(bytes.toString())))
  })
  const looking = new Set<() => void>()
  child.stdout?.on('data', (bytes: Buffer) => {
    const text = instead.reduce((before, [from, to]) => before.replaceAll(from, to), bytes.toString())
    terminal.write(text, () => {
      for (const look of looking) look()
    })
  })
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => terminal.write('', () => resolve(code ?? 1)))
  })
  return {
    lines: () => linesOf(terminal),
    shows: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(plain(linesOf(terminal)))) return
          clearTimeout(timer)
          looking.delete(look)
          resolve()
        }
        const timer = setTimeout(() => {
          looking.delete(look)
          reject(new Error(`no ${pattern} within ${PATIENCE_MS} ms, but:\n${plain(linesOf(terminal))}`))
        }, PATIENCE_MS)
        looking.add(look)
        look()
      }),
    exited,
    async end() {
      try {
        if (child.exitCode === null) process.kill(await pid, 'SIGINT')
      } catch (error) {
        if (codeOf(error) !== 'ESRCH') throw error // it has ended meanwhile
      }
      return exited
    },
  }
}

export function plain(lines: readonly Line[]): string {
  return lines.map((line) => line.map(({ text }) => text).join('')).join('\n')
}

function linesOf({ buffer, cols }: Terminal): Line[] {
  const { active } = buffer
  const lines = Array.from({ length: active.length }, (_, row) => {
    const line = active.getLine(row)
    const runs: { text: string; colour?: number; bold?: boolean }[] = []
    for (let column = 0; column < cols; column += 1) {
      const cell = line?.getCell(column)
      if (cell === undefined || cell.getWidth() === 0) continue // the second half of a wide character
      const look = lookOf(cell)
      const last = runs.at(-1)
      const text = cell.getChars() || ' '
      if (last !== undefined && last.colour === look.colour && last.bold === look.bold) last.text += text
      else runs.push({ text, ...look })
    }
    const end = runs.at(-1)
    if (end !== undefined) end.text = end.text.trimEnd()
    return runs.filter(({ text }) => text !== '')
  })
  while (lines.at(-1)?.length === 0) lines.pop()
  return lines
}

function lookOf(cell: IBufferCell): Omit<Run, 'text'> {
  return {
    ...(cell.isFgPalette() && cell.getFgColor() < 16 ? { colour: cell.getFgColor() } : {}),
    ...(cell.isBold() ? { bold: true } : {}),
  }
}
