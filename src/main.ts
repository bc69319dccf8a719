#!/usr/bin/env node
/** The process: arguments in, exit code out. Everything else takes what it needs as an argument. */
import { useCodeCache } from './cli/code-cache.ts'
import { plainRun } from './cli/plain-run.ts'
import { orProblems } from './cli/problems.ts'

void orProblems(() => start(process.argv.slice(2))).then((code) => {
  // Native packages keep threads and descriptors that no event loop waits for; the work is done here.
  process.exit(code)
})

/** Loads only what the arguments ask for. */
async function start(args: readonly string[]): Promise<number> {
  const flags = plainRun(args)
  if (flags !== undefined) {
    const codeCache = useCodeCache(process.env, import.meta.dirname)
    const { run } = await import('./cli/run.ts')
    return run(flags, codeCache)
  }
  const { runCommandLine } = await import('./cli/command-line.ts')
  return runCommandLine(args)
}
