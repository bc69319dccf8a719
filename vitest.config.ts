import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    pool: 'forks',
    // Much of the time is spent waiting for processes and sockets: all processors, and not one less.
    maxWorkers: '100%',
  },
})
