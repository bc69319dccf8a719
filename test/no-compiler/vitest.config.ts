/** The tests of what npm leaves on a machine without a compiler. `.ci/no-compiler` makes such a machine and runs them. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['test/no-compiler/*.bare.ts'], testTimeout: 60_000, hookTimeout: 60_000, pool: 'forks' },
})
