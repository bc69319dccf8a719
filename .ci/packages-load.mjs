/**
 * Whether every optional package of the working folder loads with this Node.js: npm leaves out what it can't build, and
 * ends well. Says which do not, and exits 1. Called by `run` and `node-versions`.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const file = join(process.cwd(), 'package.json')
const require = createRequire(file)
const { optionalDependencies } = JSON.parse(readFileSync(file, 'utf8'))

// epoll comes with onoff, and the character device needs it, too.
for (const name of [...Object.keys(optionalDependencies), 'epoll']) {
  try {
    require(name)
  } catch (error) {
    process.exitCode = 1
    process.stdout.write(`${name} does not load on Node.js ${process.version}: ${error.message}\n`)
  }
}
if (process.exitCode === 1) process.stdout.write('npm ci --foreground-scripts shows why a package was not built\n')
