// What of the working copy the guest gets, a path a line: all of it but its history, and of the packages those that an
// installation has, without those that only development needs.
import { readdirSync, readFileSync } from 'node:fs'

const LIST = 'node_modules/.package-lock.json'
const { packages } = JSON.parse(readFileSync(LIST, 'utf8'))
const top = readdirSync('.').filter((name) => !['.git', 'node_modules'].includes(name))
const installed = Object.keys(packages).filter(
  (path) => packages[path].dev !== true && !path.includes('/node_modules/'),
)
process.stdout.write([...top, LIST, ...installed].join('\n'))
