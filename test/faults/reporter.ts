/** Prints what a run of the fault suite found, as a table at its end. Tests hand figures over by `annotate`. */
import type { Reporter, TestModule } from 'vitest/node'

export class Figures implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = modules.flatMap(({ children }) =>
      [...children.allTests()].flatMap((test) =>
        test
          .annotations()
          .filter(({ type }) => type === 'figure')
          .map(({ message }) => message),
      ),
    )
    if (rows.length > 0) process.stdout.write(`\nFound:\n${rows.map((row) => `  ${row}`).join('\n')}\n\n`)
  }
}
