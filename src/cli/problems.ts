/** Shows what is wrong with a configuration. */
import { hostname } from 'node:os'
import type { LoadEnv } from '../config/load.ts'
import { type ConfigError, formatProblem, type Problem } from '../errors.ts'
import { findOverlays } from '../overlays.ts'

/** What the configuration may take from this process. */
export function loadEnv(): LoadEnv {
  return { env: process.env, hostname: hostname() }
}

/** The same, with what this machine's kernel has given its pins to; nothing of a simulated node is on them. `root` stands for `/`. */
export async function loadEnvHere(simulate: boolean, root = '/'): Promise<LoadEnv> {
  return simulate ? loadEnv() : { ...loadEnv(), overlays: await findOverlays(root) }
}

/** Every problem on a line of its own, on standard error. */
export function printProblems({ file, problems }: ConfigError): void {
  const lines = problems.map((problem) => formatProblem(file, problem))
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  const summary = problems.every(({ line }) => line === 0) ? '' : `${count} in ${file}\n`
  process.stderr.write(`${lines.join('\n')}\n${summary}`)
}

export function printWarnings(file: string, warnings: readonly Problem[]): void {
  for (const warning of warnings) process.stderr.write(`warning: ${formatProblem(file, warning)}\n`)
}
