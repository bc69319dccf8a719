/** The fault suite: what is promised about delivery and outputs, under the faults that break such promises. */
import { defineConfig } from 'vitest/config'
import { Figures } from './reporter.ts'

export default defineConfig({
  test: {
    include: ['test/faults/*.fault.ts'],
    reporters: ['verbose', new Figures()],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Most of the time is spent waiting; but agents and brokers need the processors themselves.
    maxWorkers: 2,
  },
})
