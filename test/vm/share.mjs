// What of the working copy the guest gets, a path a line: all of it but its history, and of the packages those that the
// built program loads when it runs there, with all that they need: the others are in `dist` and `build/vm` already, and
// four thousand small files take long to copy twice.
import { existsSync, readdirSync, readFileSync } from 'node:fs'

const LIST = 'node_modules/.package-lock.json'
const own = JSON.parse(readFileSync('package.json', 'utf8'))
const { packages } = JSON.parse(readFileSync(LIST, 'utf8'))

const wanted = new Set()
function want(name) {
  const path = `node_modules/${name}`
  const { dependencies = {}, optionalDependencies = {} } = packages[path] ?? {}
  if (wanted.has(path) || !existsSync(path)) return
  wanted.add(path)
  for (const one of Object.keys({ ...dependencies, ...optionalDependencies })) want(one)
}
for (const name of Object.keys(own.optionalDependencies)) want(name)

const top = readdirSync('.').filter((name) => !['.git', 'node_modules'].includes(name))
process.stdout.write([...top, LIST, ...wanted].join('\n'))
