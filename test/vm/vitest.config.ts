/** The tests that run in the virtual machine, one file after the other: they share its pins, its bus and its broker. */
import { defineConfig } from 'vitest/config'

const rebooted = process.env.VM_BOOT === '2'

export default defineConfig({
  cacheDir: '/tmp/vitest',
  test: {
    include: [rebooted ? 'test/vm/after-reboot.vm.ts' : 'test/vm/!(after-reboot).vm.ts'],
    reporters: ['verbose'],
    // An emulated processor: what takes a moment elsewhere takes seconds.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    // Native packages do not load in threads. One process for all files: starting one takes five seconds.
    pool: 'forks',
    maxWorkers: 1,
    isolate: false,
    fileParallelism: false,
  },
})
