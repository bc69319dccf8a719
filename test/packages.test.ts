/** What the program is made of is known: why each package is there, and all of them in the bill of materials. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const top = fileURLToPath(new URL('..', import.meta.url))
const read = (name: string): string => readFileSync(`${top}${name}`, 'utf8')

it('CONTRIBUTING.md says of every package what it is for, and of no other', () => {
  const own = JSON.parse(read('package.json'))
  const direct = [own.dependencies, own.optionalDependencies, own.devDependencies].flatMap(Object.keys)
  const section = read('CONTRIBUTING.md').split('## What each package is for')[1] ?? ''
  const rows = [...section.matchAll(/^\| (`.*?) \| (.+) \|$/gm)]
  const named = rows.flatMap(([, names = '']) => [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name))
  expect(named.toSorted()).toEqual(direct.toSorted())
})

it('the bill of materials has every package that can be installed, with its version, and no place on the net to get it', async () => {
  const { scripts } = JSON.parse(read('package.json'))
  const [command, file] = String(scripts.sbom).split(' > ')
  expect(read('.gitignore').split('\n')).toContain(file)
  const { stdout } = await promisify(execFile)('sh', ['-c', command ?? ''], { cwd: top, maxBuffer: 1e8 })
  const bill = JSON.parse(stdout)
  expect(bill.bomFormat).toBe('CycloneDX')
  const listed = new Set<string>(bill.components.map((one: { 'bom-ref': string }) => one['bom-ref']))
  const locked = Object.entries<{ version: string }>(JSON.parse(read('package-lock.json')).packages)
    .filter(([path]) => path !== '')
    .map(([path, { version }]) => `${path.split('node_modules/').at(-1)}@${version}`)
  expect(locked.filter((one) => !listed.has(one))).toEqual([])
  expect(stdout).not.toMatch(/"distribution"/)
})
