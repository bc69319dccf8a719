/** Whether dist/ is that of the source, and making it so. */
import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Builds where a source file is newer than what was built of it. @throws Error where that fails */
export function buildWhereStale(top: string): void {
  const built = modified(join(top, 'dist/main.js'))
  const sources = readdirSync(join(top, 'src'), { recursive: true, encoding: 'utf8' }).map((name) =>
    join(top, 'src', name),
  )
  if (built >= Math.max(...sources.map(modified))) return
  // To standard error: standard output is for the results.
  execFileSync('npm', ['run', 'build'], { cwd: top, stdio: ['ignore', 2, 2] })
}

function modified(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
