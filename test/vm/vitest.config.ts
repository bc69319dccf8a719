/** The tests that run in the virtual machine, as rolldown.config.mjs has bundled them, one file after the other: they share its pins, its bus and its broker. */
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { PATIENCE_MS } from './patience.ts'

const rebooted = process.env.VM_BOOT === '2'

/** By name, but what is installed stays: it would take the pins and the bus from others. */
class InstallationLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): string => `${moduleId.endsWith('install.vm.js')}${moduleId}`
    return files.toSorted((a, b) => rank(a).localeCompare(rank(b)))
  }
}

export default defineConfig({
  cacheDir: '/tmp/vitest',
  test: {
    include: [rebooted ? 'build/vm/after-reboot.vm.js' : 'build/vm/!(after-reboot).vm.js'],
    reporters: ['verbose'],
    // More than the patience of a test for one thing, so that its own words come out.
    testTimeout: 2 * PATIENCE_MS,
    hookTimeout: 2 * PATIENCE_MS,
    teardownTimeout: 30_000,
    sequence: { sequencer: InstallationLast },
    // Native packages do not load in threads. One process for all files: starting one takes five seconds.
    pool: 'forks',
    maxWorkers: 1,
    isolate: false,
    fileParallelism: false,
  },
})
