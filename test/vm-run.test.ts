/** What runs the tests in the virtual machine lets nothing pass that went wrong. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const top = fileURLToPath(new URL('..', import.meta.url))

const FILES = {
  passes: `describe('a sum', () => { it('is right', () => expect(1 + 1).toBe(2)); it('is even', () => expect(2 % 2).toBe(0)) })`,
  fails: `it('is wrong', () => expect({ level: 1 }).toEqual({ level: 0 })); it('is right', () => {})`,
  'fails-on-import': `throw new Error('not even loaded')`,
  'is-empty': '',
  'fails-before': `beforeAll(() => { throw new Error('no broker') }); it('is never reached', () => {})`,
  'fails-after': `afterAll(() => { throw new Error('left behind') }); it('is right', () => {})`,
  'fails-after-each': `afterEach(() => { throw new Error('left behind') }); it('is right', () => {})`,
  strays: `it('does not wait', () => { Promise.reject(new Error('nobody cares')) })`,
  'strays-late': `it('does not wait', () => { setTimeout(() => { throw new Error('nobody cares') }, 1) }); it('waits', () => new Promise((resolve) => setTimeout(resolve, 50)))`,
  exits: `it('ends all', () => process.exit(0))`,
  'is-alone': `it.only('is alone', () => {}); it('is left out', () => {})`,
  hangs: `it('waits for what can not come', { timeout: 0 }, () => new Promise(() => {}))`,
  'asserts-nothing': `it('has promised to', () => { expect.hasAssertions() })`,
  'asserts-less': `it('has promised two', () => { expect.assertions(2); expect(1).toBe(1) })`,
  'is-slow': `it('is slow', () => new Promise((resolve) => setTimeout(resolve, 60_000)), 20)`,
  'after-reboot': `it('is back', () => {})`,
}

let folder: string
beforeAll(async () => {
  // Inside of the project, so that its packages are found.
  mkdirSync(join(top, 'build'), { recursive: true })
  folder = mkdtempSync(join(top, 'build/vm-run-'))
  const input: Record<string, string> = { run: join(top, 'test/vm/run.ts') }
  for (const [name, code] of Object.entries(FILES)) {
    input[`${name}.vm`] = join(folder, `${name}.ts`)
    writeFileSync(
      join(folder, `${name}.ts`),
      `import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'\n${code}`,
    )
  }
  await build({ input, platform: 'node', logLevel: 'silent', output: { dir: join(folder, 'out'), format: 'esm' } })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(args: readonly string[], boot = '1'): Promise<{ code: number; output: string }> {
  const env = { ...process.env, VM_BOOT: boot }
  return new Promise((resolve) => {
    execFile(process.execPath, [join(folder, 'out/run.js'), ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    )
  })
}

describe('the tests in the virtual machine', () => {
  it('are well when each of them is, and each is named', async () => {
    const { code, output } = await run(['passes'])
    expect(output).toMatch(/✓ passes\.vm\.js > a sum > is right \d+ms\n ✓ passes\.vm\.js > a sum > is even/)
    expect(output).toMatch(/Test files {2}1 passed \(1\)\n +Tests {2}2 passed \(2\)/)
    expect(code).toBe(0)
  })

  it('tell of one that fails what differs, and in which line', async () => {
    const { code, output } = await run(['fails.vm'])
    expect(output).toContain('× fails.vm.js > is wrong')
    expect(output).toMatch(/FAIL fails\.vm\.js > is wrong\nAssertionError: .*\n.*- +"level": 0.*\+ +"level": 1/s)
    expect(output).toMatch(/\n {4}it\("is wrong"/)
    expect(output).toMatch(/Tests {2}1 failed \| 1 passed \(2\)/)
    expect(code).toBe(1)
  })

  it.each([
    { file: 'fails-on-import', says: 'not even loaded' },
    { file: 'is-empty', says: 'No test suite found' },
    { file: 'fails-before', says: 'no broker' },
    { file: 'fails-after.vm', says: 'left behind' },
    { file: 'fails-after-each', says: 'left behind' },
    { file: 'strays.vm', says: 'nobody cares' },
    { file: 'strays-late', says: 'nobody cares' },
    { file: 'exits', says: 'a test called process.exit(0)' },
    { file: 'is-alone', says: 'only' },
    { file: 'hangs', says: 'ended in the middle' },
    { file: 'asserts-nothing', says: 'expected any number of assertion' },
    { file: 'asserts-less', says: 'expected number of assertions to be 2, but got 1' },
    { file: 'is-slow', says: 'timed out in 20ms' },
    { file: 'of-this-name-there-is-none', says: 'no file of tests is called of-this-name-there-is-none' },
  ])('are not well where $file: it says $says', async ({ file, says }) => {
    const { code, output } = await run([file])
    expect(output).toContain(says)
    expect(code).not.toBe(0)
  })

  it('go on after a file that can not be loaded', async () => {
    const { code, output } = await run(['fails-on-import', 'passes'])
    expect(output).toMatch(/Test files {2}1 failed \| 1 passed \(2\)/)
    expect(code).toBe(1)
  })

  it('can be chosen by their names, and it is no success where none has that', async () => {
    const one = await run(['passes', '-t', 'is (right|wrong)'])
    expect(one.output).toMatch(/Tests {2}1 passed \| 1 skipped \(2\)/)
    expect(one.code).toBe(0)
    const none = await run(['passes', '-t', 'is nowhere'])
    expect(none.output).toContain('No test has run')
    expect(none.code).toBe(1)
  })

  it('can be left out by their file', async () => {
    const { code, output } = await run(['passes', 'exits', '--exclude', 'exits'])
    expect(output).toMatch(/Test files {2}1 passed \(1\)/)
    expect(code).toBe(0)
  })

  it.each(['passes pases', 'passes --exclude pases'])(
    'are not run where one of several names is misspelt: %s',
    async (line) => {
      const { code, output } = await run(line.split(' '))
      expect(output).toContain('no file of tests is called pases')
      expect(output).not.toContain('is even')
      expect(code).not.toBe(0)
    },
  )

  it('refuse an option that they do not know', async () => {
    const { code, output } = await run(['passes', '--watch'])
    expect(output).toContain('--watch')
    expect(code).not.toBe(0)
  })

  it('are those for the time after a reboot then, and else the others', async () => {
    expect((await run(['passes', 'after-reboot'])).output).not.toContain('is back')
    const { code, output } = await run([], '2')
    expect(output).toMatch(/✓ after-reboot\.vm\.js > is back.*Test files {2}1 passed \(1\)/s)
    expect(code).toBe(0)
  })

  it('get of the working copy what an installation has, and neither its history nor tools', () => {
    const shared = execFileSync(process.execPath, ['test/vm/share.mjs'], { cwd: top, encoding: 'utf8' }).split('\n')
    // epoll is what onoff needs; package-lock.json is what install.sh holds the packages against.
    const needed = ['dist', 'deploy', 'package-lock.json', 'node_modules/.package-lock.json', 'node_modules/epoll']
    expect(shared).toEqual(expect.arrayContaining(needed))
    for (const spare of ['.git', 'node_modules', 'node_modules/typescript', 'node_modules/vitest'])
      expect(shared).not.toContain(spare)
  })
})
