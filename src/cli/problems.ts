/** Shows what is wrong with a configuration. */
import { ConfigError, formatProblem, type Problem } from '../errors.ts'
import { EXIT } from './exit-code.ts'

/** What `work` gives or, where a configuration is wrong, the exit code for that, after telling all of it. */
export async function orProblems(work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    printProblems(error)
    return EXIT.config
  }
}

/** Every problem on a line of its own, on standard error. */
function printProblems({ file, problems }: ConfigError): void {
  const lines = problems.map((problem) => formatProblem(file, problem))
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  const summary = problems.every(({ line }) => line === 0) ? '' : `${count} in ${file}\n`
  process.stderr.write(`${lines.join('\n')}\n${summary}`)
}

export function printWarnings(file: string, warnings: readonly Problem[]): void {
  for (const warning of warnings) process.stderr.write(`warning: ${formatProblem(file, warning)}\n`)
}
