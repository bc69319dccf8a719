// The tests as few files of JavaScript: in the guest vitest would take half a minute to compile and load them one by one.
// At the same depth as before, so that what they look for beside themselves is found.
import { readdirSync } from 'node:fs'

const tests = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.vm.ts'))

export default {
  input: Object.fromEntries(tests.map((name) => [name.replace(/\.ts$/, ''), `test/vm/${name}`])),
  platform: 'node',
  external: /^[^./]/, // packages
  output: { dir: 'build/vm', format: 'esm', chunkFileNames: '[name].js' },
}
