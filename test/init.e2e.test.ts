/** `sensor-node init` as a person meets it: on a terminal, and without one. */
import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BUILT, runToEnd } from './fakes/agent-process.ts'
import { describeWith } from './fakes/tools.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sensor-node-init-'))
})
afterEach(() => rm(folder, { recursive: true }))

const init = (...args: string[]) => runToEnd(['init', ...args], { cwd: folder })

describe('sensor-node init without a terminal', () => {
  it('says that it has no terminal, and writes nothing', async () => {
    const { code, output } = await init()
    expect([code, output]).toEqual([1, expect.stringContaining('--yes')])
    expect(await readdir(folder)).toEqual([])
  })

  it('with --yes writes what check accepts, for its owner and group alone', async () => {
    const { code, output } = await init('--yes', '--no-scan', '--id', 'kitchen', '--output', '17=LED', '22')
    expect([code, output]).toEqual([0, expect.stringContaining('config.yaml is written')])
    expect((await stat(join(folder, 'config.yaml'))).mode & 0o777).toBe(0o640)
    const checked = await runToEnd(['check'], { cwd: folder })
    expect(checked.code).toBe(0)
    for (const part of ['kitchen', 'gpio/17/command', 'gpio/22/command', 'board'])
      expect(checked.output).toContain(part)
    expect(checked.output).not.toContain('warning')
  })

  it('takes what a scan finds on this machine', async () => {
    expect((await init('--yes', 'scanned.yaml')).code).toBe(0)
    expect((await runToEnd(['check', 'scanned.yaml'], { cwd: folder })).code).toBe(0)
  })

  it('names for editors the schema beside the file, or else the program’s own', async () => {
    await init('--yes', '--no-scan', 'one.yaml')
    const [line = ''] = (await readFile(join(folder, 'one.yaml'), 'utf8')).split('\n')
    const [, url = ''] = /^# yaml-language-server: \$schema=(file:\/\/\S+)$/.exec(line) ?? []
    expect(JSON.parse(await readFile(new URL(url), 'utf8'))).toHaveProperty('definitions')
    await writeFile(join(folder, 'config.schema.json'), '{}')
    await init('--yes', '--no-scan', 'two.yaml')
    expect(await readFile(join(folder, 'two.yaml'), 'utf8')).toMatch(
      /^# yaml-language-server: \$schema=\.\/config\.schema\.json\n/,
    )
  })

  it.each([
    ['a file', () => writeFile(join(folder, 'config.yaml'), 'mine')],
    ['a link that leads nowhere', () => symlink('nowhere', join(folder, 'config.yaml'))],
    ['a folder', () => mkdir(join(folder, 'config.yaml'))],
  ])('leaves %s of that name as it is', async (_, make) => {
    await make()
    const before = await readdir(folder)
    const { code, output } = await init('--yes', '--no-scan')
    expect([code, output]).toEqual([1, expect.stringContaining('is there already')])
    expect(await readdir(folder)).toEqual(before)
  })

  it('says all that is wrong with the options, and writes nothing', async () => {
    const { code, output } = await init('--yes', '--no-scan', '--id', 'a b', '--url', 'http://x', '--input', '40')
    expect(code).toBe(78)
    for (const part of ['--id: must', '--url: must', '--input 40: must']) expect(output).toContain(part)
    expect(await readdir(folder)).toEqual([])
  })

  it.each([
    [
      ['--output', '4=A', '--input', '4'],
      '--input 4: pin 4 is used twice: here, and by --output 4=A (a pin has one use)',
    ],
    [['--output', '17='], '--output 17=: must not be empty'],
    [['--password-file', 'x'], '--password-file: needs --username beside it'],
    [['--username', 'me', '--password-file', 'x'], 'x does not exist (create it, or correct the path)'],
    [['--url', 'mqtt://u:p@h'], '--url: must carry no user name and password; use --username and --password-file'],
  ])('tells what is wrong with %j in the words of the options', async (args, message) => {
    const { code, output } = await init('--yes', '--no-scan', ...args)
    expect(code).toBe(78)
    expect(output).toContain(message)
    expect(output).not.toMatch(/ at \d+:\d+|gpio\.|mqtt\.|node\.id|this file/)
  })

  it('wants the password file to be there, relative to where it was named from', async () => {
    await mkdir(join(folder, 'etc'))
    const args = ['--yes', '--no-scan', 'etc/config.yaml', '--username', 'a', '--password-file', 'secret']
    expect((await init(...args)).code).toBe(78)
    await writeFile(join(folder, 'secret'), 'x\n')
    await chmod(join(folder, 'secret'), 0o600)
    expect((await init(...args)).code).toBe(0)
    expect(await readFile(join(folder, 'etc/config.yaml'), 'utf8')).toContain(
      `password_file: ${join(folder, 'secret')}`,
    )
    expect((await runToEnd(['check', 'etc/config.yaml'], { cwd: folder })).code).toBe(0)
  })

  it('says that it can’t write where there is no folder', async () => {
    const { code, output } = await init('--yes', '--no-scan', 'no/such/config.yaml')
    expect([code, output]).toEqual([1, expect.stringContaining('can’t be written')])
  })
})

/** On a terminal of its own; types each answer when something new was asked. */
function onTerminal(args: string, answers: readonly string[]): Promise<{ code: number | null; output: string }> {
  const command = `"${process.execPath}" "${BUILT}" init --no-scan ${args}`
  const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  let looked = 0
  const left = [...answers]
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString()
    if (!/: \S*$/.test(output.slice(looked))) return
    const answer = left.shift()
    if (answer === undefined) return
    looked = output.length
    child.stdin.write(answer)
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  })
}

describeWith(['script'], 'sensor-node init on a terminal', () => {
  it('asks, asks again where an answer is wrong, and writes what check accepts', async () => {
    const { code, output } = await onTerminal('', ['my node\r', 'kitchen\r', '\r', '\r', '17=LED\r', '17=Door\r', '\r'])
    expect(output).toContain('must be 1 to 64 letters')
    expect(output).toMatch(/ {2}pin 17 is used twice: here, and by 17=LED; a pin has one use/)
    expect(code).toBe(0)
    const checked = await runToEnd(['check'], { cwd: folder })
    expect([checked.code, checked.output]).toEqual([0, expect.stringContaining('gpio/17/command')])
    expect(checked.output).toContain('kitchen')
  })

  it.each([
    ['^C', '\u0003'],
    ['^D', '\u0004'],
  ])('leaves nothing behind at %s', async (_, key) => {
    const { code, output } = await onTerminal('', ['kitchen\r', key])
    expect(output).toContain('nothing was written')
    expect(code).toBe(1)
    expect(await readdir(folder)).toEqual([])
  })
})
