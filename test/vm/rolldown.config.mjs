// The tests, and what runs them, as few files of JavaScript: in the guest it would take half a minute to compile and load
// them one by one. At the same depth as before, so that what they look for beside themselves is found.
import { readdirSync } from 'node:fs'

const tests = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.vm.ts'))

export default {
  input: Object.fromEntries([...tests, 'run.ts'].map((name) => [name.replace(/\.ts$/, ''), `test/vm/${name}`])),
  platform: 'node',
  output: { dir: 'build/vm', format: 'esm', chunkFileNames: '[name].js', cleanDir: true },
}
