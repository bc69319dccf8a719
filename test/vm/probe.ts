/**
 * A probe at some wires: looks at the simulator's lines a hundred times a second, and notes each change. What falls
 * between two looks is for wire-trace.ts to see; a probe that never rests would take the processor from who is watched.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { folder } from './hardware.ts'

export interface Probe {
  /** Ends the probe: for each wire the levels that it has had, in order, without repeats. */
  end(): Promise<string[]>
}

/** Looks until it is told to stop; by builtins of the shell alone, as a process per look would be too slow. */
const LOOK = `
trap 'done=yes' TERM
exec {nothing}<> <(:)
while [ -z "$done" ]; do
  read -t 0.01 -u $nothing
  now=
  for file; do
    read -r level <"$file"
    now=$now$level
  done
  [ "$now" = "$last" ] || echo "$now"
  last=$now
done`

/** Resolves when it has looked for the first time. */
export async function probe(lines: readonly number[]): Promise<Probe> {
  const files = lines.map((line) => `${folder(line)}/value`)
  const child = spawn('bash', ['-c', LOOK, 'probe', ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const looks: string[] = []
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const output = createInterface({ input: child.stdout })
  await new Promise<void>((resolve) => {
    output.on('line', (levels) => {
      looks.push(levels)
      resolve()
    })
  })
  return {
    async end() {
      child.kill('SIGTERM')
      await ended
      return lines.map((_, index) => looks.map((levels) => levels.charAt(index)).reduce(withoutRepeat, ''))
    },
  }
}

function withoutRepeat(levels: string, level: string): string {
  return levels.endsWith(level) ? levels : levels + level
}
